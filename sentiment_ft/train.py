"""Training: the world (`main`), the run (`build`), the loop (`fit`), one update (`train_step`).

Run it as `sentiment-ft train ...` or `accelerate launch -m sentiment_ft.train ...`: the same command, the same options.

B rows of a micro-batch, T positions, C = 2 classes; an update is one optimizer step over the global batch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, set_seed
from torch.nn.functional import cross_entropy

from sentiment_ft import clock, fingerprint, ladder, outcome, periodic, recording, replay, resuming, saving
from sentiment_ft.config import Config
from sentiment_ft.data import batching
from sentiment_ft.data.batching import Indices
from sentiment_ft.data.collate import collate
from sentiment_ft.data.prepare import Prepared, prepare
from sentiment_ft.errors import Preempted
from sentiment_ft.hardware import peaks
from sentiment_ft.model import classifier, parameters, tokenization
from sentiment_ft.model.average import Average, NoAverage
from sentiment_ft.recipe import Loaded
from sentiment_ft.run import agreement, attempt, attempts, launcher, process_log
from sentiment_ft.run import begin as begin_run
from sentiment_ft.run import precision as run_precision
from sentiment_ft.run.accelerator import one_after_another, started
from sentiment_ft.run.begin import Begin, Start
from sentiment_ft.run.control import Control, OutOfMemory, Stopped
from sentiment_ft.run.cpu import tune
from sentiment_ft.run.engine import engine_of
from sentiment_ft.run.heartbeat import watched
from sentiment_ft.run.layout import is_finished
from sentiment_ft.run.memory import reset_peak
from sentiment_ft.run.precision import at_least_fp32
from sentiment_ft.run.randomness import seed_micro_batch
from sentiment_ft.run.saver import Saver
from sentiment_ft.run.sizes import Sizes, batch_sizes, derive
from sentiment_ft.run.stopping import heeding
from sentiment_ft.state import Interval, Run, State
from sentiment_ft.track.progress import bar

# --- the world ------------------------------------------------------------------------------------------------------


def main(loaded: Loaded, begin: Begin, *, log_all_ranks: bool = False, quiet: bool = False) -> None:
    """Train by a checked config. Raises UserError for everything the user can mend; Preempted when a signal stopped the
    run and it is saved.
    """
    launcher.check()
    config = loaded.config
    recording.check(config)
    device = run_precision.device_in_use()
    precision = run_precision.resolve(config.mixed_precision, device)
    start = begin_run.start(loaded, begin)
    tune(device)
    with started(precision, device, config) as accelerator:
        batch_sizes(config, accelerator.num_processes)  # a contradiction is told before any row is read
        found = resuming.choose(start)
        finished, resumes = broadcast_object_list([start is not None and start.finished, found is not None])
        if finished:
            return
        bring_back = partial(resuming.restore, found=found, allowed=begin.allow_changed) if resumes else None
        main_process = accelerator.is_main_process
        logged = log_all_ranks and not main_process
        with process_log.into_a_file(accelerator.process_index) if logged else process_log.nowhere() as keep:
            quiet = quiet or not (main_process or logged)
            carry_out(accelerator, loaded, precision, device.name, start, bring_back, keep, quiet=quiet)


def carry_out(
    accelerator: Accelerator,
    loaded: Loaded,
    precision: str,
    device: str,
    start: Start | None,
    bring_back: Callable[[Run], int] | None,
    keep_log: process_log.Keep,
    *,
    quiet: bool,
) -> None:
    """The whole run. Its folder is created once all else is ready, by the main process, which has `start`. bring_back:
    puts a checkpoint into a run; returns the bytes of metrics.jsonl before it. Holds all that lives on the device, so
    that nothing of it is left when this returns.
    """
    config = loaded.config
    tokenizer, data = load_data(accelerator, config, quiet=quiet)
    made_of = fingerprint.made_of(config, data, precision)
    agreement.check(accelerator, made_of)
    sizes = derive(config, len(data.train), accelerator.num_processes)
    run = build(config, accelerator, tokenizer, data, sizes, precision, quiet=quiet)
    run.facts = fingerprint.facts(made_of, sizes)
    if start is not None:
        run.folder = start.create()
    run.folder = Path(broadcast_object_list([str(run.folder)])[0])
    with saving.resumable(run):
        cut_at = None if bring_back is None else bring_back(run)
        ladder.recall(run)
        if accelerator.is_main_process:
            every_s = None if config.save_steps is not None else config.save_seconds
            on_cpu = accelerator.device.type == "cpu"
            run.saver = Saver(run.folder / saving.FOLDER, config.save_total_limit, every_s, shares_cores=on_cpu)
            attempt.begun(run.folder, run.state.update)
            outcome.opening(run, loaded, device)
        keep_log(run.folder)
        with attempts.noted(run.folder, run.accelerator, lambda: run.state.update):
            live(run, cut_at)


def live(run: Run, cut_at: int | None) -> None:
    """From the first update to the last word, watched, and heeding signals. cut_at: as of
    `recording.open_recorder`. Raises Preempted.
    """
    under_torchrun = "LOCAL_RANK" in os.environ
    launched = under_torchrun or attempt.has_launcher()
    # A signal in the last seconds, while trackers take the rest and the other processes wait for that, changes nothing.
    with heeding(run.control, launched=under_torchrun):
        try:
            with recording.open_recorder(run, cut_at) as run.recorder:
                with watched(run.accelerator, run.config.hang_seconds, launched=launched) as run.control.heartbeat:
                    try:
                        fit(run)
                        run.control.meet("its end")  # a signal after the last update
                    except Stopped as stopped:
                        raise saving.stop(run, stopped.number) from None
                    except Exception:
                        with run.control.heartbeat.at_length("saving"):
                            saving.settle(run)  # the checkpoint that is on its way is what the run goes on from
                        raise
                    conclude(run)
                saving.finish(run)
        except Preempted:  # the first to end takes all along: not before the main process has told the tracker
            run.accelerator.wait_for_everyone()
            raise


def conclude(run: Run) -> None:
    """After the last update: judge the test rows, write everything down. Called by every process. What a signal stops
    here is done again by a resume; one that comes after the last file stops nothing. Raises Preempted.
    """
    try:
        saving.settle(run)
        test_p = periodic.judge_test(run)
        with run.control.heartbeat.at_length("its end"):
            if run.accelerator.is_main_process:
                outcome.closing(run, test_p)
            run.control.meet("its end")
    except Stopped as stopped:  # in every process
        if not broadcast_object_list([run.accelerator.is_main_process and is_finished(run.folder)])[0]:
            raise saving.preempted(run, stopped.number) from None


def load_data(accelerator: Accelerator, config: Config, *, quiet: bool) -> tuple[Any, Prepared]:
    """(tokenizer, rows): read and tokenised by the main process, found in the cache by the others."""
    with one_after_another(accelerator):
        tokenizer = tokenization.load_tokenizer(config.model_name_or_path)
        tokenization.check_max_length(config.model_name_or_path, config.max_length)
        with bar("reading rows", None, quiet=quiet) as shown:
            return tokenizer, prepare(config, tokenizer, shown.update)


# --- the run --------------------------------------------------------------------------------------------------------


def build(
    config: Config,
    accelerator: Accelerator,
    tokenizer: Any,
    data: Prepared,
    sizes: Sizes,
    precision: str,
    *,
    quiet: bool,
) -> Run:
    """Model, optimizer and state on the device. The new head is the same on every process."""
    set_seed(config.seed)
    model = classifier.load_for_training(
        config.model_name_or_path, hidden_dropout=config.hidden_dropout, attention_dropout=config.attention_dropout
    )
    tokenization.check_vocabulary(model, tokenizer, config.model_name_or_path)
    if precision == "fp64":
        model.double()
    if config.freeze_embeddings:
        parameters.freeze_embeddings(model)
    groups = parameters.groups(model, config.weight_decay, config.gradual_unfreezing_updates)
    parameters.check_releases(groups, config.gradual_unfreezing_updates, sizes.total_updates)
    optimizer = torch.optim.AdamW(
        groups,
        lr=config.learning_rate,
        betas=(config.adam_beta1, config.adam_beta2),
        eps=config.adam_epsilon,
        fused=accelerator.device.type in ("cpu", "cuda"),
    )
    count = sum(parameter.numel() for parameter in model.parameters())  # before ZeRO 3 cuts them
    weights = parameters.matrix_weights(model)
    model, optimizer = accelerator.prepare(model, optimizer)  # under ZeRO the optimizer holds its share only
    engine = engine_of(accelerator, model, optimizer, config.max_grad_norm)
    trained = (parameter for parameter in model.parameters() if parameter.requires_grad)
    average = NoAverage() if config.average_share is None else Average(trained, config.average_share)
    reset_peak(accelerator.device)
    return Run(
        config=config,
        accelerator=accelerator,
        control=Control(accelerator, spares=engine.in_background),
        model=model,
        tokenizer=tokenizer,
        optimizer=optimizer,
        engine=engine,
        average=average,
        data=data,
        sizes=sizes,
        parameters=count,
        weights=weights,
        peak_flops=peak_flops(accelerator, precision),
        precision=precision,
        pad_id=tokenizer.pad_token_id or 0,
        eval_rows=config.per_device_eval_batch_size,
        quiet=quiet,
        interval=Interval.fresh(accelerator.device),
        state=State(loss_scale=engine.loss_scale),
    )


def peak_flops(accelerator: Accelerator, precision: str) -> float | None:
    """Of the GPUs of all processes together; None where it is not known, as of CPUs."""
    if accelerator.device.type != "cuda":
        return None
    peak = peaks.peak_flops(torch.cuda.get_device_name(accelerator.device), precision)
    return None if peak is None else peak * accelerator.num_processes


# --- the loop -------------------------------------------------------------------------------------------------------


def fit(run: Run) -> None:
    """Train to the last update.

    N updates take N + 1 turns: the last evaluation and save use the same lines as the periodic ones.
    """
    state, sizes = run.state, run.sizes
    periodic.evaluate(run, run.data.validation, micro_batches=2)  # a fault here shows now, not after an epoch
    ladder.try_longest(run)
    epoch, order = -1, np.empty(0, np.int64)
    with bar("training", sizes.total_updates, quiet=run.quiet) as shown:
        while True:
            last = state.update == sizes.total_updates
            due = state.update != state.judged and (last or state.update % sizes.eval_every == 0)
            if due and not state.skipped_in_a_row:
                with run.average.in_place(state.update):
                    periodic.judge_and_keep(run)
            periodic.save(run)
            if last or periodic.out_of_patience(run):
                break

            if state.window // sizes.updates_per_epoch != epoch:
                epoch = state.window // sizes.updates_per_epoch
                order = epoch_order(run, epoch)
            rows = batching.rows_of_update(order, state.window % sizes.updates_per_epoch, sizes.global_batch_size)
            try:
                train_step(run, rows)
            except OutOfMemory:  # of a micro-batch: nothing of the update has been applied, it is tried again
                ladder.step_down(run)
                continue

            if state.update % run.config.logging_steps == 0 and not state.skipped_in_a_row:
                periodic.log(run, shown)
    if run.interval.rows:
        periodic.log(run, None)
    run.average.keep()  # what was judged last stays in the model


def epoch_order(run: Run, epoch: int) -> Indices:
    config = run.config
    return batching.epoch_order(
        run.data.train.lengths, run.sizes.global_batch_size, config.seed, epoch, group_by_length=config.group_by_length
    )


def train_step(run: Run, rows: Indices) -> None:
    """One update over `rows`, the global batch of all processes. One number is read back from the device: whether all
    is finite. Raises Stopped and OutOfMemory, in every process at once, before anything is
    applied; TrainingError for numbers that are not finite.

    Exact accumulation: the loss of a micro-batch is summed over its rows and divided by the rows of the whole global
    batch, also in the short last window; a mean of means would weigh its rows more.
    """
    began = time.perf_counter()
    accelerator, engine = run.accelerator, run.engine
    window = Interval.fresh(accelerator.device)  # forgotten when a signal stops the run before the update is whole
    clock.set_rate(run, run.state.update)
    turns = batching.micro_batches(
        rows, run.sizes.per_device_batch_size, accelerator.process_index, accelerator.num_processes
    )
    for turn, indices in enumerate(turns):
        if turn:
            run.control.meet(f"update {run.state.update + 1}")
        empty = len(indices) == 0  # this process has no row left: it still takes part in the all-reduce, with weight 0
        batch = collate(run.data.train, rows[:1] if empty else indices, run.pad_id, accelerator.device)
        labels = batch.pop("labels")
        seed_micro_batch(
            run.config.seed, run.state.window, turn * accelerator.num_processes + accelerator.process_index
        )
        last = turn == len(turns) - 1
        with ladder.sparing(run, last=last), engine.micro_batch(last=last):
            logits = run.model(**batch).logits  # (B, C)
            loss_sum = cross_entropy(at_least_fp32(logits), labels, reduction="sum") * (0.0 if empty else 1.0)
            engine.backward(loss_sum / len(rows))
            window.loss_sum += loss_sum.detach()
        window.rows += len(indices)
        window.digest += batching.digest(indices)
        window.real_tokens += int(run.data.train.lengths[indices].sum())
        window.padded_tokens += 0 if empty else batch["input_ids"].numel()
    run.control.settle()
    clock.drop_unreleased(run)
    step = engine.step(window.loss_sum)
    if not step.finite and not run.config.skip_nonfinite_updates:
        raise replay.explain(run, rows, run.state.window)
    window.grad_norm, run.state.loss_scale = step.grad_norm, step.loss_scale
    if not step.applied:  # left out; the record of the others stays one of numbers
        window.loss_sum, window.grad_norm, window.rows = torch.zeros_like(window.loss_sum), run.interval.grad_norm, 0
    clock.count_update(run, rows, skipped=not step.applied)
    if run.state.skipped_in_a_row >= clock.SKIPPED_IN_A_ROW:
        raise replay.explain(run, rows, run.state.window - 1, in_a_row=run.state.skipped_in_a_row)
    window.seconds = time.perf_counter() - began
    run.interval.add(window)


if __name__ == "__main__":
    from sentiment_ft.cli.training import train

    train(prog_name="python -m sentiment_ft.train")
