"""Peak memory of this process: what the host reserved and what the device allocated, in MiB."""

from __future__ import annotations

import resource
import sys

import torch


def peak_memory_mib(device: torch.device) -> dict[str, float]:
    """{"host_memory_mib", and on a GPU "device_memory_mib" and "device_reserved_mib"}: peaks since the start or
    `reset_peak`. Reserved: what torch took from the device, of which it allocated less.
    """
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage: bytes on macOS, KiB on Linux
    peaks = {"host_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)}
    if device.type == "cuda":
        peaks["device_memory_mib"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
        peaks["device_reserved_mib"] = round(torch.cuda.max_memory_reserved(device) / 2**20, 1)
    return peaks


def reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
