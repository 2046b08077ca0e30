"""The run in words and tables: what came out of it, and what was planned."""

from __future__ import annotations

from typing import Any

from sentiment_ft.errors import UserError
from sentiment_ft.report.blocks import Card, Cards, Cell, Line, Section, Split, Table, Text, plain
from sentiment_ft.report.files import mapping, number, whole
from sentiment_ft.report.record import Run, series
from sentiment_ft.report.scoring import ends_of, score, score_blocks, seen
from sentiment_ft.report.words import counted, local, percent, percents, value_of
from sentiment_ft.run.layout import MARK
from sentiment_ft.run.sizes import Sizes, derive
from sentiment_ft.track.summary_table import duration


def summary(run: Run) -> Section:
    blocks: list[Any] = []
    if not run.finished:
        last = max((record["update"] for record in run.events), default=0)
        said = f"This run has not finished: it has no summary.json. Its record goes to update {last:,}."
        if (run.folder / "checkpoints").is_dir():
            said += " It has checkpoints: sentiment-ft train --resume, with the folder of the run, goes on."
        blocks.append(Text(said, "warning"))
    cards = [card for part in ("test", "validation") if (card := _card(run, part))]
    speed = number(run.summary.get("rows_per_s"))
    if speed is not None:
        tokens = number(run.summary.get("real_tokens_per_s"))
        cards.append(
            Card("speed", f"{speed:,.1f} rows/s", f"{tokens:,.0f} real tokens/s" if tokens is not None else "")
        )
    wall = number(run.summary.get("wall_s"))
    if wall is not None and wall >= 0:
        updates = whole(run.summary.get("updates"))
        cards.append(Card("time", duration(wall), f"{updates:,} updates" if updates is not None else ""))
    if cards:
        blocks.append(Cards(cards))
    blocks += [Text(sentence) for sentence in _meaning(run)]
    return Section("summary", "Summary", [*blocks, *score_blocks(run)])


def _card(run: Run, part: str) -> Card | None:
    judgement = run.judgement(part)
    accuracy, ends = score(judgement, "accuracy"), ends_of(judgement, "accuracy")
    if accuracy is None:
        return None
    name = "accuracy, sealed test" if part == "test" else "accuracy, validation"
    return Card(name, percent(accuracy), percents(ends) if ends else "", "main" if part == "test" else "")


def _meaning(run: Run) -> list[str]:
    """The scores in a sentence or two, without flattery."""
    said = []
    test, validation = run.judgement("test"), run.judgement("validation")
    for part, judgement in (("test", test), ("validation", validation)):
        accuracy, ends, rows = (
            score(judgement, "accuracy"),
            ends_of(judgement, "accuracy"),
            whole(judgement.get("rows")),
        )
        if accuracy is None or ends is None or rows is None:
            continue
        if part == "test":
            said.append(
                f"On {rows:,} test rows, kept apart until the end, the best model is right on {percent(accuracy)}; "
                f"on rows of the same kind it would be, with 95% confidence, {percents(ends)}. This is the figure to "
                "quote."
            )
            other = ends_of(validation, "accuracy")
            if other is not None and (other[0] > ends[1] or other[1] < ends[0]):
                gap = abs((score(validation, "accuracy") or 0) - accuracy)
                said.append(
                    f"The validation rows say {percent(score(validation, 'accuracy'))}, {100 * gap:.1f} points "
                    f"{'more' if other[0] > ends[1] else 'less'}: they were used to choose the best model, "
                    "or are another kind of rows."
                )
        elif not test:
            said.append(
                f"On {rows:,} validation rows the best model is right on {percent(accuracy)} ({percents(ends)}). These "
                "rows were used to choose it, so the figure leans high; no test rows were given."
            )
    if str(run.summary.get("data", "")).split(":")[0] == "synthetic" and said:
        said.append(
            "The training rows are synthetic, made from templates: expect less on real reviews, and measure it."
        )
    return [" ".join(said), *seen(run)] if said else seen(run)


