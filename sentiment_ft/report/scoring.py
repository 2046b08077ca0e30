"""Scores with their intervals, and the confusion behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sentiment_ft.report import judged_charts
from sentiment_ft.report.blocks import Chart, Grid, Line, Matrix, Section, Table, Text, plain
from sentiment_ft.report.files import mapping, number, whole
from sentiment_ft.report.record import Run
from sentiment_ft.report.words import counted, percent
from sentiment_ft.track import numbers
from sentiment_ft.track.numbers import SCORE_NAMES

ON_AN_AXIS = ("accuracy", "precision", "recall", "f1", "mcc", "roc_auc", "average_precision")  # up to 1, more is better


def score_blocks(run: Run) -> list[Any]:
    """Chart and table of every score, the test beside the validation rows."""
    judged = {part: found for part in ("test", "validation") if (found := run.judgement(part))}
    if not judged:
        return []
    lines: list[Line] = []
    marks: list[dict[str, Any]] = []
    for name in (name for name in SCORE_NAMES if any(name in mapping(j.get("scores")) for j in judged.values())):
        cells: Line = [SCORE_NAMES[name]]
        for part, judgement in judged.items():
            value, ends = score(judgement, name), ends_of(judgement, name)
            cells += [numbers.number(value, 4), numbers.interval(ends)]
            if value is not None and name in ON_AN_AXIS:
                low, high = ends or (None, None)
                marks.append({"name": SCORE_NAMES[name], "s": part, "value": value, "low": low, "high": high})
        lines.append(cells)
    heads = [title for part in judged for title in (f">{part}", ">95% interval")]
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
    chart = Chart("scores", "Scores with 95% intervals", says, judged_charts.scores(marks, says))
    return [Grid([chart, table], uneven=True)]


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
        are = "is" if wrong == 1 else "are"
        caption = f"{part}: {wrong:,} of {counted(every, 'call')} {are} wrong ({percent(wrong / every)})"
        blocks.append(Matrix(caption, [[tn, fp], [fn, tp]]))
    if not blocks:
        return None
    note = "Positive is called when its probability is above 0.5. Rows are the labels, columns the calls."
    return Section("confusion", "Confusion", [Text(note, "note"), Grid(blocks)])


def seen(run: Run) -> list[str]:
    """A sentence for each part of which training saw rows."""
    said = []
    for part, found in mapping(run.summary.get("overlap_with_train")).items():
        counts = [whole(mapping(found).get(key)) for key in ("exact", "near", "rows")]
        if None in counts:
            continue
        exact, near, every = (count or 0 for count in counts)
        if exact + near:
            said.append(
                f"{exact + near:,} of the {every:,} {plain(part, 30)} rows are in the training rows too ({exact:,} "
                f"exactly, {near:,} nearly): there the model may repeat what it has seen."
            )
    return said
