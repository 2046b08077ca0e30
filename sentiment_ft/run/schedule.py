"""The learning rate as a pure function of the update number.

Written into the optimizer by the loop, never stepped: a scheduler object prepared by Accelerate moves once per
process, so on eight GPUs it runs eight times too fast.
"""

from __future__ import annotations

import math


def learning_rate(update: int, *, peak: float, total: int, warmup: int, shape: str) -> float:
    """Learning rate of update number `update`, counted from 0.

    Warm-up: peak x (update + 1) / warmup, so that no update is wasted on a rate of zero (transformers starts at 0).
    After it, with p = (update - warmup) / (total - warmup): linear peak x (1 - p); cosine peak x (1 + cos(pi p)) / 2
    (Loshchilov and Hutter 2017, eq. 5, without restarts); constant peak. From there on equal to
    transformers.get_scheduler.
    """
    if update < warmup:
        return peak * (update + 1) / warmup
    progress = min(1.0, (update - warmup) / max(1, total - warmup))
    if shape == "linear":
        return peak * (1.0 - progress)
    if shape == "cosine":
        return peak * 0.5 * (1.0 + math.cos(math.pi * progress))
    assert shape == "constant", shape
    return peak
