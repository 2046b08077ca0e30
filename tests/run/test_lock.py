"""One run at work in a folder: who may look, who must wait, and what lies in the way."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sentiment_ft.errors import OutputError
from sentiment_ft.run import lock
from sentiment_ft.run.lock import RUN, SYNC, Busy, alone, check_idle, hold, is_held


@pytest.fixture
def free() -> None:
    """This process holds no folder of an earlier test."""
    while lock._held:
        os.close(lock._held.pop())


def held(folder: Path) -> int:
    """As by another process: flock tells descriptors apart, not processes."""
    descriptor = lock.lock(folder)
    assert descriptor is not None
    return descriptor


def test_one_holds_it_and_others_are_told(tmp_path, free):
    other = held(tmp_path)
    with pytest.raises(OutputError, match=r"another run is writing there\nway out: wait for its end$"):
        check_idle(tmp_path)
    with pytest.raises(OutputError, match=r"another run is writing there\nway out: wait for its end, or another"):
        hold(tmp_path)
    assert not is_held(tmp_path)
    os.close(other)
    hold(tmp_path)
    hold(tmp_path)
    assert is_held(tmp_path)
    check_idle(tmp_path)  # its own is no other


def test_who_only_looks_stops_no_run_that_begins(tmp_path, free):
    held_then_freed = held(tmp_path)
    os.close(held_then_freed)  # the file is there
    looking = lock.lock(tmp_path, shared=True)
    assert looking is not None
    threading.Timer(0.3, os.close, [looking]).start()
    hold(tmp_path)
    assert is_held(tmp_path)


def test_looking_makes_no_file(tmp_path):
    check_idle(tmp_path)
    assert not is_held(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_sync_and_a_run_have_locks_of_their_own(tmp_path, free):
    hold(tmp_path)
    with alone(tmp_path, "is sent", way_out="wait"):
        with pytest.raises(OutputError, match=r"is sent\nway out: wait"), alone(tmp_path, "is sent", way_out="wait"):
            pass
        assert sorted(os.listdir(tmp_path)) == [RUN, SYNC]
    with alone(tmp_path, "is sent", way_out="wait"):
        pass


def test_what_is_opened_can_be_written(tmp_path, free):
    """NFS locks nothing else for one alone."""
    import fcntl

    descriptor = held(tmp_path)
    assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    os.close(descriptor)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_lies_in_the_way_is_told_or_passed(tmp_path, free, kind):
    outside = tmp_path / "outside"
    path = tmp_path / "run" / RUN
    path.parent.mkdir()
    {"link": lambda: path.symlink_to(outside), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[kind]()
    if kind == "pipe":  # locked as any file
        hold(path.parent)
        assert is_held(path.parent)
    else:
        told = r"\.lock: cannot be opened: .*(symbolic links|directory)\nway out: .* it can be deleted"
        with pytest.raises(OutputError, match=told) as caught:
            hold(path.parent)
        assert not isinstance(caught.value, Busy), "no run is at work"
    assert not outside.exists()
