"""What the terminal shows at the end of a run: one table of the run and one of each judgement.

No lines and no markup: the tables read the same in a terminal, a log file and an e-mail, and fit 80 columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from sentiment_ft.terminal import printable
from sentiment_ft.track.numbers import SCORE_NAMES, interval, memory_name, number


def judgement_table(judgement_json: Mapping[str, Any], title: str) -> Table:
    """Metric, value and 95% interval, and the confusion counts below. `judgement_json`: `Judgement.to_json()`."""
    table = Table(title=Text(printable(title)), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("metric", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column(f"{judgement_json['level']:.0%} interval", no_wrap=True)
    for name, value in judgement_json["scores"].items():
        ends = judgement_json["intervals"].get(name)
        table.add_row(SCORE_NAMES.get(name, name), number(value, 4), interval(ends))
    for name, count in judgement_json["confusion"].items():
        table.add_row(name.replace("_", " "), f"{count:,}", "rows")
    return table


def summary_table(summary: Mapping[str, Any]) -> Table:
    """The run in a dozen lines. `summary`: the content of summary.json."""
    table = Table(
        title=Text(f"run {printable(summary['run_name'])}"),
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        pad_edge=False,
    )
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _lines(summary):
        table.add_row(name, Text(printable(value)))
    return table


def _lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    updates = f"{summary['updates']:,} of {summary['planned_updates']:,} ({summary['epochs']:.3g} epochs)"
    if summary["stopped_early"]:
        updates += ", stopped early"
    if summary["skipped_updates"]:
        updates += f", {summary['skipped_updates']:,} skipped (fp16)"
    speed = f"{summary['rows_per_s']:,.1f} rows/s, {summary['real_tokens_per_s']:,.0f} real tokens/s"
    processes = summary["processes"]
    wall, train, judging = (summary[key] for key in ("wall_s", "train_s", "eval_s"))
    memory = [f"{memory_name(name)} {mib:,.0f} MiB" for name, mib in summary["peak_memory_mib"].items()]
    return [
        ("model", summary["model"]),
        ("data", summary["data"]),
        ("rows", ", ".join(f"{part} {count:,}" for part, count in summary["rows"].items())),
        (
            "seen in training",
            ", ".join(
                f"{part} {found['exact'] + found['near']:,} of {found['rows']:,}"
                for part, found in summary["overlap_with_train"].items()
            ),
        ),
        ("updates", updates),
        ("best model", f"update {summary['best_update']:,}"),
        (
            "global batch",
            f"{summary['global_batch_size']:,} rows over {processes} process{'es' if processes > 1 else ''}",
        ),
        ("precision", summary["mixed_precision"]),
        ("speed", speed),
        ("time", f"{duration(wall)}, of that training {duration(train)}, judging {duration(judging)}"),
        ("peak memory", ", ".join(memory)),
        ("folder", summary["folder"]),
    ]


def duration(seconds: float) -> str:
    """42.3 -> 42.3 s; 95 -> 1 min 35 s; 7500 -> 2 h 05 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
