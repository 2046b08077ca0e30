"""What a run will do, before it does it: every derived number, and where each value came from. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from sentiment_ft.config import SECTIONS, Config, keys_of
from sentiment_ft.recipe import Loaded
from sentiment_ft.run.schedule import learning_rate
from sentiment_ft.run.sizes import Sizes, batch_sizes, derive
from sentiment_ft.terminal import printable, results, standard_output

if TYPE_CHECKING:
    from sentiment_ft.data.overlap import Overlap

ADAMW_BYTES = 16  # a trained parameter in fp32: weight 4, gradient 4, two AdamW moments 8
AVERAGE_BYTES = 4  # and in the average of the weights, where one is kept
CHECKPOINT_BYTES = 12  # on disk: weight and two moments, in fp32; the best model, 4 more, is linked
SLOW_DISK = 100e6  # bytes a second, for the time that a save may take


def describe(
    loaded: Loaded,
    sizes: Sizes,
    *,
    precision: str,
    device: str,
    rows: dict[str, int],
    parameters: int | None,
    lengths: dict[str, Any] | None = None,
    padding_share: float | None = None,
    overlaps: Mapping[str, Overlap] | None = None,
) -> dict[str, Any]:
    """The plan as plain data. rows: rows of each part. padding_share: of the first epoch. overlaps: what training sees
    of each part that judges it. None: not known without model or data.
    """
    config = loaded.config
    state_bytes = ADAMW_BYTES + (0 if config.average_share is None else AVERAGE_BYTES)
    return {
        "run_name": loaded.run_name,
        "recipe": loaded.recipe,
        "model": config.model_name_or_path,
        "parameters": parameters,
        "parameter_state_mib": None if parameters is None else round(parameters * state_bytes / 2**20, 1),
        "checkpoint_mib": None
        if parameters is None
        else round(parameters * (state_bytes - ADAMW_BYTES + CHECKPOINT_BYTES) / 2**20, 1),
        "device": device,
        "mixed_precision": precision,
        "rows": rows,
        "lengths": lengths,
        "padding_share": padding_share,
        "overlap_with_train": None if overlaps is None else {part: asdict(found) for part, found in overlaps.items()},
        **asdict(sizes),
        "learning_rate_at": {str(update): rate_at(config, sizes, update) for update in milestones(sizes)},
        "config": {
            key: {"value": value, "origin": loaded.origins[key]}
            for key, value in config.model_dump(mode="json").items()
        },
    }


def rate_at(config: Config, sizes: Sizes, update: int) -> float:
    """Learning rate of update number `update`, counted from 1 as in metrics.jsonl."""
    return learning_rate(
        update - 1,
        peak=config.learning_rate,
        total=sizes.total_updates,
        warmup=sizes.warmup_updates,
        shape=config.lr_scheduler_type,
    )


def milestones(sizes: Sizes) -> list[int]:
    """Updates worth looking at: first, end of warm-up, middle of what is left, last."""
    total, warmup = sizes.total_updates, sizes.warmup_updates
    return sorted({1, max(1, warmup), warmup + max(1, (total - warmup) // 2), total} & set(range(1, total + 1)))


def summary_lines(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """The plan in (name, value) lines for people."""
    rows = ", ".join(f"{name} {count:,}" for name, count in plan["rows"].items())
    lines = [
        ("model", _model_line(plan)),
        ("device", f"{printable(plan['device'], 60)}, {plan['mixed_precision']}"),
        ("rows", rows),
    ]
    if plan["lengths"]:
        found = plan["lengths"]["real_tokens"]
        lines.append(
            (
                "real tokens a row",
                f"median {found['p50']:g}, p95 {found['p95']:g}, longest {found['p100']:g}; "
                f"{plan['lengths']['truncated_share']:.1%} cut at {plan['lengths']['max_length']}",
            )
        )
    if plan["padding_share"] is not None:
        lines.append(("padding", f"{plan['padding_share']:.1%} of positions"))
    if plan["overlap_with_train"] is not None:
        lines.append(("seen in training", seen_in_training(plan["overlap_with_train"])))
    lines += [
        (
            "global batch",
            f"{plan['per_device_batch_size']} rows x {plan['gradient_accumulation_steps']} accumulation x "
            f"{plan['processes']} process{'' if plan['processes'] == 1 else 'es'} = {plan['global_batch_size']} rows",
        ),
        (
            "updates",
            f"{plan['updates_per_epoch']:,} an epoch, {plan['total_updates']:,} in all, "
            f"{plan['warmup_updates']:,} of them warm-up",
        ),
        ("checkpoints", _checkpoint_line(plan)),
        ("evaluation", f"every {min(plan['eval_every'], plan['total_updates']):,} updates"),
        ("learning rate", ", ".join(f"{rate:.2e} at {update}" for update, rate in plan["learning_rate_at"].items())),
    ]
    return lines


def seen_in_training(overlaps: Mapping[str, Mapping[str, Any]]) -> str:
    """What training sees of the rows that judge it: a score on those is memory."""
    return "; ".join(
        f"{part} {found['exact']:,} of {found['rows']:,} rows exactly, {found['near']:,} nearly"
        for part, found in overlaps.items()
    )


def _checkpoint_line(plan: dict[str, Any]) -> str:
    settings = {key: plan["config"][key]["value"] for key in ("save_steps", "save_seconds")}
    when = "when told to stop and at the end"
    if settings["save_steps"] is not None:
        when = f"every {settings['save_steps']:,} updates"
    elif settings["save_seconds"] is not None:
        when = f"every {settings['save_seconds']:g} s"
    if plan["checkpoint_mib"] is None:
        return f"{when}; grace needed to stop: one micro-batch and one save"
    seconds = plan["checkpoint_mib"] * 2**20 / SLOW_DISK
    return (
        f"{when}, at most {plan['checkpoint_mib']:,.0f} MiB; grace needed to stop: one micro-batch and one save "
        f"(predicted, at {SLOW_DISK / 1e6:.0f} MB/s: {seconds:.0f} s)"
    )


def _model_line(plan: dict[str, Any]) -> str:
    name = printable(plan["model"], 60)
    if plan["parameters"] is None:
        return f"{name} (size not known before it is loaded)"
    averaged = plan["config"]["average_share"]["value"] is not None
    parts = "weights, gradients, AdamW and average" if averaged else "weights, gradients and AdamW"
    return (
        f"{name}, {plan['parameters'] / 1e6:.1f} M parameters; {parts} "
        f"{plan['parameter_state_mib']:,.0f} MiB if all are trained (activations not counted)"
    )


def summary_table(plan: dict[str, Any], title: str) -> Table:
    table = Table(title=Text(title), title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in summary_lines(plan):
        table.add_row(name, Text(value))
    return table


def origins_table(plan: dict[str, Any]) -> Table:
    """Every key, its value and where it came from, by section."""
    table = Table(box=None, pad_edge=False)
    table.add_column("key", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold", style="dim")
    for section in SECTIONS:
        for key in keys_of(section):
            entry = plan["config"][key]
            value = entry["value"]
            value = printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 80)
            table.add_row(key, Text(value), Text(printable(entry["origin"], 60)))
        table.add_section()
    return table


def local_parameters(model_name_or_path: str) -> int | None:
    """Parameters of a bundled or local model; None for a hub name, which is not asked for a plan."""
    from sentiment_ft.model import bundled, size

    if model_name_or_path == "bundled":
        return size.parameters(bundled.folder())
    folder = Path(model_name_or_path).expanduser()
    return size.parameters(folder) if folder.is_dir() else None


def run(loaded: Loaded, *, processes: int, no_model: bool, as_json: bool, quiet: bool) -> None:
    """The `plan` verb. With `no_model` neither torch nor a tokenizer is loaded: rows are counted as text. Raises
    UserError.
    """
    plan = _without_model(loaded, processes) if no_model else _with_model(loaded, processes, quiet)
    if as_json:
        print(json.dumps(plan, indent=2, allow_nan=False), file=standard_output())
    elif not quiet:
        results.print(summary_table(plan, f"plan of {loaded.run_name}"))
        results.print()
        results.print(origins_table(plan))


def _without_model(loaded: Loaded, processes: int) -> dict[str, Any]:
    from sentiment_ft.data.counting import count_rows

    config = loaded.config
    rows = count_rows(config)
    return describe(
        loaded,
        derive(config, rows["train"], processes),
        precision=config.mixed_precision,
        device="any device",
        rows=rows,
        parameters=local_parameters(config.model_name_or_path),
    )


def _with_model(loaded: Loaded, processes: int, quiet: bool) -> dict[str, Any]:
    from sentiment_ft.data import batching
    from sentiment_ft.data.prepare import leaks, length_analysis, prepare
    from sentiment_ft.model import tokenization
    from sentiment_ft.run.precision import device_in_use, resolve
    from sentiment_ft.track.progress import bar

    config, device = loaded.config, device_in_use()
    batch_sizes(config, processes)  # a contradiction is told before any row is read
    precision = resolve(config.mixed_precision, device)
    tokenizer = tokenization.load_tokenizer(config.model_name_or_path)
    tokenization.check_max_length(config.model_name_or_path, config.max_length)
    with bar("reading rows", None, quiet=quiet) as shown:
        data = prepare(config, tokenizer, shown.update)
    sizes = derive(config, len(data.train), processes)
    return describe(
        loaded,
        sizes,
        precision=precision,
        device=device.name,
        rows=data.counts(),
        parameters=local_parameters(config.model_name_or_path),
        lengths=length_analysis(data.train.uncut_lengths, config.max_length),
        padding_share=batching.first_padding(data.train.lengths, config, sizes.global_batch_size),
        overlaps=leaks(data),
    )
