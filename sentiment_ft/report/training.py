"""What training did, update by update: curves, speed and memory, checkpoints, faults and restarts."""

from __future__ import annotations

from typing import Any

from sentiment_ft.report import charts
from sentiment_ft.report.blocks import Chart, Grid, Section, Table, Text
from sentiment_ft.report.charts import COLOURS, Series
from sentiment_ft.report.files import number
from sentiment_ft.report.record import Event, Run, series
from sentiment_ft.report.thin import MOST, Point, evenly, smoothed
from sentiment_ft.report.words import counted, moment, percent, size
from sentiment_ft.track import numbers

TABLE_POINTS = 16  # of a curve, in the table below it
MOST_LINES = 100  # of a table of events
DENSE = 60  # records from which on a loss is shown with its mean
SHARES = {"eval_accuracy": "accuracy", "eval_f1": "F1", "eval_precision": "precision", "eval_recall": "recall"}
ZOOM = "Drag to move, Ctrl + wheel to zoom, double click for all of it."


def curves(run: Run) -> Section | None:
    trained, judged = run.of("train"), run.of("eval")
    found = [chart for chart in (_loss(trained, judged), _evaluation(judged), _rate(trained), _norm(trained)) if chart]
    if not found:
        return None
    longest = max(len(trained), len(judged))
    note = ZOOM
    if longest > MOST:
        note += f" Of {longest:,} records each curve shows at most {MOST:,}, every peak and dip among them."
    return Section("curves", "Curves", [Text(note, "note screen"), Grid(found)])


def speed(run: Run) -> Section | None:
    trained = run.of("train")
    kinds = (
        ("rows_per_s", "speed-rows", "Rows a second", "rows/s", ",~r"),
        ("real_tokens_per_s", "speed-tokens", "Real tokens a second", "tokens/s", ",~r"),
        ("padding_share", "padding", "Padding, share of positions", "padding", "~%"),
        ("host_memory_mib", "host-memory", "Host memory of the main process (MiB)", "MiB", ",~r"),
        ("device_memory_mib", "device-memory", "Device memory (MiB)", "MiB", ",~r"),
    )
    found = []
    for key, anchor, title, unit, form in kinds:
        points: list[Point] = list(series(trained, key))
        if points:
            says = f"{title}: {_range(points, share=form == '~%')} over {counted(len(points), 'record')}."
            lines = with_mean("records", points, COLOURS[0])
            spec = charts.curves(lines, says, y=unit, form=form, zero=True, height=170)
            found.append(Chart(anchor, title, says, spec, points_table(title, [Series(title, points)], unit)))
    return Section("speed", "Speed and memory", [Grid(found)]) if found else None


def checkpoints(run: Run) -> Section | None:
    saved = run.of("checkpoint")
    if not saved:
        return None
    held = sum(number(record.get("held_up_s")) or 0 for record in saved)
    says = f"{counted(len(saved), 'checkpoint')} saved; training waited {moment(held)} in all."
    lines = [
        [
            f"{record['update']:,}",
            _written(record, "bytes", size),
            _written(record, "seconds", moment),
            _written(record, "worked_s", moment),
            _written(record, "held_up_s", moment),
        ]
        for record in saved[-MOST_LINES:]
    ]
    note = "Newest last. A save goes on beside the training: what counts is how long that was held up."
    if len(saved) > MOST_LINES:
        note += f" The last {MOST_LINES} are shown."
    head = [">update", ">size", ">written after", ">time at work", ">training stood still for"]
    return Section(
        "checkpoints", "Checkpoints", [Text(says), Table("Checkpoints", head, lines, note=note, folded=len(lines) > 12)]
    )


def _loss(trained: list[Event], judged: list[Event]) -> Chart | None:
    losses: list[Point] = list(series(trained, "loss"))
    log_losses: list[Point] = list(series(judged, "eval_log_loss"))
    every = [value for _, value in losses + log_losses]
    if not every:
        return None
    lines = with_mean("training", losses, COLOURS[0]) if losses else []
    if log_losses:
        lines.append(Series("validation", log_losses, COLOURS[1], dots=True))
    log = min(every) > 0 and max(every) > 30 * min(every)
    says = "Loss in nats a row: " + "; ".join(
        f"{name} {numbers.number(points[0][1])} at update {points[0][0]:,}, {numbers.number(points[-1][1])} at "
        f"{points[-1][0]:,}"
        for name, points in (("training", losses), ("validation", log_losses))
        if points
    )
    title = f"Loss (nats a row{', log scale' if log else ''})"
    shown = [Series("training", losses), *lines[-1:]] if losses and log_losses else lines[-1:]
    return Chart(
        "loss",
        title,
        says,
        charts.curves(lines, says, y="loss", log=log, zero=True, form="~g"),
        points_table("Loss", shown, "loss"),
    )


