"""How far the probabilities can be believed, and what other thresholds than 0.5 would call."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentiment_ft.judge import curves
from sentiment_ft.judge.intervals import wilson
from sentiment_ft.judge.scores import CALIBRATION_BINS
from sentiment_ft.report import judged_charts
from sentiment_ft.report.blocks import Chart, Grid, Section, Table, Text
from sentiment_ft.report.charts import PART_COLOURS, Series
from sentiment_ft.report.record import Run
from sentiment_ft.report.scoring import score
from sentiment_ft.report.thin import evenly, thinned
from sentiment_ft.report.words import percent, percents
from sentiment_ft.track import numbers

CURVE_POINTS = 400  # of an ROC curve: one to a pixel
TABLE_POINTS = 15


def calibration(run: Run) -> Section | None:
    lines: list[dict[str, Any]] = []
    told = []
    for part, rows in run.parts():
        confidence = np.maximum(rows.p, 1 - rows.p)
        for place, mean, hits, count in zip(
            *map(np.ndarray.tolist, curves.calibration(rows.labels, rows.p)), strict=True
        ):
            low, high = wilson(hits, count)
            lines.append({
                "s": part, "x": round(mean, 5), "value": round(hits / count, 5),
                "low": round(low, 5), "high": round(high, 5), "rows": count, "share": round(count / len(rows), 5),
                "bin": _bin(place),
            })  # fmt: skip
        sure, right = float(confidence.mean()), float(rows.right.mean())
        told.append(f"on {part} rows it is {percent(sure)} sure on average and right on {percent(right)}")
    if not lines:
        return None
    says = f"How far its confidence can be believed: {'; '.join(told)}."
    table = Table(
        "Right calls by confidence in numbers",
        ["confidence (%)", "rows of", ">mean", ">right", ">95% interval", ">rows"],
        [
            [
                *(line["bin"], line["s"], percent(line["x"]), percent(line["value"])),
                *(percents((line["low"], line["high"])), f"{line['rows']:,}"),
            ]
            for line in lines
        ],
        folded=True,
    )  # fmt: skip
    reliability = Chart(
        "reliability",
        "Right calls by confidence",
        says,
        judged_charts.shares(lines, says, x="confidence of the call", ordinal=False, y="right", diagonal=True),
        table,
    )
    found = {(line["bin"], line["s"]): line for line in lines}
    none = {"rows": 0, "share": 0}
    counts = [
        {"x": _bin(place), "s": part} | {key: found.get((_bin(place), part), none)[key] for key in none}
        for place in range(CALIBRATION_BINS // 2, CALIBRATION_BINS)
        for part, _ in run.parts()
    ]
    shown = Chart(
        "confidence",
        "Rows by confidence",
        "Share of rows in each bin of confidence; the numbers are in the table beside it.",
        judged_charts.bars(
            counts, "Share of rows in each bin of confidence", x="confidence of the call (%)", y="share of rows"
        ),
    )
    note = (
        "On the dashed line confidence is as good as it claims; below it the model is surer than it is right. Bars are "
        "95% Wilson intervals; a large dot stands for many rows."
    )
    return Section("calibration", "Calibration", [Text(says), Text(note, "note"), Grid([reliability, shown])])


def thresholds(run: Run) -> Section | None:
    roc, precision = [], []
    for part, rows in run.parts():
        swept = curves.thresholds(rows.labels, rows.p)
        if swept is None:
            continue
        colour, (found, alarms, right) = PART_COLOURS[part], map(np.ndarray.tolist, swept)
        roc.append(Series(part, evenly(list(zip(alarms, found, strict=True)), CURVE_POINTS), colour))
        precision.append(Series(part, thinned(list(zip(found, right, strict=True)), CURVE_POINTS), colour))
    if not roc:
        return None
    areas = {
        part: (score(run.judgement(part), "roc_auc"), score(run.judgement(part), "average_precision"))
        for part in run.judged
    }
    told = [
        f"{part}: area under ROC {numbers.number(area)}, average precision {numbers.number(average)}"
        for part, (area, average) in areas.items()
    ]
    says = "Calls at every threshold. " + "; ".join(told) + "."
    charts_ = [
        Chart(
            "roc", "ROC: positives found, by false alarms", says,
            judged_charts.square(roc, says, x="negative rows called positive", y="positive rows found", diagonal=True),
            _curve_table("ROC", roc, ("false alarms", "found")),
        ),
        Chart(
            "pr", "Precision by recall", says,
            judged_charts.square(precision, says, x="positive rows found (recall)", y="precision", diagonal=False),
            _curve_table("Precision by recall", precision, ("recall", "precision")),
        ),
    ]  # fmt: skip
    return Section("thresholds", "Other thresholds: ROC and precision", [Text(says), Grid(charts_)])


def _curve_table(caption: str, lines: list[Series], head: tuple[str, str]) -> Table:
    cells = [[one.name, percent(x), percent(y)] for one in lines for x, y in evenly(one.points, TABLE_POINTS)]
    return Table(f"{caption} in numbers", ["rows of", f">{head[0]}", f">{head[1]}"], cells, folded=True)


def _bin(place: int) -> str:
    """The confidence that a bin holds, in per cent: two classes reach the bins from 50% on."""
    return f"{max(50, round(100 * place / CALIBRATION_BINS))}–{round(100 * (place + 1) / CALIBRATION_BINS)}"
