"""What two runs of a drill are compared by, and what one that fails leaves."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from sentiment_ft.config import Config
from sentiment_ft.errors import UserError
from sentiment_ft.proof import chaos
from sentiment_ft.proof.chaos import _records
from sentiment_ft.proof.drill import Drill, Report
from sentiment_ft.recipe import Loaded


def test_times_and_memory_are_not_compared_and_losses_are(tmp_path):
    same = {"event": "train", "update": 1, "loss": 0.5, "rows_digest": "ab"}
    other = {"rows_per_s": 3.0, "elapsed_s": 1.0, "mfu": 0.3, "device_reserved_mib": 9.0, "host_memory_mib": 8.0}
    lines = [same | other, {"event": "checkpoint", "update": 1, "bytes": 3}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert _records(tmp_path) == [same]


@pytest.mark.parametrize("ends", ["same", "different", "fails", "breaks", "interrupted"])
def test_what_a_drill_has_left_is_kept_where_it_failed(tmp_path, monkeypatch, capsys, ends):
    class Drilled:
        """In place of a training of minutes."""

        def __init__(self, folder: Path, *_: object, **__: object) -> None:
            (folder / "struck.log").write_text("said")

        def train(self, name: str) -> Path:
            if ends == "interrupted":
                raise KeyboardInterrupt
            return Path(name)

        def strike(self, *_: object) -> Report:
            if ends == "fails":
                raise UserError("ended with exit code 1")
            if ends == "breaks":
                raise RuntimeError("a bug")
            return Report()

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(chaos, "Drill", Drilled)
    monkeypatch.setattr(chaos, "differences", lambda *_: ["metrics.jsonl"] if ends == "different" else [])
    raised = {"fails": UserError, "breaks": RuntimeError, "interrupted": KeyboardInterrupt}.get(ends)
    with pytest.raises(raised) if raised else nullcontext():
        code = chaos.run(Loaded(Config(), {}, "x"), {"kill": 1}, processes=1, as_json=False, quiet=True)
        assert code == (5 if ends == "different" else 0)
    kept = list(tmp_path.glob("sentiment-ft-chaos-*/struck.log"))
    assert len(kept) == (ends in ("different", "fails", "breaks"))
    assert ("kept to look at: " in capsys.readouterr().err) == bool(kept)
    assert kept or list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("gone", [psutil.NoSuchProcess(1), ProcessLookupError()])
@pytest.mark.parametrize("kind", ["kill", "full disk"])
def test_a_strike_at_a_process_that_has_ended_is_no_traceback(tmp_path, monkeypatch, kind, gone):
    """resource.prlimit raises the second."""
    drill = Drill(tmp_path, 1, on_cpu=True, tracked=False, quiet=True)

    def raises(*_: object) -> None:
        raise gone

    monkeypatch.setattr(drill, "started", lambda *_, **__: nullcontext(SimpleNamespace(pid=os.getpid())))
    monkeypatch.setattr(drill, "_wait_for", lambda *_: True)
    monkeypatch.setattr(drill, "_strike", raises)
    with pytest.raises(UserError, match=f"a process ended just before the {kind}"):
        drill.strike([kind], random.Random(1))


@pytest.mark.parametrize("name", ["metrics.jsonl", "predictions.jsonl", "checkpoints", "best"])
def test_what_a_struck_run_lacks_is_a_difference(tmp_path, name):
    for run in ("untouched", "struck"):
        for file in ("metrics.jsonl", "predictions.jsonl"):
            (tmp_path / run).mkdir(exist_ok=True)
            (tmp_path / run / file).touch()
        for file in ("checkpoints/1/model", "checkpoints/1/training", "best/model"):
            (tmp_path / run / file).parent.mkdir(parents=True, exist_ok=True)
            save_file({"w": np.ones(2)}, tmp_path / run / f"{file}.safetensors")
    assert chaos.differences(tmp_path / "untouched", tmp_path / "struck") == []
    path = tmp_path / "struck" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert all(name in found for found in chaos.differences(tmp_path / "untouched", tmp_path / "struck"))
    assert chaos.differences(tmp_path / "untouched", tmp_path / "struck")
