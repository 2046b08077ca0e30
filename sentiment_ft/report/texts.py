"""The rows themselves: how long they are, what is cut, whether long ones are harder, and the worst errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentiment_ft.config import CLASS_NAMES
from sentiment_ft.judge.intervals import wilson
from sentiment_ft.report import judged_charts
from sentiment_ft.report.blocks import Cell, Chart, Grid, Line, Section, Table, Text, long_text
from sentiment_ft.report.files import mapping, number, whole
from sentiment_ft.report.record import Run
from sentiment_ft.report.rows import ShownRow
from sentiment_ft.report.words import counted, local, percent, percents

WORD_EDGES = (10, 20, 40, 80, 160, 320)  # bins of length: up to 10, 11-20, ..., more than 320 words
QUANTILES = {
    "p5": "5%", "p25": "25%", "p50": "half", "p75": "75%", "p90": "90%", "p95": "95%", "p99": "99%", "p100": "all",
}  # fmt: skip
SHOWN_ERRORS = 50


def lengths(run: Run) -> Section | None:
    """How long the rows are, what is cut, and whether long ones are judged worse."""
    cut, sizes, judged = _cut(run), _sizes(run), _by_length(run)
    blocks: list[Any] = [cut] if cut is not None else []
    if judged is not None:
        blocks.append(Grid([judged] if sizes is None else [judged, sizes]))
    elif sizes is not None:
        blocks.append(sizes)
    return Section("lengths", "Length and truncation", blocks) if blocks else None


def _cut(run: Run) -> Text | None:
    limit, cut, rows = (whole(run.lengths.get(key)) for key in ("max_length", "truncated_rows", "rows"))
    if not rows or limit is None or cut is None:
        return None
    return Text(
        f"{cut:,} of {counted(rows, 'training row')} ({percent(cut / rows)}) are longer than max_length, "
        f"{limit:,} real tokens, and are cut there."
    )


def _sizes(run: Run) -> Table | None:
    tokens = {key: number(value) for key, value in mapping(run.lengths.get("real_tokens")).items()}
    known = [(name, value) for key, name in QUANTILES.items() if (value := tokens.get(key)) is not None]
    if _cut(run) is None or not known:
        return None
    return Table(
        "Length of training rows",
        ["share", ">real tokens"],
        [[f"{name} of the rows have at most", f"{value:,.0f}"] for name, value in known],
        note="[CLS] and [SEP] are counted; before anything is cut.",
    )


def _by_length(run: Run) -> Chart | None:
    marks: list[dict[str, Any]] = []
    for part, found in run.parts():
        bins = np.searchsorted(WORD_EDGES, found.words, side="left")
        for place in np.unique(bins).tolist():
            inside = bins == place
            count, hits = int(inside.sum()), int(found.right[inside].sum())
            low, high = wilson(hits, count)
            marks.append({
                "place": place, "x": _bin_name(place), "s": part, "value": round(hits / count, 5),
                "low": round(low, 5), "high": round(high, 5), "rows": count,
            })  # fmt: skip
    if not marks:
        return None
    ordered = sorted(marks, key=lambda mark: mark["place"])
    says = "Right calls by length: " + "; ".join(
        f"{m['s']} {m['x']} words {percent(m['value'])} of {m['rows']:,}" for m in ordered
    )
    table = Table(
        "Right calls by length in numbers", ["words", "rows of", ">right", ">95% interval", ">rows"],
        [[m["x"], m["s"], percent(m["value"]), percents((m["low"], m["high"])), f"{m['rows']:,}"] for m in ordered],
        folded=True,
    )  # fmt: skip
    spec = judged_charts.shares(ordered, says, x="words", ordinal=True, y="right")
    return Chart("by-length", "Right calls by length of the review", says, spec, table)


def worst_errors(run: Run) -> Section | None:
    blocks: list[Any] = []
    for part in ("test", "validation"):
        rows = run.judged.get(part)
        if rows is None:
            continue
        wrong, found = int((~rows.right).sum()), run.worst.get(part, [])
        if not wrong:
            blocks.append(Text(f"{part}: no error among {counted(len(rows), 'row')}."))
            continue
        shown = found[:SHOWN_ERRORS]
        caption = (
            f"{part}: the {len(shown):,} surest of {counted(wrong, 'error')}"
            if len(shown) < wrong
            else f"{part}: {counted(wrong, 'error')}, the surest first"
        )
        blocks.append(error_table(caption, shown, folded=part != "test" and "test" in run.judged))
    if not blocks:
        return None
    note = (
        "Wrong calls that the model was surest of. Read some of them: labels are wrong too at times, and a pattern "
        "tells more than a score."
    )
    return Section("errors", "Worst errors", [Text(note, "note"), *blocks])


def error_table(caption: str, rows: list[ShownRow], *, folded: bool = False) -> Table:
    lines: list[Line] = [
        [
            long_text(row.text),
            percent(max(row.p, 1 - row.p), 2),
            CLASS_NAMES[row.label],
            Cell(CLASS_NAMES[row.p > 0.5], "bad"),
            Cell(place_of(row), "muted"),
        ]
        for row in rows
    ]
    return Table(caption, ["text", ">sure", "label", "call", "where"], lines, folded=folded, wide=True)


def place_of(row: ShownRow) -> str:
    """Where the row came from: the last part of the file and the line."""
    return (
        f"{local(row.file, 60)}:{row.line:,}".replace(",", "")
        if row.line is not None
        else local(row.file, 60) or f"row {row.id}"
    )


def _bin_name(place: int) -> str:
    if place == len(WORD_EDGES):
        return f"> {WORD_EDGES[-1]}"
    return f"{WORD_EDGES[place - 1] + 1 if place else 0}–{WORD_EDGES[place]}"
