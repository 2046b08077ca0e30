"""What a run leaves behind: the files of its folder and the tables on the terminal."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentiment_ft import plan
from sentiment_ft.config import CLASS_NAMES
from sentiment_ft.data import batching
from sentiment_ft.data.prepare import copy_rejected, leaks, length_analysis
from sentiment_ft.judge.intervals import Judgement, judge
from sentiment_ft.recipe import Loaded
from sentiment_ft.recording import seen_at
from sentiment_ft.run.environment import environment
from sentiment_ft.run.layout import MARK
from sentiment_ft.run.memory import peak_memory_mib
from sentiment_ft.run.writing import write_json, write_text
from sentiment_ft.state import Run
from sentiment_ft.terminal import console, printable
from sentiment_ft.track.card import model_card
from sentiment_ft.track.judged import write_judged
from sentiment_ft.track.plots import length_plot, training_plots
from sentiment_ft.track.summary_table import judgement_table, summary_table
from sentiment_ft.track.wandb_run import read_mapping


def opening(run: Run, loaded: Loaded, device: str) -> None:
    """Before the first update: what is known by then, written and shown. Main process only."""
    data, config = run.data, run.config
    lengths = length_analysis(data.train.uncut_lengths, config.max_length)
    run.overlaps = leaks(data)
    run.environment = environment()
    described = describe(run, replace(loaded, origins=first_origins(run.folder, loaded)), device, lengths)
    write_json(run.folder / "environment.json", run.environment)
    write_json(run.folder / "plan.json", described)
    write_json(run.folder / "lengths.json", lengths)
    copy_rejected(data.corpora, run.folder / "rejected.jsonl")
    length_plot(data.train.uncut_lengths, config.max_length, run.folder / "plots")
    if run.quiet:
        return
    console.print(plan.summary_table(described, f"plan of {printable(str(run.folder), 200)}"))
    for line in data_lines(run):
        console.print(line, markup=False)


def first_origins(folder: Path, loaded: Loaded) -> dict[str, str]:
    """Where each value came from when the run began: a resume reads it from the run's own config.yaml. For that asks
    the plan.json of the start before; where that cannot be understood, the origins are those of this start.
    """
    before = read_mapping(folder / "plan.json").get("config")
    values = loaded.config.model_dump(mode="json")
    first = dict(loaded.origins)
    for key, entry in before.items() if isinstance(before, dict) else ():
        if (
            isinstance(entry, dict)
            and isinstance(entry.get("origin"), str)
            and first.get(key, "").startswith(f"{MARK}:")
            and entry.get("value") == values[key]
        ):
            first[key] = entry["origin"]
    return first


def describe(run: Run, loaded: Loaded, device: str, lengths: dict[str, Any]) -> dict[str, Any]:
    """The plan of a built run."""
    data, config, sizes = run.data, run.config, run.sizes
    return plan.describe(
        loaded,
        sizes,
        precision=run.precision,
        device=device,
        rows=data.counts(),
        lengths=lengths,
        parameters=run.parameters,
        padding_share=batching.first_padding(data.train.lengths, config, sizes.global_batch_size),
        overlaps=run.overlaps,
    )


def data_lines(run: Run) -> list[str]:
    """The account of rows, one line a source."""
    return [
        f"{printable(corpus.receipt.source, 200)}: {corpus.receipt.rows_read:,} rows read = "
        f"{corpus.receipt.rows_used:,} used + {corpus.receipt.rows_rejected:,} rejected"
        f"{' (from the token cache)' if corpus.reused else ''}"
        for corpus in run.data.corpora
    ]


def say_evaluation(run: Run, values: dict[str, float | None], *, better: bool) -> None:
    shown = "  ".join(
        f"{name} {value:.4f}" for name in ("accuracy", "f1", "log_loss") if (value := values[name]) is not None
    )
    console.print(f"update {run.state.update}: validation {shown}{'  best so far' if better else ''}", markup=False)


def closing(run: Run, test_p: NDArray[np.float64] | None) -> None:
    """Write everything down. Main process only. test_p: p_positive of the test rows by the best model.

    summary.json comes last: a folder that has it is complete. After a signal it does not come.
    """
    assert run.best_p_positive is not None and run.last_p_positive is not None
    validation, p_positive, config = run.data.validation, run.best_p_positive, run.config
    judge_by_config = partial(judge, samples=config.bootstrap_samples, seed=config.seed)
    judged = {"validation": judge_by_config(validation.labels, p_positive)}
    if run.data.test is not None and test_p is not None:
        judged["test"] = judge_by_config(run.data.test.labels, test_p)
    last_is_best = run.last_p_positive is p_positive
    final = judged["validation"] if last_is_best else judge_by_config(validation.labels, run.last_p_positive)
    if run.control.was_signalled():
        return
    plots = run.folder / "plots"
    write_judged(validation, p_positive, f"validation, {len(validation):,} rows", run.folder, plots=plots)
    if (test := run.data.test) is not None and test_p is not None:
        write_judged(test, test_p, f"test, {len(test):,} rows", run.folder, plots=plots, prefix="test_")
    training_plots(run.recorder.records, plots)
    if run.control.was_signalled():
        return
    run.recorder.complete()
    summary = summarise(run, judged, final)
    write_card(run, summary)
    report = write_report(run, summary)
    write_json(run.folder / "summary.json", summary)
    run.recorder.finish(summary)
    if not run.quiet:
        for name, judgement in judged.items():
            title = f"{name}: {judgement.rows:,} rows" + (" (sealed: never used to choose)" if name == "test" else "")
            console.print(judgement_table(judgement.to_json(), title))
        console.print(summary_table(summary))
        for name, where in [*([("report", str(report))] if report else []), *seen_at(run)]:
            # Beside the table, which would tear an address or a command into lines that cannot be copied.
            console.print(f"{name:<18}{printable(where, 4096)}", markup=False)
        best = printable(shlex.quote(str(run.folder / "best")), 200)
        console.print(f'try it: sentiment-ft predict --model {best} "What a lovely film!"', markup=False)


def summarise(run: Run, judged: dict[str, Judgement], final: Judgement) -> dict[str, Any]:
    """summary.json: plain numbers, units in the names. `best` and `final` judge the validation rows."""
    totals, state = run.totals, run.state
    return {
        "run_name": run.folder.name,
        "folder": str(run.folder),
        "model": run.config.model_name_or_path,
        "data": run.config.data,
        "rows": run.data.counts(),
        "receipts": [{**asdict(receipt), "rows_read": receipt.rows_read} for receipt in run.data.receipts],
        "overlap_with_train": {part: asdict(found) for part, found in run.overlaps.items()},
        "updates": state.update,
        "planned_updates": run.sizes.total_updates,
        "skipped_updates": state.skipped,
        "stopped_early": state.update < run.sizes.total_updates,
        "epochs": round(state.window / run.sizes.updates_per_epoch, 4),
        "best_update": state.best_update,
        "final": final.to_json(),
        "best": judged["validation"].to_json(),
        "test": judged["test"].to_json() if "test" in judged else None,
        "mixed_precision": run.precision,
        "processes": run.sizes.processes,
        "global_batch_size": run.sizes.global_batch_size,
        "rows_per_s": round(totals.rows / totals.train_s, 2),
        "real_tokens_per_s": round(totals.real_tokens / totals.train_s, 1),
        "train_s": round(totals.train_s, 2),
        "eval_s": round(totals.eval_s, 2),
        "wall_s": round(run.wall_s(), 2),
        "peak_memory_mib": peak_memory_mib(run.accelerator.device),
    }


def write_report(run: Run, summary: dict[str, Any]) -> Path | None:
    """report.html, or None after a warning: a report that cannot be made costs no run."""
    from sentiment_ft.report.write import of_closing

    try:
        return of_closing(run.folder, summary)
    except Exception as error:
        where = printable(shlex.quote(str(run.folder)), 200)
        what = printable(f"{type(error).__name__}: {error}", 300)
        console.print(f"warning: no report ({what}); again: sentiment-ft report {where}", markup=False)
        return None


def write_card(run: Run, summary: dict[str, Any]) -> None:
    card = model_card(
        base_model=run.config.model_name_or_path,
        data=run.config.data,
        rows=summary["rows"],
        judgement_json=summary["best"],
        test_json=summary["test"],
        config=run.config.model_dump(mode="json")
        | {
            "mixed_precision": run.precision,
            "gradient_accumulation_steps": run.sizes.gradient_accumulation_steps,
            "global_batch_size": run.sizes.global_batch_size,
            "warmup_steps": run.sizes.warmup_updates,
            "processes": run.sizes.processes,
            "updates": run.state.update,
        },
        environment=run.environment,
        labels=CLASS_NAMES,
    )
    write_text(run.folder / "best" / "README.md", card)
