"""The clock of a run counts applied updates: schedule, releases and intervals go by it, not by what was computed."""

from __future__ import annotations

from sentiment_ft.data.batching import Indices
from sentiment_ft.run.schedule import learning_rate
from sentiment_ft.state import Run

# The fp16 scaler halves its scale at each: 2^16 is down to 1 after 16, so 20 are not a problem of scale.
SKIPPED_IN_A_ROW = 20


def set_rate(run: Run, update: int) -> None:
    """Write the learning rate of an update, counted from 0, into the optimizer; a group that is not released yet gets
    0.
    """
    rate = rate_of(run, update)
    for group in run.optimizer.param_groups:
        group["lr"] = rate if update >= group["release"] else 0.0


def drop_unreleased(run: Run) -> None:
    """Gradients of groups that do not move yet count neither in the norm that clips nor in the moments of AdamW."""
    for group in run.optimizer.param_groups:
        for parameter in group["params"] if run.state.update < group["release"] else ():
            parameter.grad = None


def count_update(run: Run, rows: Indices, *, skipped: bool) -> None:
    """Advance the clocks. An update that fp16 skipped for its infinities moves neither the schedule nor any interval;
    it is recorded with its rows; SKIPPED_IN_A_ROW of them end the run (`replay.explain`).
    """
    state = run.state
    state.window += 1
    state.rows_seen += len(rows)
    if not skipped:
        state.update, state.skipped_in_a_row = state.update + 1, 0
        run.average.look(state.update)
        return
    state.skipped, state.skipped_in_a_row = state.skipped + 1, state.skipped_in_a_row + 1
    ids = run.data.train.indices[rows].tolist()
    run.recorder.write({"event": "skipped", "update": state.update, "loss_scale": state.loss_scale, "ids": ids})


def rate_of(run: Run, update: int) -> float:
    """Learning rate of an update, counted from 0."""
    return learning_rate(
        update,
        peak=run.config.learning_rate,
        total=run.sizes.total_updates,
        warmup=run.sizes.warmup_updates,
        shape=run.config.lr_scheduler_type,
    )
