"""What a page is made of: sections of blocks, plain data. The template turns each kind into HTML and escapes it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sentiment_ft.terminal import printable

MOST_TEXT = 4000  # characters of one text that are shown; an average review of IMDB has 1,300
SUMMARY_TEXT = 180  # of a longer one, what is seen before it is opened


@dataclass(frozen=True)
class Cell:
    """A cell of a table. tone: "", "good", "bad" or "muted". rest: what opens below the text."""

    text: str
    tone: str = ""
    rest: str = ""


Line = list[Cell | str]  # of a table


@dataclass(frozen=True)
class Table:
    """head: one a column; a name that begins with `>` is of numbers, set to the right. lines: cells or plain texts, the
    first of each line names it. folded: opened by a click. wide: its first column is of long texts.
    """

    kind: ClassVar[str] = "table"
    caption: str
    head: Sequence[str]
    lines: Sequence[Sequence[Cell | str]]
    note: str = ""
    folded: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Chart:
    """spec: Vega-Lite. says: the sentence that stands for it, with its numbers. table: the same as numbers."""

    kind: ClassVar[str] = "chart"
    id: str
    title: str
    says: str
    spec: dict[str, Any]
    table: Table | None = None


@dataclass(frozen=True)
class Grid:
    """Charts and tables beside each other where there is room."""

    kind: ClassVar[str] = "grid"
    blocks: Sequence[Any]
    uneven: bool = False  # the second is a wide table


@dataclass(frozen=True)
class Text:
    """A paragraph. tone: "", "note" or "warning"."""

    kind: ClassVar[str] = "text"
    text: str
    tone: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and values, a short list."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Card:
    """One headline number."""

    name: str
    value: str
    below: str
    tone: str = ""


@dataclass(frozen=True)
class Cards:
    kind: ClassVar[str] = "cards"
    cards: Sequence[Card]


@dataclass(frozen=True)
class Matrix:
    """Confusion: counts[label][call]."""

    kind: ClassVar[str] = "matrix"
    caption: str
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Split:
    """One bar cut into named parts. parts: (name, share of the whole, as written)."""

    kind: ClassVar[str] = "split"
    caption: str
    parts: Sequence[tuple[str, float, str]]


@dataclass(frozen=True)
class Code:
    """A command, to be copied."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Section:
    """anchor: its id in the page."""

    anchor: str
    title: str
    blocks: Sequence[Any] = field(default_factory=tuple)


def long_text(text: str) -> Cell:
    """A review: one line to see, the whole to open. White space is one blank each, as in the data."""
    shown = plain(text, MOST_TEXT)
    if len(shown) <= SUMMARY_TEXT:
        return Cell(shown)
    cut = shown.rfind(" ", 0, SUMMARY_TEXT)
    return Cell(shown[: cut if cut > SUMMARY_TEXT // 2 else SUMMARY_TEXT] + " …", rest=shown)


def plain(text: object, width: int = 200) -> str:
    """Text of a user in one line: nothing in it can reverse the order, hide or break out."""
    return printable(" ".join(str(text)[: 4 * width].split(" ")).replace("\n", " ").replace("\t", " "), width)
