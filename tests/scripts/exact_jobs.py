"""Commands of the program, one after another in one group of processes, each watched from inside.

`exact_jobs.py FOLDER` reads the jobs from FOLDER/jobs.json: a list of objects with `name`; `argv`, a verb and its
options; and perhaps `fault` (a function of exact_mutants), `rows` (those of each update, in place of the order of the
epoch), `overflow` (windows, counted from 1, in which the last process gets infinite gradients), `scaler` (a gradient
scaler where Accelerate makes none), `fp16` (let DeepSpeed compute in it on a CPU), `count` (of gradient all-reduces),
`code` (the exit code it ends with, 0). What each process saw is left in FOLDER/NAME.RANK.json.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import sys
from pathlib import Path
from unittest.mock import patch

import exact_mutants
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

from sentiment_ft import clock, evaluation, outcome, train
from sentiment_ft.cli import main, processes
from sentiment_ft.data import batching, encoding
from sentiment_ft.run import accelerator as starting
from sentiment_ft.run import precision
from sentiment_ft.track import judged

PICTURES = ((outcome, "length_plot"), (outcome, "training_plots"), (judged, "judgement_plots"))  # take more than a run


@contextlib.contextmanager
def watched(seen):
    """Writes down what this process does, and changes nothing."""
    micro_batches, encode, fit, probabilities = (
        batching.micro_batches, encoding.encode, train.fit, evaluation.probabilities,
    )  # fmt: skip

    def own_rows(*arguments):
        turns = micro_batches(*arguments)
        seen["rows"].append(np.concatenate(turns).tolist())
        return turns

    def tokenised(*arguments):
        seen["tokenised"] += len(arguments[1])
        return encode(*arguments)

    def state(run):
        fit(run)
        seen["state"] = {key: getattr(run.state, key) for key in ("update", "window", "skipped", "best_update", "best")}
        seen["kind"] = run.accelerator.distributed_type.value
        seen["stage"] = run.model.zero_optimization_stage() if seen["kind"] == "DEEPSPEED" else None
        maps = Path("/proc/self/maps")
        seen["mapped"] = maps.is_file() and str(run.data.corpora[0].folder / "rows.arrow") in maps.read_text()

    def judged(*arguments):
        found = probabilities(*arguments)
        seen["p_positive"] = found.tolist()
        return found

    with (
        patch.object(batching, "micro_batches", own_rows),
        patch.object(encoding, "encode", tokenised),
        patch.object(train, "fit", state),
        patch.object(evaluation, "probabilities", judged),
    ):
        yield


@contextlib.contextmanager
def given_rows(updates):
    chosen = itertools.cycle([np.array(rows) for rows in updates])
    with patch.object(batching, "rows_of_update", lambda *_: next(chosen)):
        yield


@contextlib.contextmanager
def counted(seen):
    """The hook does what DDP does without one; a set of buckets is one all-reduce of the gradients."""
    build = train.build

    def hook(group, bucket):
        seen["reduces"] += bucket.is_last()
        return allreduce_hook(group, bucket)

    def build_with_hook(*arguments, **settings):
        run = build(*arguments, **settings)
        run.model.register_comm_hook(None, hook)
        return run

    with patch.object(train, "build", build_with_hook):
        yield


@contextlib.contextmanager
def scaled():
    """fp16's clock without fp16, which needs a GPU: torch's real GradScaler on fp32 gradients on the CPU."""

    class Scaled(Accelerator):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.scaler = torch.amp.GradScaler("cpu")

        def unscale_gradients(self, optimizer=None):  # Accelerate does so in fp16 only
            for prepared in self._optimizers:
                self.scaler.unscale_(prepared.optimizer)

    with patch.object(starting, "Accelerator", Scaled):
        yield


@contextlib.contextmanager
def fp16_on_a_cpu():
    """It is slow there, so DeepSpeed says no; torch has all that a BERT needs."""
    from deepspeed.accelerator import get_accelerator

    with patch.object(type(get_accelerator()), "is_fp16_supported", lambda _: True):
        yield


@contextlib.contextmanager
def overflowing(windows, seen):
    """Gradients of one process overflow before they travel."""
    build = train.build

    def build_with_hook(*arguments, **settings):
        run = build(*arguments, **settings)
        last = run.accelerator.process_index == run.accelerator.num_processes - 1

        def overflow(gradient):
            return gradient * float("inf") if last and run.state.window + 1 in windows else gradient

        run.accelerator.unwrap_model(run.model).classifier.weight.register_hook(overflow)
        step = run.engine.step

        def noted(loss_sum):
            seen["rates"].append(clock.rate_of(run, run.state.update))
            taken = step(loss_sum)
            seen["applied"].append(taken.applied)
            seen["scales"].append(taken.loss_scale)
            return taken

        run.engine.step = noted
        return run

    with patch.object(train, "build", build_with_hook):
        yield


def carry_out(job):
    seen = {"rows": [], "tokenised": 0, "reduces": 0, "rates": [], "applied": [], "scales": []}
    with contextlib.ExitStack() as around:
        around.enter_context(patch.object(torch.distributed, "destroy_process_group", lambda: None))
        for module, name in PICTURES:
            around.enter_context(patch.object(module, name, lambda *_: None))
        if job.get("fault"):
            around.enter_context(getattr(exact_mutants, job["fault"])())
        if job.get("rows"):
            around.enter_context(given_rows(job["rows"]))
        if job.get("count"):
            around.enter_context(counted(seen))
        if job.get("scaler"):
            around.enter_context(scaled())
        if job.get("fp16"):
            around.enter_context(fp16_on_a_cpu())
        if job.get("overflow"):
            around.enter_context(overflowing(job["overflow"], seen))
        around.enter_context(watched(seen))
        around.enter_context(patch.object(precision, "why_not", lambda *_: None))  # emulated is slow, not different
        around.enter_context(patch.object(processes, "leave", sys.exit))  # which would end the other jobs too
        try:
            code = main.main(job["argv"], standalone_mode=False) or 0
        except SystemExit as error:
            code = error.code
        if code != job.get("code", 0):
            sys.exit(code or 1)
    AcceleratorState._reset_state()  # the next job may have another precision; the process group stays
    return seen


folder = Path(sys.argv[1])
for number, job in enumerate(json.loads((folder / "jobs.json").read_text())):
    seen = carry_out(job)
    (folder / f"{job['name']}.{PartialState().process_index}.json").write_text(json.dumps(seen))
    if number == 0:
        gc.collect()
        gc.freeze()  # the modules that are loaded now: each run looks at all of them three times
if torch.distributed.is_initialized():
    gc.collect()
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
