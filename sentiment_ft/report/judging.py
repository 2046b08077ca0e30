"""What the judged rows say: scores with intervals, confusion, calibration, curves, length, worst errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sentiment_ft.judge.intervals import wilson
from sentiment_ft.judge.scores import CALIBRATION_BINS, calibration_bin
from sentiment_ft.report import charts
from sentiment_ft.report.blocks import Cell, Chart, Grid, Matrix, Section, Table, Text, long_text, plain
from sentiment_ft.report.charts import PART_COLOURS, Series
from sentiment_ft.report.files import mapping, number, whole
from sentiment_ft.report.record import Run
from sentiment_ft.report.rows import Rows, ShownRow
from sentiment_ft.report.thin import Point, evenly, thinned
from sentiment_ft.report.words import counted, local, percent, percents
from sentiment_ft.track import numbers
from sentiment_ft.track.numbers import SCORE_NAMES

LABELS = ("negative", "positive")
ON_AN_AXIS = ("accuracy", "precision", "recall", "f1", "mcc", "roc_auc", "average_precision")  # of [-1, 1], more is better
WORD_EDGES = (10, 20, 40, 80, 160, 320)  # bins of length: 1-10, 11-20, ..., more than 320 words
CURVE_POINTS = 400
SHOWN_ERRORS = 50


def score_blocks(run: Run) -> list[Any]:
    """Chart and table of every score, the test beside the validation rows."""
    judged = {part: found for part in ("test", "validation") if (found := run.judgement(part))}
    if not judged:
        return []
    lines, marks = [], []
    for name in (name for name in SCORE_NAMES if any(name in mapping(j.get("scores")) for j in judged.values())):
        cells: list[Cell | str] = [SCORE_NAMES[name]]
        for part, judgement in judged.items():
            value, ends = score(judgement, name), ends_of(judgement, name)
            cells += [numbers.number(value, 4), numbers.interval(ends)]
            if value is not None and name in ON_AN_AXIS:
                low, high = ends or (None, None)
                marks.append({"name": SCORE_NAMES[name], "s": part, "value": value, "low": low, "high": high})
        lines.append(cells)
    heads = [title for part in judged for title in (f">{part}", f">95% interval, {part}")]
    note = (
        "Shares of rows have Wilson intervals, the others come from resampled rows; a dash: not defined, or its spread "
        "cannot be measured. Log-loss and calibration error are better when smaller."
    )
    table = Table("Every score of the best model", ["score", *heads], lines, note=note)
    if not marks:
        return [table]
    says = "Scores with their 95% intervals: " + "; ".join(
        f"{mark['name']} {mark['s']} {numbers.number(mark['value'], 3)}" for mark in marks
    )
    return [Grid([Chart("scores", "Scores with 95% intervals", says, charts.scores(marks, says)), table])]


def score(judgement: Mapping[str, Any], name: str) -> float | None:
    return number(mapping(judgement.get("scores")).get(name))


def ends_of(judgement: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Both ends of an interval."""
    found = mapping(judgement.get("intervals")).get(name)
    if not isinstance(found, list) or len(found) != 2:
        return None
    low, high = number(found[0]), number(found[1])
    return None if low is None or high is None else (low, high)


def confusion(run: Run) -> Section | None:
    blocks = []
    for part, judgement in (("test", run.judgement("test")), ("validation", run.judgement("validation"))):
        found = mapping(judgement.get("confusion"))
        keys = ("true_negative", "false_positive", "false_negative", "true_positive")
        counts = [whole(found.get(key)) for key in keys]
        if any(count is None or count < 0 for count in counts):
            rows = run.judged.get(part)
            if rows is None:
                continue
            counts = np.bincount(2 * rows.labels + (rows.p > 0.5), minlength=4).tolist()
        tn, fp, fn, tp = (count or 0 for count in counts)
        wrong, every = fp + fn, max(tn + fp + fn + tp, 1)
        caption = f"{part}: {wrong:,} of {counted(every, 'call')} {'is' if wrong == 1 else 'are'} wrong ({percent(wrong / every)})"
        blocks.append(Matrix(caption, [[tn, fp], [fn, tp]]))
    if not blocks:
        return None
    note = "Positive is called when its probability is above 0.5. Rows are the labels, columns the calls."
    return Section("confusion", "Confusion", [Text(note, "note"), Grid(blocks)])


