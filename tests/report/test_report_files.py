"""A run folder may be torn, edited, huge or hostile: the report takes what can be read, and says what cannot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sentiment_ft.report import record
from sentiment_ft.report.files import MAX_LINE_BYTES, number, read_config, read_json, read_lines, whole
from sentiment_ft.report.rows import read_rows
from sentiment_ft.report.single import page_of
from tests.report_runs import row, write_lines, write_run

BAD_JSON = ["", "{", "[1]", "null", "NaN", '{"a": NaN}', "[" * 100_000, '{"a": 1' + "0" * 5000 + "}", "\x00", "\xff"]


@pytest.mark.parametrize("content", BAD_JSON, ids=range(len(BAD_JSON)))
def test_what_is_no_mapping_is_left_out_and_said(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(content.encode("latin-1"))
    faults: list[str] = []
    assert read_json(tmp_path / "x.json", faults) == {}
    assert len(faults) == 1
    assert "x.json" in faults[0]


def test_what_is_not_there_is_no_fault(tmp_path: Path) -> None:
    faults: list[str] = []
    assert read_json(tmp_path / "x.json", faults) == {}
    assert list(read_lines(tmp_path / "x.jsonl", faults)) == []
    assert read_rows(tmp_path / "x.jsonl", faults) is None
    assert faults == []


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    good = b'{"a": 1}\n'
    long = b'{"a": "' + b"x" * (2 * MAX_LINE_BYTES) + b'"}\n'
    (tmp_path / "x.jsonl").write_bytes(good + b"{torn\n" + b"\n" + long + b"[1]\n" + good + b'{"a": 1')
    faults: list[str] = []
    assert list(read_lines(tmp_path / "x.jsonl", faults)) == [{"a": 1}, {"a": 1}]
    assert faults == ["x.jsonl: 4 lines of it cannot be read: left out"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jsonl")
    os.mkfifo(tmp_path / "x.json")
    assert list(read_lines(tmp_path / "x.jsonl", [])) == []
    assert read_json(tmp_path / "x.json", []) == {}


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    (tmp_path / "config.yaml").write_text(bomb)
    faults: list[str] = []
    assert read_config(tmp_path / "config.yaml", faults) == {}
    assert len(faults) == 1


@pytest.mark.parametrize("value", [True, "1", None, [], float("nan"), float("inf"), 1e308, 10**400])
def test_what_is_no_number(value: object) -> None:
    assert number(value) is None


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 10**400])
def test_what_is_no_whole_number(value: object) -> None:
    assert whole(value) is None


WRONG_ROWS = [
    {"id": "1"}, {"id": True}, {"id": 10**40}, {"text": None}, {"label": 2}, {"label": True}, {"label": "1"},
    {"p_positive": 1.5}, {"p_positive": -0.1}, {"p_positive": "0.5"}, {"p_positive": None},
]  # fmt: skip


@pytest.mark.parametrize("change", WRONG_ROWS, ids=str)
def test_a_row_without_its_parts_is_left_out_and_said(change: dict[str, object], tmp_path: Path) -> None:
    write_lines(tmp_path / "x.jsonl", [row(0, 1, 0.9, None), row(1, 0, 0.2, None) | change])
    faults: list[str] = []
    rows = read_rows(tmp_path / "x.jsonl", faults)
    assert rows is not None
    assert rows.ids.tolist() == [0]
    assert len(faults) == 1


def test_right_is_the_label_above_a_half(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "x.jsonl",
        [row(n, label, p, None) for n, (label, p) in enumerate([(1, 0.5), (0, 0.5), (1, 0.500001)])],
    )
    rows = read_rows(tmp_path / "x.jsonl", [])
    assert rows is not None
    assert rows.right.tolist() == [False, True, True], "a tie is negative, as in judge.scores"


ATTEMPTS = [
    {"event": "began", "at": "2026-11-28T01:02:03Z", "update": 0, "processes": 2},
    {"event": "ended", "at": "2026-11-28T01:02:04Z", "update": 0, "code": 75, "why": "ended by SIGTERM"},
]
JUNK: list[object] = [None, True, -1, 1e308, "\ud800", [{}], {"a": {"b": []}}]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("file", ["summary.json", "environment.json", "lengths.json", "plan.json"])
def test_any_value_may_be_junk(file: str, junk: object, tmp_path: Path) -> None:
    """Each value of each file in turn, at every depth."""
    folder = write_run(tmp_path / "run", rows=20)
    path = folder / file
    whole_file = (
        json.loads(path.read_text()) if path.exists() else {"config": {"learning_rate": {"value": 1, "origin": "--lr"}}}
    )
    for key in whole_file:
        path.write_text(json.dumps(whole_file | {key: junk}))
        assert page_of(record.read(folder)).sections
        if isinstance(whole_file[key], dict):
            for inner in whole_file[key]:
                path.write_text(json.dumps(whole_file | {key: whole_file[key] | {inner: junk}}))
                assert page_of(record.read(folder)).sections


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("file", ["metrics.jsonl", "attempts.jsonl"])
def test_any_value_of_an_event_may_be_junk(file: str, junk: object, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", rows=20, updates=20)
    path = folder / file
    events = ATTEMPTS if file == "attempts.jsonl" else [json.loads(line) for line in path.read_text().splitlines()]
    changed = [event | {key: junk} for event in events for key in event]
    changed += [
        {"event": "skipped", "update": 3, "loss_scale": junk},
        {"event": "out_of_memory", "update": 4, "x": junk},
    ]
    write_lines(path, changed)
    assert page_of(record.read(folder)).sections


@pytest.mark.parametrize(
    "missing", ["metrics.jsonl", "predictions.jsonl", "environment.json", "lengths.json", "summary.json"]
)
def test_a_part_that_is_missing_is_absent(missing: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", rows=20)
    (folder / missing).unlink()
    run = record.read(folder)
    assert run.faults == []
    assert page_of(run).badge == ("not finished" if missing == "summary.json" else "finished")


def test_only_a_config(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", rows=20)
    for path in folder.iterdir():
        if path.name != "config.yaml":
            path.unlink()
    anchors = [section.anchor for section in page_of(record.read(folder)).sections]
    assert anchors == ["summary", "plan", "faults", "config", "again"]
