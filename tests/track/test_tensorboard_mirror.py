"""The TensorBoard mirror, read back by TensorBoard itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from accelerate import PartialState

from sentiment_ft.track.record import Recorder
from sentiment_ft.track.tensorboard_mirror import TensorBoardMirror


@pytest.fixture(autouse=True)
def _state():
    PartialState(cpu=True)  # Accelerate's trackers ask it who is the main process


def shown(folder: Path, tag: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def record(folder: Path, updates: range, cut_at: int | None = None) -> None:
    with Recorder(folder / "metrics.jsonl", [TensorBoardMirror(folder)], cut_at=cut_at) as recorder:
        for update in updates:
            recorder.write({"event": "train", "update": update, "epoch": 1.0, "loss": 1 / update, "grad_norm": None})
        recorder.write({"event": "eval", "update": updates[-1], "epoch": 1.0, "eval_accuracy": 0.5, "best": True})
        recorder.finish({})


def test_it_shows_each_number_at_its_update(tmp_path):
    record(tmp_path, range(1, 6))
    assert [step for step, _ in shown(tmp_path, "train/loss")] == [1, 2, 3, 4, 5]
    assert shown(tmp_path, "train/loss")[3][1] == pytest.approx(0.25)
    assert shown(tmp_path, "eval/accuracy") == [(5, 0.5)]


def test_a_resumed_run_shows_no_update_twice_and_none_that_was_cut(tmp_path):
    record(tmp_path, range(1, 9))
    lines = (tmp_path / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    record(tmp_path, range(4, 7), cut_at=sum(map(len, lines[:3])))
    assert [step for step, _ in shown(tmp_path, "train/loss")] == [1, 2, 3, 4, 5, 6]
    assert shown(tmp_path, "eval/accuracy") == [(6, 0.5)]


def test_a_folder_that_cannot_be_written_costs_the_run_nothing(tmp_path, capsys):
    (tmp_path / "tensorboard").write_text("a file")
    record(tmp_path, range(1, 4))
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 4
    assert capsys.readouterr().err.count("warning: TensorBoardMirror gets no more numbers") == 1
