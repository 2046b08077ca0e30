"""What was read of a sweep file, with the place of every fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from sentiment_ft.terminal import printable


@dataclass(frozen=True, slots=True)
class Parameter:
    """samples: every value of a list; of a range its edges and one between."""

    name: str
    distribution: str
    samples: tuple[Any, ...]
    line: int


@dataclass(slots=True)
class Draft:
    """What was read. faults: all that is wrong, each with its place."""

    shown: str
    content: dict[str, Any]
    parameters: list[Parameter] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)

    def fault(self, message: str, *path: str) -> None:
        self.faults.append(f"{self.place(*path)}: {message}")

    def place(self, *path: str) -> str:
        """File, line and key."""
        line = next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 1)
        words = [word for word in path if not word.isdecimal()]
        return f"{self.shown}:{line}" + (f": {printable('.'.join(words), 80)}" if path else "")


def near(key: Any, known: Iterable[str]) -> str:
    """A hint at known words that are like it."""
    found = get_close_matches(str(key)[:200], list(known), n=2)
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def instead(value: Any) -> str:
    """What was given, short and printable; None stands for nothing."""
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return f", not a {'list' if isinstance(value, list) else 'mapping'}"
    if isinstance(value, int) and abs(value) >= 2**63:  # Python refuses to write thousands of digits
        return ", not a number this large"
    return f", not {printable(repr(value)[:200], 60)}"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63  # no inf, no nan


def is_whole(value: Any, least: int = -(2**63)) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63
