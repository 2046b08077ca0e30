"""CPU threads: undo the launcher's default of one where it was nobody's choice."""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch

from sentiment_ft.hardware.detect import Device, usable_cores


def use_all_cores(device: Device, environment: Mapping[str, str] = os.environ) -> None:
    """Give this process its share of the cores when `accelerate launch` (or torchrun) set OMP_NUM_THREADS=1 on a CPU.

    Both set 1 when the variable is unset, which on a CPU leaves every core but one idle. A value other than 1 is the
    user's own and stays.
    """
    launched = "ACCELERATE_MIXED_PRECISION" in environment or "TORCHELASTIC_RUN_ID" in environment
    if device.kind == "cpu" and launched and environment.get("OMP_NUM_THREADS") == "1":
        torch.set_num_threads(max(1, usable_cores() // int(environment.get("LOCAL_WORLD_SIZE", "1"))))
