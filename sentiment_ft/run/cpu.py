"""Two defaults that cost a CPU much speed: one thread under a launcher, and attention made for long rows."""

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


def use_short_row_attention(device: Device) -> None:
    """Leave PyTorch's fused attention on a CPU, whose backward is slow for rows of a review's length.

    Forward and backward of 16 rows x 12 heads x 32 in bf16 on two Zen 4 cores (torch 2.13), in ms, fused / plain with
    bf16 softmax: 16 tokens 25.1 / 2.0, 64 tokens 91 / 25, 128 tokens 150 / 74, 256 tokens 156 / 145. On a GPU the fused
    kernels stay.
    """
    if device.kind == "cpu":
        torch.backends.cuda.enable_flash_sdp(False)  # the switch is shared by CPU and CUDA, whatever its name
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
