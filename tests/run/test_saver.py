"""Checkpoints written in a thread: one at a time, told once, and not more often than training can bear."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from sentiment_ft.run import checkpoint
from sentiment_ft.run.saver import TIMES_THE_COST, Saved, Saver


def written(folder: Path) -> dict[str, checkpoint.File]:
    (folder / "state.json").write_text("{}")
    return {"state.json": checkpoint.seal(folder / "state.json")}


@pytest.fixture
def parent(tmp_path) -> Path:
    return tmp_path / "checkpoints"


def test_training_goes_on_while_it_is_written(parent):
    release, saver = threading.Event(), Saver(parent, 2, None)

    def slow(folder: Path) -> dict[str, checkpoint.File]:
        assert release.wait(60)
        return written(folder)

    saver.start(5, slow, time.monotonic())
    assert saver.finished() is None and checkpoint.newest(parent, pytest.fail) is None
    release.set()
    saved = saver.wait()
    assert saved is not None and (saved.update, saved.bytes, saved.error) == (5, 2, None)
    assert saved.held_up_s <= saved.seconds
    assert saver.wait() is None and saver.finished() is None, "told once"
    found = checkpoint.newest(parent, pytest.fail)
    assert found is not None and found.update == 5


def test_only_the_newest_are_kept(parent):
    saver = Saver(parent, 2, None)
    for update in (5, 10, 15):
        saver.start(update, written, time.monotonic())
        assert saver.wait().error is None
    assert sorted(os.listdir(parent)) == ["0002-update-10", "0003-update-15"]
    saver.keep_newest()
    assert os.listdir(parent) == ["0003-update-15"]


def test_a_disk_that_fails_leaves_the_older_ones_and_no_rest(parent):
    saver = Saver(parent, 2, None)
    saver.start(5, written, time.monotonic())
    saver.wait()

    def full(folder: Path) -> dict[str, checkpoint.File]:
        written(folder)
        raise OSError(28, "No space left on device")

    saver.start(10, full, time.monotonic())
    saved = saver.wait()
    assert saved is not None and isinstance(saved.error, OSError) and saved.update == 10
    assert os.listdir(parent) == ["0001-update-5"]


def test_what_comes_back_damaged_is_no_checkpoint_and_deletes_none(parent, monkeypatch):
    saver = Saver(parent, 1, None)
    saver.start(5, written, time.monotonic())
    saver.wait()

    def other(folder: Path) -> dict[str, checkpoint.File]:
        return {name: checkpoint.File(file.bytes, "0" * 64) for name, file in written(folder).items()}

    saver.start(10, other, time.monotonic())
    assert "comes back damaged" in str(saver.wait().error)
    warned: list[checkpoint.Damaged] = []
    found = checkpoint.newest(parent, warned.append)
    assert found is not None and found.update == 5


def test_a_bug_in_the_thread_is_not_taken_for_a_full_disk(parent, monkeypatch):
    saver = Saver(parent, 2, None)
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    saver.start(5, lambda folder: 1 / 0, time.monotonic())
    with pytest.raises(RuntimeError, match="error of its own"):
        saver.wait()


def test_it_is_rarer_where_training_needs_the_cores_that_it_works_on(parent, monkeypatch):
    now = 1000.0
    savers = [Saver(parent, 2, 60.0, shares_cores=shared) for shared in (True, False)]
    monkeypatch.setattr(time, "thread_time", lambda: 4.0)
    for update, saver in enumerate(savers):
        saver.start(update, lambda staged: {}, time.monotonic())
        assert saver.wait().worked_s == 4.0
    now = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert [saver.due() for saver in savers] == [False, True]
    now += 4 * TIMES_THE_COST
    assert savers[0].due()


def test_it_is_due_by_time_and_rarer_where_it_holds_training_up(parent, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    saver = Saver(parent, 2, 60.0)
    assert not saver.due()
    now += 60
    assert saver.due() and not Saver(parent, 2, None).due()
    began = now
    now += 3  # what the save held training up
    saved = saver.done(Saved(5), began)
    assert saved.held_up_s == 3
    now += 60
    assert not saver.due()
    now += 3 * TIMES_THE_COST - 60
    assert saver.due()


def test_what_comes_back_damaged_is_not_left_behind(parent, monkeypatch):
    """On a disk where each save fails so, none of them may fill it."""

    def damaged(folder: Path) -> None:
        raise checkpoint.Damaged(folder, "is of another user")

    saver = Saver(parent, 2, None)
    saver.start(5, written, time.monotonic())
    saver.wait()
    monkeypatch.setattr(checkpoint, "verify", damaged)
    for update in (10, 15, 20):
        saver.start(update, written, time.monotonic())
        assert "comes back damaged" in str(saver.wait().error)
    assert os.listdir(parent) == ["0001-update-5"]


def test_older_ones_that_cannot_be_deleted_do_not_make_a_save_fail(parent, monkeypatch):
    def fails(*arguments: object) -> None:
        raise OSError("busy")

    monkeypatch.setattr(checkpoint, "prune", fails)
    saver = Saver(parent, 1, None)
    saver.start(5, written, time.monotonic())
    assert saver.wait().error is None
