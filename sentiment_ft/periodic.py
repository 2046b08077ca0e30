"""What is due now and then in the loop: a line in the record, an evaluation, keeping the best model."""

from __future__ import annotations

import time

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from numpy.typing import NDArray

from sentiment_ft import evaluation, ladder, outcome, saving
from sentiment_ft.config import LOWER_IS_BETTER
from sentiment_ft.data.prepare import Part
from sentiment_ft.errors import TrainingError
from sentiment_ft.hardware.peaks import mfu
from sentiment_ft.judge.intervals import wilson
from sentiment_ft.judge.scores import scores
from sentiment_ft.model import classifier
from sentiment_ft.run.control import OutOfMemory
from sentiment_ft.run.memory import peak_memory_mib
from sentiment_ft.state import Interval, Run
from sentiment_ft.track.progress import Bar, bar

LONG_PART = 2000  # rows from which an evaluation gets a progress bar of its own: some 10 s on two CPU cores


def log(run: Run, shown: Bar | None) -> None:
    """One small read from the device; one line in metrics.jsonl."""
    interval, totals, state, accelerator = run.interval, run.totals, run.state, run.accelerator
    began = time.perf_counter()
    digest = int(np.uint64(interval.digest % 2**64).astype(np.int64))  # sums of int64 wrap around, as a digest should
    counted = [interval.rows, interval.real_tokens, interval.padded_tokens, digest]
    loss_sum = float(accelerator.reduce(interval.loss_sum))
    rows, real, padded, digest = accelerator.reduce(torch.tensor(counted, device=accelerator.device)).tolist()
    loss, norm = loss_sum / rows, float(interval.grad_norm)
    seconds = interval.seconds + time.perf_counter() - began
    last_rate = max(group["lr"] for group in run.optimizer.param_groups)
    used_peak = {} if run.peak_flops is None else {"mfu": mfu(run.weights, real / seconds, run.peak_flops)}
    memory = peak_memory_mib(accelerator.device)
    run.recorder.write(
        {
            "event": "train",
            "update": state.update,
            "epoch": round(state.window / run.sizes.updates_per_epoch, 4),
            "rows_digest": f"{digest % 2**64:016x}",
            "loss": loss,
            "learning_rate": last_rate,
            "grad_norm": norm,
            "rows_per_s": rows / seconds,
            "real_tokens_per_s": real / seconds,
            "padding_share": 1 - real / padded,
            "skipped_updates": state.skipped,
            "loss_scale": state.loss_scale,
            "elapsed_s": run.elapsed_s(),
            **used_peak,
            **memory,
        }
    )
    totals.rows, totals.real_tokens, totals.train_s = (
        totals.rows + int(rows),
        totals.real_tokens + int(real),
        totals.train_s + seconds,
    )
    run.interval = Interval.fresh(accelerator.device)
    if shown is not None:
        shown.update(
            state.update,
            f"loss {loss:.4f}  lr {last_rate:.2e}  {rows / seconds:.0f} rows/s  {real / seconds:,.0f} real tokens/s  "
            f"{memory.get('device_memory_mib', memory['host_memory_mib']):,.0f} MiB",
        )


def evaluate(run: Run, part: Part, micro_batches: int | None = None, name: str = "validation") -> NDArray[np.float64]:
    """p_positive of the rows of a part, on every process. Raises Stopped, between two micro-batches."""
    began = time.perf_counter()
    if run.accelerator.device.type == "cuda":  # updates still in the queue are training time, not evaluation time
        torch.cuda.synchronize()
        run.interval.seconds += time.perf_counter() - began
        began = time.perf_counter()
    quiet = run.quiet or micro_batches is not None or len(part) < LONG_PART
    while True:
        limits = evaluation.Limits(run.eval_rows, micro_batches=micro_batches)
        try:
            with bar(f"judging the {name} rows", len(part), quiet=quiet) as shown:
                p_positive = evaluation.probabilities
                result = p_positive(run.accelerator, run.model, part, run.pad_id, limits, shown, run.control)
            break
        except OutOfMemory:
            ladder.step_down(run, judging=True)
    if missing := int((~np.isfinite(result)).sum()):
        raise TrainingError(
            f"after update {run.state.update} the model gives no number for {missing} of {len(result)} {name} rows",
            way_out="a lower learning_rate, longer warm-up, or -o mixed_precision=fp32",
        )
    run.model.train()
    run.totals.eval_s += time.perf_counter() - began
    return result