def calibration(run: Run) -> Section | None:
    lines, told = [], []
    for part, rows in _parts(run):
        confidence = np.maximum(rows.p, 1 - rows.p)
        bins = calibration_bin(confidence)
        for place in np.unique(bins).tolist():
            inside = bins == place
            count, hits = int(inside.sum()), int(rows.right[inside].sum())
            low, high = wilson(hits, count)
            lines.append({
                "s": part, "x": round(float(confidence[inside].mean()), 5), "value": round(hits / count, 5),
                "low": round(low, 5), "high": round(high, 5), "rows": count, "share": round(count / len(rows), 5),
                "bin": f"{max(0.5, place / CALIBRATION_BINS):.0%}–{(place + 1) / CALIBRATION_BINS:.0%}",
            })  # fmt: skip
        sure, right = float(confidence.mean()), float(rows.right.mean())
        told.append(f"on {part} rows it is {percent(sure)} sure on average and right on {percent(right)}")
    if not lines:
        return None
    says = f"How far its confidence can be believed: {'; '.join(told)}."
    table = Table(
        "Rows by confidence",
        ["bin", "rows of", ">confidence", ">right", ">95% interval", ">rows"],
        [
            [line["bin"], line["s"], percent(line["x"]), percent(line["value"]), percents((line["low"], line["high"])), f"{line['rows']:,}"]
            for line in lines
        ],
        folded=True,
    )  # fmt: skip
    reliability = Chart(
        "reliability",
        "Right calls by confidence",
        says,
        charts.shares(lines, says, x="confidence of the call", ordinal=False, y="right", diagonal=True),
        table,
    )
    order = sorted({line["bin"] for line in lines}, key=lambda name: float(name.split("%")[0]))
    counts = [{"x": line["bin"], "s": line["s"], "rows": line["rows"], "share": line["share"]}
              for name in order for line in lines if line["bin"] == name]  # fmt: skip
    shown = Chart(
        "confidence",
        "Rows by confidence",
        "Share of rows in each bin of confidence; the numbers are in the table beside it.",
        charts.bars(counts, "Share of rows in each bin of confidence", x="confidence of the call", y="share of rows"),
    )
    note = "On the dashed line confidence is as good as it claims; below it the model is surer than it is right. Bars are 95% Wilson intervals."
    return Section("calibration", "Calibration", [Text(says), Text(note, "note"), Grid([reliability, shown])])


def curves(run: Run) -> Section | None:
    roc, precision = [], []
    for part, rows in _parts(run):
        if not 0 < rows.labels.sum() < len(rows):
            continue
        colour = PART_COLOURS[part]
        hits, alarms, called = _sweep(rows)
        roc.append(Series(part, evenly(list(zip(alarms, hits, strict=True)), CURVE_POINTS), colour))
        shares = [(hit, hit * float(rows.labels.sum()) / calls) for hit, calls in zip(hits, called, strict=True) if calls]
        precision.append(Series(part, thinned(shares, CURVE_POINTS), colour))
    if not roc:
        return None
    areas = {
        part: (score(run.judgement(part), "roc_auc"), score(run.judgement(part), "average_precision")) for part in run.judged
    }
    told = [
        f"{part}: area under ROC {numbers.number(area)}, average precision {numbers.number(average)}"
        for part, (area, average) in areas.items()
    ]
    says = "Calls at every threshold. " + "; ".join(told) + "."
    charts_ = [
        Chart(
            "roc", "ROC: positives found, by false alarms", says,
            charts.square(roc, says, x="negative rows called positive", y="positive rows found", diagonal=True),
            _curve_table("ROC", roc, ("false alarms", "found")),
        ),
        Chart(
            "pr", "Precision by recall", says,
            charts.square(precision, says, x="positive rows found (recall)", y="calls that are right (precision)", diagonal=False),
            _curve_table("Precision by recall", precision, ("recall", "precision")),
        ),
    ]  # fmt: skip
    return Section("thresholds", "Other thresholds: ROC and precision", [Text(says), Grid(charts_)])


