"""Judged rows of two runs side by side: the same rows, or a reason why they are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.judge.paired import Paired, paired
from sentiment_ft.report.record import PARTS, Run
from sentiment_ft.report.rows import Rows, ShownRow, read_shown
from sentiment_ft.report.words import counted

MOST_DISAGREEMENTS = 25  # rows shown, each way


@dataclass(frozen=True)
class Pairing:
    """Rows of one part in two runs. first, second: (N,) places in each file, in the order of the ids: place n of both
    is the same row.
    """

    part: str
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    found: Paired


@dataclass(frozen=True)
class Disagreement:
    """A row that one run has right and the other wrong. p: of the positive class, by each."""

    row: ShownRow
    p_first: float
    p_second: float


def pair(first: Run, second: Run, part: str) -> Pairing | str:
    """The comparison of two runs on a part; or, in words, why their rows cannot be paired."""
    ours, theirs = first.judged.get(part), second.judged.get(part)
    if ours is None or theirs is None:
        lacking = [one for one, rows in (("the first", ours), ("the other", theirs)) if rows is None]
        return f"{' and '.join(lacking)} {'have' if len(lacking) > 1 else 'has'} no judged {part} rows"
    order, other = np.argsort(ours.ids, kind="stable"), np.argsort(theirs.ids, kind="stable")
    if reason := _different(ours, theirs, order, other):
        return reason
    return Pairing(part, order, other, paired(ours.right[order], theirs.right[other]))


def _different(ours: Rows, theirs: Rows, order: NDArray[np.int64], other: NDArray[np.int64]) -> str:
    """Why two sets of rows are not the same, by ids, texts and labels; empty where they are."""
    for rows in (ours, theirs):
        if len(np.unique(rows.ids)) < len(rows):
            return "an id stands for several rows"
    alone = np.setxor1d(ours.ids, theirs.ids).size
    if alone:
        return f"not the same rows: {counted(alone, 'id')} in one of them only ({len(ours):,} and {len(theirs):,} rows)"
    unlike = sum(ours.digests[a] != theirs.digests[b] for a, b in zip(order.tolist(), other.tolist(), strict=True))
    return f"not the same rows: {unlike:,} of {len(ours):,} have another text or label" if unlike else ""


def disagreements(first: Run, second: Run, pairing: Pairing) -> tuple[list[Disagreement], list[Disagreement]]:
    """Rows that only the second has right, and rows that only the first has right, at most 25 each: those on which
    their probabilities are farthest apart come first.
    """
    ours, theirs = first.judged[pairing.part], second.judged[pairing.part]
    right, other = ours.right[pairing.first], theirs.right[pairing.second]
    apart = np.abs(ours.p[pairing.first] - theirs.p[pairing.second])
    chosen = []
    for mask in (other & ~right, right & ~other):
        places = np.flatnonzero(mask)
        chosen.append(places[np.argsort(-apart[places], kind="stable")][:MOST_DISAGREEMENTS].tolist())
    wanted = frozenset(int(pairing.first[place]) for places in chosen for place in places)
    path = first.folder / f"{PARTS[pairing.part]}predictions.jsonl"
    shown = {row.id: row for row in read_shown(path, [], len(wanted), wanted)} if wanted else {}
    gained, lost = (
        [
            Disagreement(row, float(ours.p[pairing.first[place]]), float(theirs.p[pairing.second[place]]))
            for place in places
            if (row := shown.get(int(ours.ids[pairing.first[place]]))) is not None
        ]
        for places in chosen
    )
    return gained, lost
