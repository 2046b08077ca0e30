"""One run at work in a folder: a lock for as long as its process lives."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sentiment_ft.errors import OutputError
from sentiment_ft.terminal import printable

WRITING = "another run is writing there"
WAIT = "wait for its end, or another --output"
# Files, not the folder itself: NFS locks only what is open for writing. They are left behind, empty: who deleted one
# would let a second process lock the next of that name.
RUN, SYNC = LOCKS = (".lock", ".sync.lock")
SECONDS_OF_A_LOOK = 1.0  # who asks whether a run is at work holds its lock for that long at most
_held: list[int] = []  # the descriptor that locks the folder of this process's newest run, until the process ends


class Busy(OutputError):
    """Somebody else holds the lock."""


def lock(
    folder: Path, name: str = RUN, *, shared: bool = False, held: str = WRITING, way_out: str = WAIT
) -> int | None:
    """A descriptor that locks the folder until it is closed; None where there are no such locks (some file systems), or
    where nobody is to be asked about: no run has begun there.

    shared: only ask whether another holds it; processes that ask at once do not meet. held: what is then said. Raises
    OutputError, OSError.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    how = (os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT) | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe waits for nobody
    try:
        descriptor = os.open(folder / name, how, 0o666)
    except OSError as error:
        if os.path.lexists(folder / name):
            way_out = "its permissions; while no run is at work it can be deleted"
            raise OutputError(
                f"cannot be opened: {error.strerror}", where=_shown(folder / name), way_out=way_out
            ) from None
        if shared and isinstance(error, FileNotFoundError):
            return None
        raise
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Busy(held, where=_shown(folder), way_out=way_out) from None
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def hold(folder: Path, *, way_out: str = WAIT) -> None:
    """Lock the folder for the life of this process, or until its next run. Raises OutputError, OSError."""
    if is_held(folder):
        return
    until = time.monotonic() + SECONDS_OF_A_LOOK
    while True:
        try:
            descriptor = lock(folder, way_out=way_out)
            break
        except Busy:  # or somebody only looks whether it is held
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
    while _held:
        os.close(_held.pop())
    if descriptor is not None:
        _held.append(descriptor)


@contextlib.contextmanager
def alone(folder: Path, held: str, *, way_out: str) -> Iterator[None]:
    """Within, no other process sends what is in a run folder elsewhere. held, way_out: what is said while another does.
    Raises OutputError.
    """
    try:
        descriptor = lock(folder, SYNC, held=held, way_out=way_out)
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise OutputError(what, where=_shown(folder), way_out="its permissions") from None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_held(folder: Path) -> bool:
    """By this very process: a second run in it may replace its first."""
    try:
        found = (folder / RUN).lstat()
    except FileNotFoundError:
        return False
    return any(os.path.samestat(os.fstat(descriptor), found) for descriptor in _held)


def check_idle(folder: Path, *, way_out: str = "wait for its end") -> None:
    """Raises Busy while a run of another process is at work in it, OutputError."""
    with idle(folder, way_out=way_out):
        pass


@contextlib.contextmanager
def idle(folder: Path, *, way_out: str = "wait for its end") -> Iterator[None]:
    """Within, for less than SECONDS_OF_A_LOOK, no run of another process begins there. Raises Busy while one is at
    work, OutputError.
    """
    try:
        descriptor = None if is_held(folder) else lock(folder, shared=True, way_out=way_out)
    except OSError as error:
        raise OutputError(f"cannot be read: {error.strerror}", where=_shown(folder)) from None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _shown(path: Path) -> str:
    return printable(str(path), 200)
