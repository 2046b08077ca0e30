"""What reaches the terminal: a console on standard error and one for results, and text made safe to print.

Results (predictions, `--json`) go to standard output; progress, tables and errors go to standard error, so that a
pipe stays clean.
"""

from __future__ import annotations

import os
import unicodedata

from rich.console import Console


class _Progress(Console):
    """Falls silent when nobody reads on: `train 2>&1 | head` trains to its end."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())  # the flush at exit must not fail again


class _Results(Console):
    """Leaves a closed pipe to the verb; rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


console = _Progress(stderr=True, highlight=False, soft_wrap=True)
results = _Results(highlight=False, soft_wrap=True)


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