def restore_best(run: Run) -> None:
    """Give every process the weights of the best model, read by the main process alone. Nothing to do when they are
    the last ones.
    """
    if run.state.best_update == run.state.update:
        return
    weights = None
    if run.accelerator.is_main_process:
        best, _ = classifier.load_for_use(str(run.folder / "best"))  # not the file: names in it may differ from ours
        weights = best.state_dict()
    run.engine.load(weights)


def judge_test(run: Run) -> NDArray[np.float64] | None:
    """p_positive of the sealed test rows by the best model, on every process; None where there are none. After the
    last update: nothing is saved afterwards.
    """
    if run.unkept is not None:
        saving.keep_best(run, run.unkept, last=True)
    if run.data.test is None:
        return None
    restore_best(run)
    return evaluate(run, run.data.test, name="test")


def judge_and_keep(run: Run) -> None:
    """Evaluate; the main process decides what is best, everyone follows; the best model is written at once."""
    p_positive = evaluate(run, run.data.validation)
    with run.control.heartbeat.at_length("judging"):
        keep_if_best(run, p_positive)


def keep_if_best(run: Run, p_positive: NDArray[np.float64]) -> None:
    """Score the validation rows, keep the best model, record and say it."""
    state, metric = run.state, run.config.metric_for_best_model
    values = scores(run.data.validation.labels, p_positive)
    decision = [0.0 if (value := values[metric]) is None else value, values["log_loss"]]
    value, log_loss = broadcast_object_list(decision)
    rank = (-value if metric in LOWER_IS_BETTER else value, -log_loss)
    better = state.best is None or rank > state.best
    clearly_better = state.best is None or rank[0] > state.best[0] + run.config.early_stopping_threshold
    state.without_better = 0 if clearly_better else state.without_better + 1
    state.judged = state.update
    run.last_p_positive = p_positive
    if better:
        state.best, state.best_update = rank, state.update
        run.best_p_positive = p_positive
        weights = run.engine.weights()
        if run.accelerator.is_main_process:
            saving.keep_best(run, weights)
    elif run.unkept is not None:
        saving.keep_best(run, run.unkept)
    labels = run.data.validation.labels
    low, high = wilson(int(((p_positive > 0.5) == labels).sum()), len(labels))
    run.recorder.write(
        {
            "event": "eval",
            "update": state.update,
            "epoch": round(state.window / run.sizes.updates_per_epoch, 4),
            **{f"eval_{name}": number for name, number in values.items()},
            "eval_accuracy_low": low,
            "eval_accuracy_high": high,
            "best": better,
            "elapsed_s": run.elapsed_s(),
        }
    )
    if not run.quiet:
        outcome.say_evaluation(run, values, better=better)


def out_of_patience(run: Run) -> bool:
    patience = run.config.early_stopping_patience
    return patience is not None and run.state.without_better >= patience


def save(run: Run) -> None:
    """Take a checkpoint where one is due: by updates, by time, or for the last. The main process looks at its clock,
    everyone follows. Raises Stopped, as at every boundary between micro-batches.
    """
    state, every = run.state, run.config.save_steps
    last = state.update == run.sizes.total_updates or out_of_patience(run)
    due = last or (every is not None and state.update % every == 0) or (run.saver is not None and run.saver.due())
    if run.saver is not None:
        saving.tell(run, run.saver.finished())
    new = state.update > 0 and state.place() != run.saved_at and not state.skipped_in_a_row
    if run.control.meet(f"update {state.update + 1}", save=due and new):
        saving.save(run)
