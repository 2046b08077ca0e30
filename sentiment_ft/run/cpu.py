"""Defaults that cost a CPU speed or memory: threads under a launcher, attention made for long rows, freed memory."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping

import torch

from sentiment_ft.hardware.detect import Device, usable_cores

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's malloc.h
NEVER = 2**31 - 1


def tune(device: Device) -> None:
    """What costs speed, for a process that trains on a CPU; nothing on a GPU."""
    if device.kind == "cpu":
        use_all_cores(device)
        use_short_row_attention(device)
        keep_freed_memory()


def keep_freed_memory() -> bool:
    """Let malloc keep what training frees instead of returning it to the kernel; False where libc is not glibc.

    Each update frees and asks again for gradients, 90 MB for the bundled model; by default they are mapped anew and
    every page is zeroed by the kernel. SST-2 rows, batch 8, all parameters trained, two Zen 4 cores: 16,600 page faults
    and 106 ms an update become 1,100 and 81 ms, at the same peak memory.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # macOS, musl
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, NEVER))


def return_freed_memory() -> bool:
    """Give the kernel back what malloc holds of memory that is free; False where libc is not glibc.

    Batches of ever other sizes leave holes between them: 7,000 reviews predicted in chunks of 1,024 grew a process from
    620 to 800 MiB; with this after each chunk, and rows of few lengths, from 522 to 530.
    """
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError):  # macOS, musl
        return False


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