def with_mean(name: str, points: list[Point], colour: str) -> list[Series]:
    """The points, behind their running mean where they are many."""
    if len(points) <= DENSE:
        return [Series(name, points, colour)]
    window = len(points) // 30
    mean = Series(f"mean of {window:,}", smoothed(points, window), colour)
    return [mean, Series(name, points, charts.pale(colour), faint=True)]


def _rate(trained: list[Event]) -> Chart | None:
    points: list[Point] = list(series(trained, "learning_rate"))
    if not points:
        return None
    peak = max(points, key=lambda point: point[1])
    says = f"Learning rate: peak {peak[1]:.2e} at update {peak[0]:,}, {points[-1][1]:.2e} at the end."
    spec = charts.curves(
        [Series("learning rate", points, COLOURS[2])], says, y="learning rate", zero=True, form="~e", zero_as="0"
    )
    return Chart(
        "learning-rate",
        "Learning rate",
        says,
        spec,
        points_table("Learning rate", [Series("learning rate", points)], "rate"),
    )


def _norm(trained: list[Event]) -> Chart | None:
    points: list[Point] = list(series(trained, "grad_norm"))
    if not points:
        return None
    values = [value for _, value in points]
    log = min(values) > 0 and max(values) > 30 * min(values)
    says = f"Norm of the gradient before it is clipped: {_range(points)}."
    spec = charts.curves(with_mean("records", points, COLOURS[3]), says, y="gradient norm", zero=True, log=log)
    title = "Gradient norm" + (" (log scale)" if log else "")
    return Chart(
        "gradient", title, says, spec, points_table("Gradient norm", [Series("gradient norm", points)], "norm")
    )


def _evaluation(judged: list[Event]) -> Chart | None:
    lines = []
    for place, (key, name) in enumerate(SHARES.items()):
        points: list[Point] = [(x, y) for x, y in series(judged, key) if 0 <= y <= 1]
        if not points:
            continue
        lows, highs = (dict[float, float](series(judged, f"{key}_{end}")) for end in ("low", "high"))
        band = [(x, lows[x], highs[x]) for x, _ in points if x in lows and x in highs]
        lines.append(
            Series(
                name,
                points,
                COLOURS[place],
                dots=True,
                band=band,
                dash=charts.DASHES[place],
            )
        )
    if not lines:
        return None
    best = next((record["update"] for record in reversed(judged) if record.get("best") is True), None)
    says = "Validation scores: " + "; ".join(
        f"{one.name} {numbers.number(one.points[-1][1], 4)} at update {one.points[-1][0]:,}" for one in lines
    )
    says += f"; the best model is of update {best:,}." if best is not None else "."
    banded = " with the 95% band of accuracy" if lines[0].band else ""
    return Chart(
        "evaluation",
        f"Validation scores{banded}",
        says,
        charts.curves(lines, says, y="score", form="~g"),
        points_table("Validation scores", lines, "score"),
    )


def points_table(caption: str, lines: list[Series], unit: str) -> Table:
    """Series of the same updates in columns beside each other, others below each other."""
    caption = f"{caption} in numbers"
    cut = any(len(one.points) > TABLE_POINTS for one in lines)
    note = f"At most {TABLE_POINTS} points a series; metrics.jsonl has all." if cut else ""
    thin = [evenly(one.points, TABLE_POINTS) for one in lines]
    if len({tuple(x for x, _ in points) for points in thin}) == 1:
        heads = [f">{unit}" if len(lines) == 1 else f">{one.name}" for one in lines]
        rows = [[f"{column[0][0]:,}", *(f"{y:.5g}" for _, y in column)] for column in zip(*thin, strict=True)]
        return Table(caption, [">update", *heads], rows, folded=True, note=note)
    cells = [[one.name, f"{x:,}", f"{y:.5g}"] for one, points in zip(lines, thin, strict=True) for x, y in points]
    return Table(caption, ["series", ">update", f">{unit}"], cells, folded=True, note=note)


def _range(points: list[Point], *, share: bool = False) -> str:
    values = sorted(value for _, value in points)
    least, median, most = (
        percent(value) if share else f"{value:,.4g}" for value in (values[0], values[len(values) // 2], values[-1])
    )
    return f"{least} to {most}, median {median}"


def _written(record: Event, key: str, write: Any) -> str:
    value = number(record.get(key))
    return "–" if value is None or value < 0 else str(write(value))
