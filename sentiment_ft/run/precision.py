"""Which number format the matrix multiplications use, decided once and refused where the hardware cannot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sentiment_ft.errors import ConfigError
from sentiment_ft.hardware.detect import Device, best_precision, detect, why_not
from sentiment_ft.run.surroundings import is_on

if TYPE_CHECKING:
    import torch

ACCELERATE_NAMES = {"fp64": "no", "fp32": "no", "fp16": "fp16", "bf16": "bf16"}


def resolve(wanted: str, device: Device, environment: Mapping[str, str] = os.environ) -> str:
    """fp64, fp32, fp16 or bf16 for what was wanted, which may be `auto`.

    `auto` takes what `accelerate launch --mixed_precision` says, else the best of the device. Raises ConfigError
    when the device cannot do it, or when the recipe and the launcher name different ones.
    """
    launcher = environment.get(
        "ACCELERATE_MIXED_PRECISION", "no"
    )  # accelerate launch always sets it; "no" may mean "not said"
    if launcher not in ("no", "fp16", "bf16"):
        raise ConfigError(
            f"precision {launcher!r} is not supported", where="accelerate launch", way_out="fp16, bf16 or no"
        )
    if wanted == "auto":
        wanted = launcher if launcher != "no" else best_precision(device)
    elif launcher not in ("no", wanted):
        raise ConfigError(
            f"the recipe says mixed_precision {wanted}, the launcher {launcher}",
            where="mixed_precision",
            way_out="leave it out of the topology (mixed_precision: 'no'), or set -o mixed_precision=auto",
        )
    reason = why_not(device, wanted)
    if reason:
        raise ConfigError(reason, where="mixed_precision", way_out=f"--precision auto (here: {best_precision(device)})")
    return wanted


def device_in_use(environment: Mapping[str, str] = os.environ) -> Device:
    """The device that Accelerate will choose for this process: its GPU, unless ACCELERATE_USE_CPU says the CPU."""
    devices = detect()
    cpu = next(device for device in devices if device.kind == "cpu")
    if is_on("ACCELERATE_USE_CPU", environment):
        return cpu
    accelerators = [device for device in devices if device.kind != "cpu"]
    if not accelerators:
        return cpu
    return accelerators[min(int(environment.get("LOCAL_RANK", "0")), len(accelerators) - 1)]


def at_least_fp32(values: torch.Tensor) -> torch.Tensor:
    """fp16 and bf16 widened to fp32: for sums and logarithms. fp64 stays."""
    return values if values.element_size() >= 4 else values.float()
