"""What reaches the terminal: a console on standard error and one for results, and text made safe to print.

Results (predictions, `--json`) go to standard output; progress, tables and errors go to standard error, so that a
pipe stays clean.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import unicodedata
from typing import IO, Any, TextIO, cast

from rich.console import Console

from sentiment_ft.errors import OutputError


def ended_by(number: int) -> str:
    """What a signal has done to a program, in words."""
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


class _Lenient:
    """A stream of which no more is asked when it cannot be written to: a reader that went away, a full disk."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            fall_silent(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            fall_silent(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Progress(Console):
    """Never ends a run: `train 2>&1 | head` and `train 2>/dev/full` train to their end."""

    @property
    def file(self) -> IO[str]:
        return cast(IO[str], _Lenient(super().file))

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file


class _Results(Console):
    """Leaves a closed pipe to the verb; rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def fall_silent(stream: IO[str]) -> None:
    """Let what is written to the stream vanish: the flush at exit must not fail again."""
    with contextlib.suppress(OSError):  # not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def standard_output() -> TextIO:
    """Where results go. Raises OutputError when it is closed, as by `>&-`."""
    if sys.stdout is None:
        raise OutputError("is closed", where="standard output", way_out="send it to a file, or to /dev/null")
    return sys.stdout


def open_closed_descriptors() -> None:
    """A descriptor of 0, 1 and 2 that is closed, as by `>&-`, leads to /dev/null. Otherwise the next file that is
    opened gets its number, and what a library prints ends in that file.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def escape_what_cannot_be_printed() -> None:
    """A character that the encoding of a stream lacks, as under LC_ALL=C, becomes `\\x..`, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


console = _Progress(stderr=True, highlight=False, emoji=False, soft_wrap=True)  # a file may be named :smile:
results = _Results(highlight=False, emoji=False, soft_wrap=True)


def printable(text: str, width: int | None = None) -> str:
    """One line that cannot move the cursor, change colours or reverse the reading order.

    Control characters (Cc: ANSI escapes, newlines), format characters (Cf: bidi overrides, zero-width), surrogates
    and private-use characters become `\\x..`/`\\u....` escapes. `width` cuts to that many characters, the last one
    an ellipsis.
    """
    if width is not None and len(text) > width:
        text = text[: max(width - 1, 0)] + "…"
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
