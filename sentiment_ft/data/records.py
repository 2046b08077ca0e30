"""What a reader yields: a record as written in a file, or the account of a line that gave none. And the limits of
both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sentiment_ft.data.text import clean
from sentiment_ft.terminal import printable

MAX_LINE_BYTES = 16 * 2**20  # bytes; a longer line is rejected without being held in memory
MAX_TEXT_CHARACTERS = 100_000  # characters of one text; the longest IMDB review has 13,704
EXCERPT_CHARACTERS = 80

Value = Any  # str, int, float or None in every table; JSON lines may hold bool, list or dict as well


@dataclass(frozen=True, slots=True)
class Record:
    """One row as written. line: where it begins in the file, counted from 1 (in Parquet the row, from 1)."""

    columns: dict[str, Value]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not used. What stands before the colon of `reason` names the kind of fault; excerpt is safe to
    print.
    """

    file: str
    line: int
    reason: str
    excerpt: str


def cleaned(text: str) -> tuple[str, str | None]:
    """(clean text, None), or ("", why it cannot be used): the same for a row to learn from and a text to predict."""
    if len(text) > MAX_TEXT_CHARACTERS:
        return "", f"text too long: {len(text):,} characters, at most {MAX_TEXT_CHARACTERS:,}"
    found = clean(text)
    return found, None if found else "no text"


def rejected(file: str, line: int, reason: str, content: str) -> Rejected:
    """A Rejected with the first characters of the content as its excerpt, on one line and escaped."""
    return Rejected(file, line, reason, excerpt(content))


def excerpt(content: str) -> str:
    """Its first characters, safe to print."""
    return printable(" ".join(content[: 4 * EXCERPT_CHARACTERS].split()), EXCERPT_CHARACTERS)
