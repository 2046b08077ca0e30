"""Each run against the first on the same rows: difference in accuracy, and the rows on which they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sentiment_ft.config import CLASS_NAMES
from sentiment_ft.judge.paired import Paired
from sentiment_ft.report import judged_charts, pairing
from sentiment_ft.report.blocks import Cell, Chart, Line, Section, Table, Text, long_text
from sentiment_ft.report.pairing import Disagreement, Pairing
from sentiment_ft.report.record import Run
from sentiment_ft.report.texts import place_of
from sentiment_ft.report.words import percent

PARTS = ("test", "validation")
FEW = 3  # runs: of more, tables tell what sentences would


def differences(runs: Sequence[Run], names: Sequence[str]) -> Section:
    """Accuracy of each run against the first, on the same rows."""
    lines: list[Line] = []
    marks: list[dict[str, Any]] = []
    said: list[Text] = []
    for run, name in zip(runs[1:], names[1:], strict=True):
        for part in PARTS:
            if not any(part in one.judged for one in (runs[0], run)):
                continue
            found = pairing.pair(runs[0], run, part)
            if isinstance(found, str):
                lines.append([name, part, Cell(f"not paired: {found}", "bad"), "–", "–", "–", "–", "–"])
                continue
            it = found.found
            lines.append(
                [
                    name,
                    part,
                    {1: "better", -1: "worse", 0: "not told apart"}[_winner(it)],
                    points(it.difference),
                    f"{points(it.interval[0])} to {points(it.interval[1])}",
                    p_text(it.p_value),
                    f"{it.gained:,}",
                    f"{it.lost:,}",
                ]
            )
            marks.append(
                {"name": name, "s": part, "value": it.difference, "low": it.interval[0], "high": it.interval[1]}
            )
            said.append(Text(_verdict(name, names[0], part, it)))
    head = ["run", "rows", "it is", ">points", ">95% interval", ">p", ">gained", ">lost"]
    note = (
        f"Against {names[0]}, row by row; the same rows are known by their ids, texts and labels. Gained: rows that "
        "only this run has right; lost: rows that only the first has right. Interval: Tango's score interval; p: the "
        "exact McNemar test. With several comparisons one p below 0.05 is no surprise."
    )
    table = Table("Difference in accuracy", head, lines, note=note)
    if not marks:
        return Section("difference", "Against the first", [table])
    says = "Difference in accuracy with its 95% interval: " + "; ".join(
        f"{m['name']} {m['s']} {points(m['value'])} points" for m in marks
    )
    widest = max(max(abs(m["low"]), abs(m["high"])) for m in marks) * 1.08
    chart = Chart(
        "differences", f"Accuracy minus that of {names[0]}", says, judged_charts.scores(marks, says, around_zero=widest)
    )
    sentences = said if len(runs) <= FEW else []
    return Section("difference", "Against the first", [*sentences, chart, table])


def _verdict(name: str, first: str, part: str, it: Paired) -> str:
    """What the comparison allows to say, and no more."""
    low, high = it.interval
    beginning = (
        f"{part}, {it.rows:,} rows: {name} has {it.gained:,} right that {first} has wrong, and {it.lost:,} the other "
        "way round"
    )
    winner = _winner(it)
    if not winner:
        return f"{beginning}. These rows do not tell which is better."
    apart = f"{abs(100 * it.difference):.1f} points ({points(low)} to {points(high)})"
    chosen = "" if part == "test" else " These rows chose the best model of each, so the test rows count more."
    return f"{beginning}. It is {'better' if winner > 0 else 'worse'}, by {apart}.{chosen}"


def _winner(it: Paired) -> int:
    """1 where the run is better, -1 where it is worse, 0 where the interval and the test do not both say so: the exact
    test is the more careful of the two.
    """
    if it.p_value >= 0.05:
        return 0
    return 1 if it.interval[0] > 0 else -1 if it.interval[1] < 0 else 0


def points(share: float) -> str:
    """A difference in percentage points, with its sign: 0.0123 -> +1.23."""
    return f"{100 * share:+.2f}".replace("-", "\u2212") if round(100 * share, 2) else "0.00"


def p_text(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def disagreements(runs: Sequence[Run], names: Sequence[str]) -> Section | None:
    blocks: list[Any] = []
    for run, name in zip(runs[1:], names[1:], strict=True):
        found = next((one for part in PARTS if isinstance(one := pairing.pair(runs[0], run, part), Pairing)), None)
        if found is None:
            continue
        gained, lost = pairing.disagreements(runs[0], run, found)
        blocks.append(
            _table(f"{found.part} rows that only {name} has right", found.found.gained, gained, names[0], name)
        )
        blocks.append(
            _table(
                f"{found.part} rows that only {names[0]} has right, and {name} wrong",
                found.found.lost,
                lost,
                names[0],
                name,
            )
        )
    if not blocks:
        return None
    note = "The rows on which the two are farthest apart come first."
    return Section("disagreements", "Where they disagree", [Text(note, "note"), *blocks])


def _table(caption: str, count: int, rows: list[Disagreement], first: str, second: str) -> Table | Text:
    if not rows:
        return Text(f"{caption}: none.")
    shown = f"{caption}: {len(rows):,} of {count:,}" if len(rows) < count else f"{caption}: {count:,}"
    lines: list[Line] = [
        [
            long_text(one.row.text),
            CLASS_NAMES[one.row.label],
            percent(one.p_first, 2),
            percent(one.p_second, 2),
            Cell(place_of(one.row), "muted"),
        ]
        for one in rows
    ]
    head = ["text", "label", f">positive by {first}", f">by {second}", "where"]
    return Table(shown, head, lines, folded=True, wide=True)
