"""The W&B views as code: deterministic, of names that a run logs, and the picture of them in docs/ is of today."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sentiment_ft.config import Config
from sentiment_ft.errors import ModelError
from sentiment_ft.judge.scores import SCORES
from sentiment_ft.run.layout import INNER
from sentiment_ft.track import dashboard, panels
from tests.launched import ROOT

TRAIN = (
    "loss", "learning_rate", "grad_norm", "loss_scale", "skipped_updates", "rows_per_s", "real_tokens_per_s",
    "padding_share", "mfu", "host_memory_mib", "device_memory_mib", "device_reserved_mib", "elapsed_s", "epoch",
)  # fmt: skip
MEDIA = ("confusion_matrix", "roc", "precision_recall", "calibration", "predictions")
DRAWN = ("confusion", "curves", "reliability")
BOUNDS = ("accuracy", "accuracy_low", "accuracy_high")
LOGGED = {
    "update", "lengths", "plots/lengths", "best_update", "wall_s", "rows_per_s", "real_tokens_per_s",
    *(f"train/{name}" for name in TRAIN),
    *(f"eval/{name}" for name in (*SCORES, *BOUNDS)),
    *(f"checkpoint/{name}" for name in ("bytes", "held_up_s", "seconds")),
    *(f"plots/{prefix}{name}" for prefix in ("", "test_") for name in DRAWN),
    *(f"{part}/{name}" for part in ("validation", "test") for name in (*MEDIA, *BOUNDS)),
}  # fmt: skip


def values(node: Any, *keys: str) -> list[Any]:
    """What stands under one of the keys, anywhere."""
    found: list[Any] = []
    if isinstance(node, dict):
        for key, value in node.items():
            found += [value] if key in keys else values(value, *keys)
    elif isinstance(node, list):
        for entry in node:
            found += values(entry, *keys)
    return found


def both() -> list[dict[str, Any]]:
    return [dashboard.workspace("films").spec, dashboard.report("films").spec]


def test_panels_show_names_that_a_run_logs():
    for spec in both():
        named = [name for key in ("metrics", "mediaKeys") for names in values(spec, key) for name in names]
        assert len(named) > 20 and set(named) <= LOGGED
        columns = [name for name in values(spec, "accessor")] + [
            name for names in values(spec, "columnOrder") for name in names
        ]
        for column in columns:
            section, name = column.split(":", 1)
            if section == "config":
                assert name.removesuffix(".value") in Config.model_fields
            elif section == "summary":
                assert name in LOGGED
            else:
                assert column in ("run:displayName", "run:state")
    assert "validation/predictions" in LOGGED and "test/predictions" in json.dumps(both()[1])


def test_the_pictures_are_those_that_a_run_draws():
    shown = {name for names in values(both()[0], "mediaKeys") for name in names}
    assert len(shown) == 7
    for name in shown:
        assert INNER["plots"].fullmatch(f"{name.removeprefix('plots/')}.png"), name


def test_every_section_and_every_training_number_is_there():
    spec = both()[0]
    sections = spec["section"]["panelBankConfig"]["sections"]
    assert [section["name"] for section in sections] == [
        "Training",
        "Evaluation",
        "Throughput and memory",
        "System",
        "Compare runs",
    ]
    shown = {name for names in values(spec, "metrics") for name in names}
    assert {name for name in LOGGED if name.startswith(("train/", "eval/", "checkpoint/"))} <= shown
    kinds = [panel["viewType"] for panel in sections[-1]["panels"]]
    assert kinds == ["Bar Chart", "Parallel Coordinates Plot", "Parallel Coordinates Plot", "Run Comparer"]
    for pattern in values(spec, "metricRegex"):
        re.compile(pattern)


def test_the_report_has_its_chapters():
    spec = both()[1]
    headings = [block["children"][0]["text"] for block in spec["blocks"] if block["type"] == "heading"]
    assert headings == ["Goal", "Runs", "Curves", "Evaluation", "Errors", "Cost", "How to reproduce"]


def test_no_two_panels_share_an_id():
    for spec in both():
        numbers = values(spec, "__id__")
        assert len(numbers) > 10 and len(set(numbers)) == len(numbers)
        assert all(re.fullmatch(r"[0-9a-z]{12}", number) for number in numbers)


def test_sets_of_runs_have_ids_of_their_own():
    for spec, many in zip(both(), (1, 5), strict=True):
        numbers = [runs["id"] for sets in values(spec, "runSets") for runs in sets]
        assert len(set(numbers)) == many and all(re.fullmatch(r"[0-9a-z]{12}", number) for number in numbers)


def test_other_processes_draw_the_same():
    """The library draws ids at random, some of them once a process."""
    code = "from sentiment_ft.track import dashboard as d; print([d.workspace('films'), d.report('films')])"
    said = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
        for _ in range(2)
    }
    assert said == {f"{[dashboard.workspace('films'), dashboard.report('films')]}\n"}
    places = [("films", ""), ("films", "me"), ("other", "me")]
    assert len({make(*place).name for place in places for make in (dashboard.workspace, dashboard.report)}) == 6
    assert dashboard.workspace("films", "me").spec == dashboard.workspace("other").spec


def test_a_project_with_a_hostile_name_is_quoted_where_people_copy_it():
    text = json.dumps(dashboard.report("a b; rm -rf ~").spec)
    assert "--project 'a b; rm -rf ~'" in text


def test_without_the_library_there_is_a_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb_workspaces.workspaces", None)
    with pytest.raises(ModelError, match="pip install 'wandb-workspaces"):
        panels.library()


def test_the_picture_is_of_today():
    path = Path(ROOT) / "docs" / "draw_workspace.py"
    spec = importlib.util.spec_from_file_location("draw_workspace", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn = module.draw(dashboard.workspace("any").spec)
    assert module.CAPTION in drawn and "not a screenshot" in drawn
    assert module.FILE.read_text(encoding="utf-8") == drawn, "python docs/draw_workspace.py"
