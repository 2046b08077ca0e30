"""Random numbers while training: a pure function of where in the run they are drawn, not of what was drawn before."""

from __future__ import annotations

import numpy as np
import torch


def seed_micro_batch(seed: int, window: int, number: int) -> None:
    """Seed the dropout of micro-batch `number` (counted from 0, over all processes) of global batch `window`.

    The same masks fall on the same rows at any number of processes, and a resumed run has no state to restore.
    """
    state = np.random.SeedSequence([seed, window, number]).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))
