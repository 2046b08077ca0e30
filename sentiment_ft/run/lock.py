"""One run at work in a folder: a lock for as long as its process lives."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sentiment_ft.errors import OutputError
from sentiment_ft.terminal import printable

WRITING = "another run is writing there"
WAIT = "wait for its end, or another --output"
_held: list[int] = []  # the descriptor that locks the folder of this process's newest run, until the process ends


def lock(folder: Path, *, shared: bool = False, held: str = WRITING, way_out: str = WAIT) -> int | None:
    """A descriptor that locks the folder until it is closed; None where there are no such locks (some file systems).

    shared: only ask whether another holds it; processes that ask at once do not meet. held: what is then said. Raises
    OutputError, OSError.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OutputError(held, where=printable(str(folder), 200), way_out=way_out) from None
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def hold(folder: Path, *, way_out: str = WAIT) -> None:
    """Lock the folder for the life of this process, or until its next run. Raises OutputError, OSError."""
    if is_held(folder):
        return
    descriptor = lock(folder, way_out=way_out)
    while _held:
        os.close(_held.pop())
    if descriptor is not None:
        _held.append(descriptor)


@contextlib.contextmanager
def alone(folder: Path, held: str, *, way_out: str) -> Iterator[None]:
    """Within, no other process is within for this folder, which is made where it is missing. held, way_out: what is
    said while another is. Raises OutputError.
    """
    where = printable(str(folder), 200)
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError("is no folder", where=where, way_out="move it away")
    try:
        folder.mkdir(exist_ok=True)
        descriptor = lock(folder, held=held, way_out=way_out)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", where=where, way_out="its permissions") from None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_held(folder: Path) -> bool:
    """By this very process: a second run in it may replace its first."""
    return any(os.path.samestat(os.fstat(descriptor), folder.stat()) for descriptor in _held)


def check_idle(folder: Path, *, way_out: str = "wait for its end") -> None:
    """Raises OutputError while a run of another process is at work in it."""
    try:
        if not is_held(folder) and (descriptor := lock(folder, shared=True, way_out=way_out)) is not None:
            os.close(descriptor)
    except OSError as error:
        raise OutputError(f"cannot be read: {error.strerror}", where=printable(str(folder), 200)) from None
