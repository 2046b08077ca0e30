"""The page of several runs: side by side, and each against the first on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sentiment_ft.report import against, charts, judged_charts, settings, training
from sentiment_ft.report.blocks import Chart, Grid, Line, Section, Table, Text, plain
from sentiment_ft.report.charts import COLOURS, DASHES, Series
from sentiment_ft.report.files import mapping, number, whole
from sentiment_ft.report.page import Page
from sentiment_ft.report.record import Run, series
from sentiment_ft.report.scoring import ends_of, score
from sentiment_ft.report.thin import Point, smoothed
from sentiment_ft.report.words import percent, percents, value_of
from sentiment_ft.track import numbers
from sentiment_ft.track.numbers import memory_name
from sentiment_ft.track.summary_table import duration

MOST_RUNS = len(COLOURS)
NAME_WIDTH = 18  # characters
CURVES = (
    ("train", "loss", "compare-loss", "Training loss (nats a row)", "loss"),
    ("eval", "eval_accuracy", "compare-accuracy", "Validation accuracy", "accuracy"),
    ("eval", "eval_log_loss", "compare-log-loss", "Validation log-loss (nats a row)", "log-loss"),
    ("train", "learning_rate", "compare-rate", "Learning rate", "rate"),
    ("train", "grad_norm", "compare-norm", "Gradient norm", "norm"),
)
SPEED = (
    ("train", "real_tokens_per_s", "compare-speed", "Real tokens a second", "tokens/s"),
    ("train", "host_memory_mib", "compare-memory", "Host memory of the main process (MiB)", "MiB"),
    ("train", "device_memory_mib", "compare-device-memory", "Device memory (MiB)", "MiB"),
)


def page_of(runs: Sequence[Run]) -> Page:
    """At least two runs, at most eight."""
    names = names_of(runs)
    sections = [
        _summary(runs, names),
        against.differences(runs, names),
        _curves(runs, names, "curves", "Curves", CURVES),
        against.disagreements(runs, names),
        _config(runs, names),
        _environment(runs, names),
        _curves(runs, names, "speed", "Speed and memory", SPEED),
        _faults(runs, names),
    ]
    return Page(
        title=f"{len(runs)} runs compared",
        badge="",
        tone="",
        lead=" · ".join(names),
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        sections=[section for section in sections if section is not None],
    )


def names_of(runs: Sequence[Run]) -> list[str]:
    """Names of the folders, each once: a second `quickstart` becomes `quickstart (2)`."""
    names: list[str] = []
    for run in runs:
        name, count = plain(run.name, 200), 1
        if len(name) > NAME_WIDTH:  # what tells names apart is often their end
            name = f"{name[: NAME_WIDTH // 2 - 1]}…{name[-NAME_WIDTH // 2 :]}"
        while (name if count == 1 else f"{name} ({count})") in names:
            count += 1
        names.append(name if count == 1 else f"{name} ({count})")
    return names


def _summary(runs: Sequence[Run], names: Sequence[str]) -> Section:
    blocks: list[Any] = []
    unfinished = [name for run, name in zip(runs, names, strict=True) if not run.finished]
    if unfinished:
        blocks.append(Text(f"Not finished, so without scores: {', '.join(unfinished)}.", "warning"))
    rows: list[tuple[str, Callable[[Run], str]]] = [
        ("accuracy, test", lambda run: percent(score(run.judgement("test"), "accuracy"))),
        ("its 95% interval", lambda run: _interval(run, "test")),
        ("accuracy, validation", lambda run: percent(score(run.judgement("validation"), "accuracy"))),
        ("its 95% interval", lambda run: _interval(run, "validation")),
        ("log-loss, test", lambda run: _score(run, "test", "log_loss")),
        ("log-loss, validation", lambda run: _score(run, "validation", "log_loss")),
        ("calibration error, test", lambda run: _score(run, "test", "expected_calibration_error")),
        ("updates", lambda run: _whole(run, "updates")),
        ("best update", lambda run: _whole(run, "best_update")),
        ("rows a second", lambda run: _float(run, "rows_per_s", ",.1f")),
        ("real tokens a second", lambda run: _float(run, "real_tokens_per_s", ",.0f")),
        ("training", lambda run: _time(run, "train_s")),
        ("in all", lambda run: _time(run, "wall_s")),
        ("peak memory", _memory),
        ("processes", lambda run: "–" if run.processes is None else f"{run.processes:,}"),
    ]  # fmt: skip
    lines: list[Line] = [[title, *(write(run) for run in runs)] for title, write in rows]
    table = Table(
        "What each reached",
        ["what", *(f">{name}" for name in names)],
        [line for line in lines if any(cell != "–" for cell in line[1:])],
    )
    marks: list[dict[str, Any]] = []
    for run, name in zip(runs, names, strict=True):
        for part in against.PARTS:
            value, ends = score(run.judgement(part), "accuracy"), ends_of(run.judgement(part), "accuracy")
            if value is not None:
                low, high = ends or (None, None)
                marks.append({"name": name, "s": part, "value": value, "low": low, "high": high})
    if not marks:
        return Section("summary", "Side by side", [*blocks, table])
    says = "Accuracy with its 95% interval: " + "; ".join(f"{m['name']} {m['s']} {percent(m['value'])}" for m in marks)
    chart = Chart("compare-scores", "Accuracy with its 95% interval", says, judged_charts.scores(marks, says))
    both = [Grid([chart, table], uneven=True)] if len(runs) <= against.FEW else [chart, table]
    return Section("summary", "Side by side", [*blocks, *both])


def _curves(
    runs: Sequence[Run], names: Sequence[str], anchor: str, title: str, kinds: Sequence[tuple[str, str, str, str, str]]
) -> Section | None:
    found = []
    for event, key, chart_id, name, unit in kinds:
        lines, recorded = [], []
        for place, (run, run_name) in enumerate(zip(runs, names, strict=True)):
            every: list[Point] = list(series(run.of(event), key))
            dense = event == "train" and len(every) > training.DENSE
            shown = smoothed(every, len(every) // 30) if dense else every
            if shown:
                lines.append(Series(run_name, shown, COLOURS[place], dots=event == "eval", dash=DASHES[place]))
                recorded.append(Series(run_name, every, COLOURS[place]))
        if not lines:
            continue
        values = [y for one in lines for _, y in one.points]
        log = key in ("loss", "eval_log_loss", "grad_norm") and min(values) > 0 and max(values) > 30 * min(values)
        says = f"{name}, last: " + "; ".join(f"{one.name} {one.points[-1][1]:.4g}" for one in recorded)
        form, zero_as = ("~e", "0") if key == "learning_rate" else (",~r", None) if anchor == "speed" else ("~g", None)
        spec = charts.curves(lines, says, y=unit, log=log, zero=key != "eval_accuracy", form=form, zero_as=zero_as)
        found.append(
            Chart(
                chart_id,
                name + (" (log scale)" if log else ""),
                says,
                spec,
                training.points_table(name, recorded, unit),
            )
        )
    note = f"{training.ZOOM} Of more than {training.DENSE} records a run, the mean of neighbours is drawn."
    return Section(anchor, title, [Text(note, "note screen"), Grid(found)]) if found else None


def _config(runs: Sequence[Run], names: Sequence[str]) -> Section:
    keys = [key for run in runs for key in run.config]
    found = [(key, [run.config.get(key) for run in runs]) for key in dict.fromkeys(keys) if key != "run_name"]
    return Section(
        "config", "Config", [_unlike("What differs in the config", "key", found, names, "The configs are the same.")]
    )


def _environment(runs: Sequence[Run], names: Sequence[str]) -> Section:
    flat = [_flat(run) for run in runs]
    keys = dict.fromkeys(key for one in flat for key in one)
    found = [(key, [one.get(key) for one in flat]) for key in keys]
    return Section(
        "environment",
        "Environment",
        [_unlike("What differs in the environment", "what", found, names, "The environments are the same.")],
    )


def _flat(run: Run) -> dict[str, Any]:
    """What may change numbers or speed: versions, devices, threads, commit, variables."""
    found = run.environment
    flat = {key: found.get(key) for key in ("sentiment_ft", "python", "platform")}
    flat |= {f"{name}": value for name, value in mapping(found.get("packages")).items()}
    flat |= {name.replace("_", " "): value for name, value in mapping(found.get("threads")).items()}
    flat |= dict(mapping(found.get("variables")))
    git, devices = mapping(found.get("git")), found.get("devices")
    flat |= {"commit": git.get("commit"), "changes not committed": git.get("dirty")}
    for place, device in enumerate(map(mapping, devices[:8] if isinstance(devices, list) else []), 1):
        flat[f"device {place}"] = f"{device.get('name')}, {device.get('memory_mib')} MiB"
    return flat | {"processes": run.summary.get("processes"), "precision": run.summary.get("mixed_precision")}


def _unlike(
    caption: str, head: str, found: Sequence[tuple[str, list[Any]]], names: Sequence[str], same: str
) -> Table | Text:
    lines: list[Line] = []
    for key, values in found:
        # As JSON: 1 and true are equal to Python. Compared whole; cut, and without folders, only when shown.
        written = [settings.exact(value) for value in values]
        if len(set(written)) > 1:
            lines.append([plain(key, 60), *("–" if value is None else value_of(value, 120) for value in values)])
    return Table(caption, [head, *names], lines[:200]) if lines else Text(same)


def _faults(runs: Sequence[Run], names: Sequence[str]) -> Section:
    lines: list[Line] = []
    for run, name in zip(runs, names, strict=True):
        lines.append(
            [
                name,
                f"{len(run.of('skipped')):,}",
                f"{len(run.of('out_of_memory')):,}",
                f"{len(run.of('checkpoint')):,}",
                f"{max(0, run.starts - 1):,}" if run.starts else "–",
            ]
        )
    table = Table("How often", ["run", ">skipped updates", ">out of memory", ">checkpoints", ">restarts"], lines)
    said = [Text(f"{name}: {fault}", "warning") for run, name in zip(runs, names, strict=True) for fault in run.faults]
    return Section("faults", "Faults and restarts", [table, *said])


def _interval(run: Run, part: str) -> str:
    ends = ends_of(run.judgement(part), "accuracy")
    return percents(ends) if ends else "–"


def _score(run: Run, part: str, name: str) -> str:
    return numbers.number(score(run.judgement(part), name), 4)


def _whole(run: Run, key: str) -> str:
    value = whole(run.summary.get(key))
    return "–" if value is None else f"{value:,}"


def _float(run: Run, key: str, form: str) -> str:
    value = number(run.summary.get(key))
    return "–" if value is None else format(value, form)


def _time(run: Run, key: str) -> str:
    value = number(run.summary.get(key))
    return "–" if value is None or value < 0 else duration(value)


def _memory(run: Run) -> str:
    found = list(mapping(run.summary.get("peak_memory_mib")).items())[:4]
    return (
        ", ".join(
            f"{memory_name(plain(key, 20))} {mib:,.0f} MiB"
            for key, value in found
            if (mib := number(value)) is not None
        )
        or "–"
    )
