"""What a run does when a micro-batch does not fit into memory: smaller ones, more of them, the same global batch.

The rows of each update, their order and the learning rate stay what they were; which dropout masks fall on them, and
how sums are rounded, does not. Every step down is agreed by all processes, told, recorded, and remembered in
memory.json, so that a resumed run begins where this one has come to.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from torch.nn.functional import cross_entropy

from sentiment_ft.data.batching import Indices
from sentiment_ft.data.collate import collate
from sentiment_ft.errors import ModelError, OutputError, RestartNeeded, is_out_of_memory
from sentiment_ft.run.control import OutOfMemory
from sentiment_ft.run.precision import at_least_fp32
from sentiment_ft.run.writing import write_json
from sentiment_ft.state import Run, Rung
from sentiment_ft.terminal import console

FILE = "memory.json"
MOST = 20  # halvings: of the largest micro-batch there may be


def recall(run: Run) -> None:
    """Go down to where an earlier attempt of the run has come. Called by every process."""
    rung = Rung()
    if run.accelerator.is_main_process:
        rung = _read(run.folder)
    (rung,) = broadcast_object_list([rung])
    _stand_on(run, rung)


def try_longest(run: Run) -> None:
    """Forward and backward over the longest micro-batch, with room for what AdamW will keep, before the first update:
    what does not fit shows now. Nothing of it stays. Called by every process. Raises ModelError.
    """
    if (
        not run.engine.in_background
    ):  # under ZeRO each backward pass is a collective: one that fails cannot be agreed on
        return
    longest = np.argsort(-run.data.train.lengths, kind="stable")
    while True:
        indices = longest[: run.sizes.per_device_batch_size]
        devices = [run.accelerator.device] if run.accelerator.device.type == "cuda" else []
        with torch.random.fork_rng(devices), run.control.sparing():
            _forward_and_backward(run, indices)
        run.optimizer.zero_grad(set_to_none=True)
        try:
            run.control.meet("the longest micro-batch")
            return
        except OutOfMemory:
            step_down(run)


def _forward_and_backward(run: Run, indices: Indices) -> None:
    device = run.accelerator.device
    trained = sum(parameter.numel() for parameter in run.model.parameters() if parameter.requires_grad)
    # A host gives memory when it is written to; AdamW's moments are there when the run was resumed.
    moments = torch.empty(2 * trained if device.type == "cuda" and not run.optimizer.state else 0, device=device)
    batch = collate(run.data.train, indices, run.pad_id, device)
    labels = batch.pop("labels")
    with run.engine.micro_batch(last=False):
        logits = run.model(**batch).logits
        run.engine.backward(cross_entropy(at_least_fp32(logits), labels))
    del moments


def step_down(run: Run, *, judging: bool = False) -> None:
    """One rung down, in every process. judging: it was an evaluation that did not fit. Raises ModelError where there is
    no rung left.
    """
    run.optimizer.zero_grad(set_to_none=True)
    if run.accelerator.device.type == "cuda":
        torch.cuda.empty_cache()
    rung = _below(run, run.rung, judging=judging)
    _stand_on(run, rung)
    if run.accelerator.is_main_process:
        _write(run.folder, rung)
        run.recorder.write({"event": "out_of_memory", "update": run.state.update, **asdict(rung)})
        console.print(f"warning: out of memory; goes on with {describe(run, rung)}", markup=False)


def _below(run: Run, rung: Rung, *, judging: bool) -> Rung:
    if judging and run.eval_rows > 1:
        return replace(rung, eval_halvings=rung.eval_halvings + 1)
    if not judging and run.sizes.per_device_batch_size > 1:
        return replace(rung, halvings=rung.halvings + 1)
    model = run.accelerator.unwrap_model(run.model)
    if not judging and not rung.activation_checkpointing and model.supports_gradient_checkpointing:
        return replace(rung, activation_checkpointing=True)
    tried = "one row a micro-batch" + (" and activation checkpointing" if rung.activation_checkpointing else "")
    raise ModelError(f"out of memory with {tried}", way_out="a smaller --max-length, or a smaller model")


@contextlib.contextmanager
def sparing(run: Run, *, last: bool) -> Iterator[None]:
    """Around a micro-batch. Running out of memory is told to all by their next `meet`; but not in the last micro-batch
    of several processes, or under ZeRO: there the others wait for this one. The next rung is written down, and
    RestartNeeded raised: a launcher starts all again.
    """
    if run.engine.in_background and not (last and run.accelerator.num_processes > 1):
        with run.control.sparing():
            yield
        return
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        _write(run.folder, _below(run, run.rung, judging=False))
        raise RestartNeeded(
            "out of memory while other processes wait for the gradients",
            where=f"update {run.state.update + 1}",
            way_out="start it again with --resume: it goes on with smaller micro-batches",
        ) from None


def describe(run: Run, rung: Rung) -> str:
    sizes = run.sizes
    again = ", activations computed twice" if rung.activation_checkpointing else ""
    processes = f"{sizes.processes} process{'' if sizes.processes == 1 else 'es'}"
    return (
        f"{sizes.per_device_batch_size} rows x {sizes.gradient_accumulation_steps} accumulation x "
        f"{processes}, still {sizes.global_batch_size} an update{again}"
    )


def _stand_on(run: Run, rung: Rung) -> None:
    run.rung = rung
    rows = run.config.per_device_batch_size
    for _ in range(rung.halvings):
        rows = -(-rows // 2)
    run.eval_rows = run.config.per_device_eval_batch_size
    accumulation = -(-run.sizes.global_batch_size // (rows * run.sizes.processes))
    run.sizes = replace(run.sizes, per_device_batch_size=rows, gradient_accumulation_steps=accumulation)
    for _ in range(rung.eval_halvings):
        run.eval_rows = -(-run.eval_rows // 2)
    if rung.activation_checkpointing:
        model = run.accelerator.unwrap_model(run.model)
        # The first is its name in newer transformers.
        getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()


def _read(folder: Path) -> Rung:
    try:
        found = json.loads((folder / FILE).read_text("utf-8"))
        halvings, eval_halvings = (min(int(found[key]), MOST) for key in ("halvings", "eval_halvings"))
        return Rung(halvings, bool(found["activation_checkpointing"]), eval_halvings)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Rung()


def _write(folder: Path, rung: Rung) -> None:
    with contextlib.suppress(OutputError):  # a full disk: it is found out again
        write_json(folder / FILE, asdict(rung))
