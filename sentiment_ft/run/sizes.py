"""From rows and processes to micro-batches, updates and warm-up: every derived number, in one place, without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a config means for `rows` training rows on `processes` processes. All counts; intervals are in updates."""

    train_rows: int
    processes: int
    per_device_batch_size: int
    gradient_accumulation_steps: int
    global_batch_size: int
    updates_per_epoch: int
    total_updates: int
    warmup_updates: int
    eval_every: int


def derive(config: Config, rows: int, processes: int) -> Sizes:
    """Derive all sizes.

    Raises ConfigError when batch sizes contradict each other, do not divide, or the warm-up leaves no update at the
    peak.
    """
    accumulation, global_batch = batch_sizes(config, processes)
    per_epoch = -(-rows // global_batch)  # the short last window of an epoch is an update too
    total = config.max_steps or max(1, math.ceil(config.num_train_epochs * per_epoch - 1e-9))
    warmup = _warmup(config, rows, per_epoch, total, global_batch)
    return Sizes(
        train_rows=rows,
        processes=processes,
        per_device_batch_size=config.per_device_batch_size,
        gradient_accumulation_steps=accumulation,
        global_batch_size=global_batch,
        updates_per_epoch=per_epoch,
        total_updates=total,
        warmup_updates=warmup,
        eval_every=config.eval_steps or per_epoch,
    )


def batch_sizes(config: Config, processes: int) -> tuple[int, int]:
    """(gradient_accumulation_steps, global_batch_size): all that can be checked before a row is read.

    Raises ConfigError when the batch sizes contradict each other or do not divide.
    """
    one_pass = config.per_device_batch_size * processes
    accumulation, global_batch = config.gradient_accumulation_steps, config.global_batch_size
    if global_batch is None:
        accumulation = accumulation or 1
        return accumulation, one_pass * accumulation
    if accumulation is not None and accumulation * one_pass != global_batch:
        raise ConfigError(
            f"global_batch_size {global_batch} contradicts per_device_batch_size {config.per_device_batch_size} x "
            f"gradient_accumulation_steps {accumulation} x {processes} processes = {accumulation * one_pass}",
            way_out="give one of gradient_accumulation_steps and global_batch_size; the other is derived",
        )
    if global_batch % one_pass:
        fits = [size for size in range(1, min(global_batch, 1024) + 1) if global_batch % (size * processes) == 0]
        raise ConfigError(
            f"global_batch_size {global_batch} is not a multiple of per_device_batch_size "
            f"{config.per_device_batch_size} x {processes} processes = {one_pass}",
            way_out=f"per_device_batch_size that divide it: {', '.join(map(str, fits[-6:]))}"
            if fits
            else f"choose a global_batch_size that is a multiple of {processes}",
        )
    return global_batch // one_pass, global_batch


def _warmup(config: Config, rows: int, per_epoch: int, total: int, global_batch: int) -> int:
    if config.warmup_steps is None:
        # Rounded up as in transformers, less 1e-9 for shares like 0.1 x 300 = 30.000000000000004; one update is left.
        return min(math.ceil((config.warmup_ratio or 0.0) * total - 1e-9), total - 1)
    if config.warmup_steps >= total:
        raise ConfigError(
            f"{config.warmup_steps} updates of warm-up do not fit: {rows:,} rows in batches of {global_batch} are "
            f"{per_epoch} updates an epoch, {total} in all, so the learning rate would never reach its peak",
            where="warmup_steps",
            way_out=f"warmup_steps below {total} (a tenth is {max(1, total // 10)}), warmup_ratio instead "
            "(-o warmup_steps=null -o warmup_ratio=0.1), a smaller batch or more epochs",
        )
    return config.warmup_steps