def lengths(run: Run) -> Section | None:
    """How long the rows are, what is cut, and whether long ones are judged worse."""
    blocks: list[Any] = []
    tokens = {key: number(value) for key, value in mapping(run.lengths.get("real_tokens")).items()}
    limit, cut, rows = whole(run.lengths.get("max_length")), whole(run.lengths.get("truncated_rows")), whole(run.lengths.get("rows"))
    if rows and limit is not None and cut is not None:
        blocks.append(Text(f"{cut:,} of {counted(rows, 'training row')} ({percent(cut / rows)}) are longer than max_length, {limit:,} real tokens, and are cut there."))
        names = {"p5": "5%", "p25": "25%", "p50": "half", "p75": "75%", "p90": "90%", "p95": "95%", "p99": "99%", "p100": "all"}
        known = [(name, value) for key, name in names.items() if (value := tokens.get(key)) is not None]
        if known:
            lines = [[f"{name} of the rows have at most", f"{value:,.0f}"] for name, value in known]
            blocks.append(Table("Length of training rows", ["share", ">real tokens"], lines, note="[CLS] and [SEP] are counted; before anything is cut."))
    marks = []
    for part, found in _parts(run):
        bins = np.searchsorted(WORD_EDGES, found.words, side="left")
        for place in np.unique(bins).tolist():
            inside = bins == place
            count, hits = int(inside.sum()), int(found.right[inside].sum())
            low, high = wilson(hits, count)
            marks.append((place, {"x": _bin_name(place), "s": part, "value": round(hits / count, 5), "low": round(low, 5), "high": round(high, 5), "rows": count}))
    if marks:
        ordered = [mark for _, mark in sorted(marks, key=lambda pair: pair[0])]
        says = "Right calls by length: " + "; ".join(f"{m['s']} {m['x']} words {percent(m['value'])} of {m['rows']:,}" for m in ordered)
        table = Table(
            "Right calls by length", ["words", "rows of", ">right", ">95% interval", ">rows"],
            [[m["x"], m["s"], percent(m["value"]), percents((m["low"], m["high"])), f"{m['rows']:,}"] for m in ordered], folded=True,
        )  # fmt: skip
        chart = Chart("by-length", "Right calls by length of the review", says, charts.shares(ordered, says, x="words", ordinal=True, y="right"), table)
        blocks = [*[b for b in blocks if isinstance(b, Text)], Grid([chart, *[b for b in blocks if isinstance(b, Table)]])]
    return Section("lengths", "Length and truncation", blocks) if blocks else None


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
        caption = f"{part}: the {len(shown):,} surest of {counted(wrong, 'error')}" if len(shown) < wrong else f"{part}: {counted(wrong, 'error')}, the surest first"
        blocks.append(error_table(caption, shown, folded=part != "test" and "test" in run.judged))
    if not blocks:
        return None
    note = "Wrong calls that the model was surest of. Read some of them: labels are wrong too at times, and a pattern tells more than a score."
    return Section("errors", "Worst errors", [Text(note, "note"), *blocks])


def error_table(caption: str, rows: list[ShownRow], *, folded: bool = False) -> Table:
    lines = [
        [
            place_of(row),
            percent(max(row.p, 1 - row.p), 2),
            LABELS[row.label],
            Cell(LABELS[row.p > 0.5], "bad"),
            long_text(row.text),
        ]
        for row in rows
    ]
    return Table(caption, ["where", ">sure", "label", "call", "text"], lines, folded=folded, wide=True)


def place_of(row: ShownRow) -> str:
    """Where the row came from: the last part of the file and the line."""
    return f"{local(row.file, 60)}:{row.line:,}".replace(",", "") if row.line is not None else local(row.file, 60) or f"row {row.id}"


def seen(run: Run) -> list[str]:
    """A sentence for each part of which training saw rows."""
    said = []
    for part, found in mapping(run.summary.get("overlap_with_train")).items():
        counts = [whole(mapping(found).get(key)) for key in ("exact", "near", "rows")]
        if None in counts:
            continue
        exact, near, every = (count or 0 for count in counts)
        if exact + near:
            said.append(f"{exact + near:,} of the {every:,} {plain(part, 30)} rows are in the training rows too ({exact:,} exactly, {near:,} nearly): there it may remember.")
    return said


def _parts(run: Run) -> list[tuple[str, Rows]]:
    return [(part, run.judged[part]) for part in ("validation", "test") if part in run.judged]


def _sweep(rows: Rows) -> tuple[list[float], list[float], list[int]]:
    """At every threshold, from none called positive to all: share of positives found, of false alarms, and the calls."""
    order = np.argsort(-rows.p, kind="stable")
    labels, p = rows.labels[order], rows.p[order]
    last = np.append(np.flatnonzero(np.diff(p)), p.size - 1)  # equal probabilities are called together
    hits, calls = np.cumsum(labels)[last], last + 1
    positives, negatives = int(labels.sum()), int((1 - labels).sum())
    return (
        [0.0, *(hits / positives).tolist()],
        [0.0, *((calls - hits) / negatives).tolist()],
        [0, *calls.tolist()],
    )


def _curve_table(caption: str, lines: list[Series], head: tuple[str, str]) -> Table:
    cells = [[one.name, percent(x), percent(y)] for one in lines for x, y in _spread(list(one.points))]
    return Table(caption, ["rows of", f">{head[0]}", f">{head[1]}"], cells, folded=True)


def _spread(points: list[Point]) -> list[Point]:
    return evenly(points, 15)


def _bin_name(place: int) -> str:
    if place == len(WORD_EDGES):
        return f"> {WORD_EDGES[-1]}"
    return f"{WORD_EDGES[place - 1] + 1 if place else 0}–{WORD_EDGES[place]}"


