"""What the other processes of a run say: nothing, or into one file each."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sentiment_ft.terminal import open_closed_descriptors

Keep = Callable[[Path], None]


@contextlib.contextmanager
def into_a_file(process: int) -> Iterator[Keep]:
    """Within: the standard streams of this process, also those of its libraries, go to a file, which `keep(run folder)`
    makes FOLDER/logs/rank-N.log. Before there is a folder it has no name, so that a run that never starts leaves
    nothing. After it, and for the last word of an exception, the streams are what they were.
    """
    open_closed_descriptors()
    _flush()
    before = [os.dup(descriptor) for descriptor in (1, 2)]
    with tempfile.TemporaryFile() as early:
        _send_to(early.fileno())

        def keep(folder: Path) -> None:
            _flush()
            (folder / "logs").mkdir(parents=True, exist_ok=True)  # parents: of a machine with a disk of its own
            with (folder / "logs" / f"rank-{process}.log").open("wb") as file:
                early.seek(0)
                file.write(early.read())
                file.flush()
                _send_to(file.fileno())

        try:
            yield keep
        finally:
            _flush()
            for descriptor, saved in zip((1, 2), before, strict=True):
                os.dup2(saved, descriptor)
                os.close(saved)


def nowhere() -> contextlib.AbstractContextManager[Keep]:
    """As `into_a_file`, without a file."""
    return contextlib.nullcontext(lambda folder: None)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _send_to(descriptor: int) -> None:
    for stream in (1, 2):
        os.dup2(descriptor, stream)