def plan(run: Run) -> Section | None:
    """What the config asked for beside what happened."""
    summary, config, trained = run.summary, run.config, run.of("train")
    sizes = _sizes(run)
    rates = series(trained, "learning_rate")
    peak = max(rates, key=lambda point: point[1]) if rates else None
    last = max((record["update"] for record in run.events), default=None)
    planned, updates = whole(summary.get("planned_updates")), whole(summary.get("updates"))
    planned = planned if planned is not None else sizes.total_updates if sizes else None
    updates = updates if updates is not None else last
    epochs = number(summary.get("epochs"))
    if epochs is None and trained:
        epochs = number(trained[-1].get("epoch"))
    asked_epochs = number(config.get("num_train_epochs")) if config.get("max_steps") is None else None
    patience = whole(config.get("early_stopping_patience"))
    stopped = summary.get("stopped_early")
    skipped, best = whole(summary.get("skipped_updates")), whole(summary.get("best_update"))
    if best is None:  # so far, of a run that has not finished
        best = max((record["update"] for record in run.of("eval") if record.get("best") is True), default=None)
    best_one = "–" if best is None else f"update {best:,}"
    evaluations = len(run.of("eval"))
    steps, seconds = whole(config.get("save_steps")), number(config.get("save_seconds"))
    saving = f"every {seconds:g} s" if seconds is not None else "at the end"
    if steps is not None:
        saving = f"every {steps:,} updates"
    stop = "off" if patience is None else f"after {counted(patience, 'evaluation')} without gain"
    ended = "–" if not isinstance(stopped, bool) else "stopped early" if stopped else "no"
    short = planned is not None and updates is not None and updates < planned
    reached = f"highest logged: {peak[1]:.2e} at update {peak[0]:,}" if peak else "–"
    batch, precision = whole(summary.get("global_batch_size")), summary.get("mixed_precision")
    lines: list[Line] = [
        ["updates", _number(planned), Cell(_number(updates), "bad" if short else "")],
        ["epochs", _number(asked_epochs), _number(epochs)],
        ["warm-up", f"{sizes.warmup_updates:,} updates" if sizes else "–", reached],
        ["peak learning rate", value_of(config.get("learning_rate")), f"{peak[1]:.2e} (logged)" if peak else "–"],
        ["global batch", f"{sizes.global_batch_size:,} rows" if sizes else "–", _rows(batch)],
        ["processes", "–", _number(run.processes)],
        ["precision", value_of(config.get("mixed_precision")), "–" if precision is None else value_of(precision)],
        ["evaluations", f"every {sizes.eval_every:,} updates" if sizes else "–", f"{evaluations:,}"],
        ["early stop", stop, ended],
        ["skipped updates", "0", Cell(_number(skipped), "bad" if skipped else "")],
        ["checkpoints", saving, counted(len(run.of("checkpoint")), "checkpoint")],
        ["best model", f"by {value_of(config.get('metric_for_best_model'), 40)}", best_one],
    ]  # fmt: skip
    blocks: list[Any] = [Table("The plan against what happened", ["what", "planned", "happened"], lines)]
    if split := _split(run):
        blocks.insert(0, split)
    if rows := _receipts(run):
        blocks.append(rows)
    return Section("plan", "Plan and outcome", blocks)


def _sizes(run: Run) -> Sizes | None:
    """The numbers that follow from the config; None where it cannot be read as one of this version."""
    from sentiment_ft import recipe

    rows = whole(mapping(run.summary.get("rows")).get("train")) or whole(run.lengths.get("rows"))
    processes = run.processes or 1
    if not rows or rows < 1 or processes < 1:
        return None
    try:
        return derive(recipe.load(str(run.folder / MARK)).config, rows, processes)
    except UserError:
        return None


def _split(run: Run) -> Split | None:
    wall, train, judging = (number(run.summary.get(key)) for key in ("wall_s", "train_s", "eval_s"))
    if wall is None or train is None or judging is None or min(wall, train, judging) < 0:
        return None
    rest = max(0.0, wall - train - judging)
    whole_time = max(train + judging + rest, 1e-9)
    parts = [
        (name, value / whole_time, duration(value))
        for name, value in (("training", train), ("judging", judging), ("start, saving, writing", rest))
    ]
    again = " (of several starts, without what was lost by a kill and trained again)" if run.starts > 1 else ""
    return Split(f"Where {duration(whole_time)} went{again}", parts)


def _receipts(run: Run) -> Table | None:
    """Rows read, used and rejected, a source a line."""
    found = run.summary.get("receipts")
    lines: list[Line] = []
    for receipt in map(mapping, found[:50] if isinstance(found, list) else []):
        reasons = ", ".join(
            f"{plain(key, 60)} {_number(whole(count))}"
            for key, count in list(mapping(receipt.get("rejected_by_reason")).items())[:10]
        )
        counts = [_number(whole(receipt.get(key))) for key in ("rows_read", "rows_used", "rows_rejected")]
        lines.append([local(str(receipt.get("source", "–"))), *counts, reasons or "–"])
    parts = ", ".join(
        f"{plain(part, 30)} {_number(whole(count))}"
        for part, count in list(mapping(run.summary.get("rows")).items())[:10]
    )
    note = f"Parts: {parts}." if parts else ""
    return Table("Rows", ["source", ">read", ">used", ">rejected", "why"], lines, note=note) if lines else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _rows(count: int | None) -> str:
    return "–" if count is None else f"{count:,} rows"
