"""An update whose numbers are not finite, computed once more to say where the first such number came up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.utils import gather_object
from torch.nn.functional import cross_entropy

from sentiment_ft.data import batching
from sentiment_ft.data.batching import Indices
from sentiment_ft.data.collate import collate
from sentiment_ft.errors import TrainingError, is_out_of_memory
from sentiment_ft.run.precision import at_least_fp32
from sentiment_ft.run.randomness import seed_micro_batch
from sentiment_ft.state import Run
from sentiment_ft.terminal import printable

MOST_ROWS = 5
TEXT_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Found:
    """Of one process: where the first number that is not finite came up, and the rows (ids, texts) that have such a
    loss of their own. unknown: why that was not found out.
    """

    fp32: str | None = None
    as_trained: str | None = None
    rows: list[tuple[int, str]] = field(default_factory=list)
    unknown: str | None = None


def explain(run: Run, rows: Indices, window: int, *, in_a_row: int = 0) -> TrainingError:
    """What to raise: names the update, its rows and the first bad layer. Called by every process; nothing has been
    applied. window: its number, which its dropout came from; in_a_row: updates that were left out before it, with it.
    """
    found: list[Found] = gather_object([_look(run, rows, window)])
    state = run.state
    bad = [row for entry in found for row in entry.rows]
    of_fp16 = run.precision == "fp16" or state.loss_scale != 1
    if in_a_row:
        scale = f", and the loss scale is down to {state.loss_scale:g}" if of_fp16 else ""
        lines = [
            f"{in_a_row} updates in a row had infinite gradients (after update {state.update}){scale}; metrics.jsonl "
            "has the rows of each. Of the last:"
        ]
    else:
        lines = [
            f"the loss or a gradient of update {state.update + 1} is not a finite number; nothing of it was "
            "applied or saved"
        ]
    first = next((entry for entry in found if entry.fp32 or entry.as_trained), None)
    unknown = next((entry.unknown for entry in found if entry.unknown), None)
    if first is None and unknown is not None:
        lines.append(f"in which layer is not known: {unknown}")
    elif first is None and of_fp16:
        lines.append("computed again without the loss scale it is finite")
    elif first is None:
        lines.append("computed again it is finite: a fault of the machine, or of what processes exchange")
    elif first.fp32 is not None:
        lines.append(f"first in {first.fp32}, also when computed in fp32")
    else:
        lines.append(f"first in {first.as_trained}, in {run.precision}; in fp32 all of it is finite")
    ids = bad or [(int(row), "") for row in run.data.train.indices[rows]]
    kind = "rows with such a loss" if bad else "rows of the update"
    lines.append(f"{len(ids)} {kind}: {', '.join(str(row) for row, _ in ids[:20])}{', ...' if len(ids) > 20 else ''}")
    lines += [f"  row {row}: {printable(text, TEXT_WIDTH)}" for row, text in bad[:MOST_ROWS]]
    as_fp32 = "-o mixed_precision=fp32" if of_fp16 or run.precision != "fp32" else None
    known_in_fp32 = first is not None and first.fp32 is not None
    way_out = as_fp32 if as_fp32 and not known_in_fp32 else "a lower learning_rate or longer warm-up"
    skip = "" if in_a_row else "; -o skip_nonfinite_updates=true leaves such updates out"
    return TrainingError(
        "\n".join(lines),
        where=f"{run.folder}",
        way_out=f"{way_out}, then --resume from the newest checkpoint{skip}",
    )


def _look(run: Run, rows: Indices, window: int) -> Found:
    if not run.engine.in_background:  # a forward pass would ask the other processes for their shares
        return Found(unknown="under ZeRO it is not computed again")
    try:
        trained, bad = _pass(run, rows, window, fp32=False)
        exact, in_fp32 = _pass(run, rows, window, fp32=True)
    except (RuntimeError, MemoryError) as error:  # the others wait for an answer
        if not is_out_of_memory(error):
            raise
        return Found(unknown="computed again it needs more memory than there is")
    finally:
        run.optimizer.zero_grad(set_to_none=True)
    return Found(exact, trained, in_fp32 or bad)


def _pass(run: Run, rows: Indices, window: int, *, fp32: bool) -> tuple[str | None, list[tuple[int, str]]]:
    """(where the first number that is not finite came up, rows with such a loss) in the micro-batches of this process,
    with the dropout they had.
    """
    accelerator, model = run.accelerator, run.accelerator.unwrap_model(run.model)
    turns = batching.micro_batches(
        rows, run.sizes.per_device_batch_size, accelerator.process_index, accelerator.num_processes
    )
    first: str | None = None
    bad: list[tuple[int, str]] = []
    kind = accelerator.device.type
    for turn, indices in enumerate(turns):
        if not len(indices):
            continue
        batch = collate(run.data.train, indices, run.pad_id, accelerator.device)
        labels = batch.pop("labels")
        number = turn * accelerator.num_processes + accelerator.process_index
        seed_micro_batch(run.config.seed, window, number)
        run.optimizer.zero_grad(set_to_none=True)
        # Accelerate has put autocast into the forward of the model itself; a disabled one inside wins.
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(run.precision, torch.bfloat16)
        enabled = not fp32 and run.precision in ("bf16", "fp16")
        forward = getattr(model, "_original_forward", model.forward)
        with _first_bad_output(model) as seen, torch.autocast(kind, dtype=dtype, enabled=enabled):
            losses = cross_entropy(at_least_fp32(forward(**batch).logits), labels, reduction="none")  # (B,)
        losses.sum().backward()
        gradients = [
            f"the gradient of {name}"
            for name, parameter in model.named_parameters()
            if parameter.grad is not None and not torch.isfinite(parameter.grad).all()
        ]
        # Backward reaches the last layers first.
        first = first or next(iter([*seen, *reversed(gradients)]), None)
        places = torch.nonzero(~torch.isfinite(losses.detach())).flatten().tolist()
        bad += [
            (int(run.data.train.indices[indices[place]]), run.data.train.text(int(indices[place]))) for place in places
        ]
    return first, bad


@contextlib.contextmanager
def _first_bad_output(model: Any) -> Iterator[list[str]]:
    """Within: the modules without parts whose output is not finite, in the order of their calls."""
    seen: list[str] = []

    def watch(name: str) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor) and output.is_floating_point() and not torch.isfinite(output).all():
                seen.append(f"the output of {name}")

        return hook

    hooks = [
        module.register_forward_hook(watch(name))
        for name, module in model.named_modules()
        if name and not list(module.children())
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
