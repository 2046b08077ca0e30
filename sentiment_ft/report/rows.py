"""The judged rows of predictions.jsonl as arrays: what curves and comparisons need, without keeping the texts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.report.files import number, read_lines, whole

MAX_ROWS = 2_000_000  # 100 bytes a row are kept; more rows than this are cut, and said


@dataclass(frozen=True)
class Rows:
    """N judged rows in the order of the file. ids, labels, words: (N,) int64, labels 0 or 1, words counted at blanks.
    p: (N,) probability of class 1. digests: of text and label, one a row: equal digests are equal rows.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    p: NDArray[np.float64]
    words: NDArray[np.int64]
    digests: list[bytes]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether the call, positive above 0.5, is the label."""
        return (self.p > 0.5) == (self.labels == 1)

    def __len__(self) -> int:
        return len(self.digests)


@dataclass(frozen=True)
class ShownRow:
    """A row that the report prints."""

    id: int
    file: str
    line: int | None
    text: str
    label: int
    p: float


def read_rows(path: Path, faults: list[str]) -> Rows | None:
    """None where the file is not there or has no row."""
    ids: list[int] = []
    labels: list[int] = []
    ps: list[float] = []
    words: list[int] = []
    digests: list[bytes] = []
    wrong = 0
    for record in read_lines(path, faults):
        row = _row(record)
        if row is None:
            wrong += 1
            continue
        if len(ids) == MAX_ROWS:
            faults.append(f"{path.name} has more than {MAX_ROWS:,} rows: the rest is left out")
            break
        ids.append(row.id)
        labels.append(row.label)
        ps.append(row.p)
        words.append(len(row.text.split()))
        digests.append(digest(row.text, row.label))
    if wrong:
        faults.append(f"{path.name}: {wrong:,} row{'s' if wrong > 1 else ''} without id, text, label or probability")
    if not ids:
        return None
    kind = np.int64
    return Rows(np.array(ids, kind), np.array(labels, kind), np.array(ps), np.array(words, kind), digests)


def read_shown(path: Path, faults: list[str], limit: int, wanted: frozenset[int] | None = None) -> list[ShownRow]:
    """The first `limit` rows of a file, texts and all; wanted: only rows at these places of it, counted from 0 among
    the rows that can be used.
    """
    found: list[ShownRow] = []
    place = 0
    for record in read_lines(path, faults):
        row = _row(record)
        if row is None:
            continue
        if wanted is None or place in wanted:
            found.append(row)
        place += 1
        if len(found) >= limit:
            break
    return found


def digest(text: str, label: int) -> bytes:
    """16 bytes that stand for a labelled text."""
    content = f"{label} {text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).digest()


def _row(record: dict[str, Any]) -> ShownRow | None:
    row_id, text, label, p = (
        whole(record.get("id")),
        record.get("text"),
        record.get("label"),
        number(record.get("p_positive")),
    )
    if row_id is None or not isinstance(text, str) or p is None or not 0 <= p <= 1:
        return None
    if isinstance(label, bool) or label not in (0, 1):
        return None
    file = record.get("file")
    return ShownRow(row_id, file if isinstance(file, str) else "", whole(record.get("line")), text, int(label), p)
