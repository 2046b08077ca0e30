"""Writes checkpoints beside the training: one at a time, in a thread, and never to the harm of those that are there."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sentiment_ft.run import checkpoint
from sentiment_ft.run.checkpoint import Checkpoint, File

# At most a fiftieth of the time is lost by saving: the time between two is this many times what one has cost, which
# differs from one to the next.
TIMES_THE_COST = 60
# Writes all files of a checkpoint into a folder; returns what was sealed.
Write = Callable[[Path], Mapping[str, File]]


@dataclass(frozen=True, slots=True)
class Saved:
    """How a save went. error: why there is none. held_up_s: seconds that training stood still; worked_s: that a core
    was busy beside it; seconds: until all was on the disk.
    """

    update: int
    bytes: int = 0
    error: OSError | None = None
    held_up_s: float = 0.0
    worked_s: float = 0.0
    seconds: float = 0.0


class Saver:
    """Of the main process. parent: the folder of the checkpoints; keep: how many; every_s: seconds between two, at
    least. shares_cores: training needs the cores that the thread works on (copies and hashes: on two cores the updates
    beside it took twice as long), so what it works costs as much as standing still.
    """

    def __init__(self, parent: Path, keep: int, every_s: float | None, *, shares_cores: bool = False) -> None:
        self._parent, self._keep, self._every_s = parent, keep, every_s
        self._shares_cores, self._worked_s = shares_cores, 0.0
        self._thread: threading.Thread | None = None
        self._result: Saved | None = None
        self._began = self._last = time.monotonic()
        self._held_up_s = 0.0
        self.failures = 0  # saves in a row that left nothing

    def due(self) -> bool:
        """Whether so much time has passed that the next should be taken."""
        if self._every_s is None or self._thread is not None:
            return False
        cost_s = self._held_up_s + (self._worked_s if self._shares_cores else 0.0)
        return time.monotonic() - self._last >= max(self._every_s, TIMES_THE_COST * cost_s)

    def start(self, update: int, write: Write, began: float) -> None:
        """Begin to write; the one before has been waited for. began: when training stood still, by time.monotonic."""
        assert self._thread is None, "one at a time"
        self._thread = threading.Thread(target=self._save, args=[update, write], daemon=True)
        self._began = began
        self._thread.start()
        self._last = time.monotonic()
        self._held_up_s = self._last - began

    def finished(self) -> Saved | None:
        """How the last one went, once, when it is done; None before."""
        return None if self._thread is None or self._thread.is_alive() else self.wait()

    def wait(self) -> Saved | None:
        """The same, waited for; None when there is none."""
        if self._thread is None:
            return None
        self._thread.join()
        self._thread = None
        result, self._result = self._result, None
        if result is None:
            raise RuntimeError("the thread that saves has ended in an error of its own, see above")
        return result

    def keep_newest(self) -> None:
        """Delete all checkpoints but the newest whole one; on an error they stay."""
        with contextlib.suppress(OSError):
            newest = checkpoint.newest(self._parent, lambda damaged: None)
            if newest is not None:
                checkpoint.prune(self._parent, newest, 1)

    def done(self, saved: Saved, began: float) -> Saved:
        """Take note of one that others have written while training stood still."""
        self._last = time.monotonic()
        self._held_up_s = self._last - began
        return replace(saved, held_up_s=self._held_up_s, seconds=self._held_up_s)

    def _save(self, update: int, write: Write) -> None:
        staged = None
        try:
            staged = checkpoint.stage(self._parent, update)
            found = commit(staged, write(staged), keep=self._keep)
            saved = Saved(update, size(found.files))
        except OSError as error:
            if staged is not None:
                checkpoint.discard(staged)
            saved = Saved(update, error=error)
        self._worked_s = time.thread_time()  # of this thread, which saves once
        took_s = time.monotonic() - self._began
        self._result = replace(saved, held_up_s=self._held_up_s, worked_s=self._worked_s, seconds=took_s)


def size(files: Mapping[str, File]) -> int:
    """Bytes of all files together; those that are links to the best model too."""
    return sum(file.bytes for file in files.values())


def commit(staged: Path, files: Mapping[str, File], *, keep: int) -> Checkpoint:
    """Commit, read it all again, and only then delete older ones; those that cannot be deleted stay. Raises OSError,
    and leaves nothing of this one.
    """
    found = checkpoint.commit(staged, files)
    try:
        checkpoint.verify(found.folder)
    except checkpoint.Damaged as damage:
        checkpoint.discard(found.folder)
        raise OSError(f"what was written comes back damaged: {damage}") from None
    with contextlib.suppress(OSError):
        checkpoint.prune(staged.parent, found, keep)
    return found
