"""The one place where Accelerate is started: what the environment may ask of it, and what it may not."""

from __future__ import annotations

import os
from collections.abc import Mapping

from accelerate import Accelerator
from accelerate.utils import DistributedType, GradientAccumulationPlugin

from sentiment_ft.errors import ModelError
from sentiment_ft.hardware.detect import Device
from sentiment_ft.run.precision import ACCELERATE_NAMES
from sentiment_ft.terminal import printable

SUPPORTED = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
PLUGINS = ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP", "ACCELERATE_USE_MEGATRON_LM", "ACCELERATE_USE_TP")


def start(precision: str, device: Device, environment: Mapping[str, str] = os.environ) -> Accelerator:
    """An Accelerator that computes in `precision` (fp32, fp16, bf16) on `device`.

    Raises ModelError when the launcher asks for what is not supported, or left variables that Accelerate cannot use.
    """
    asked = [name for name in PLUGINS if environment.get(name, "").lower() in {"1", "true", "yes", "y", "t", "on"}]
    if asked:  # on a CPU Accelerate would drop them without a word
        raise ModelError(
            f"{' and '.join(asked)} is set: not supported yet",
            where="the launcher",
            way_out=f"one process or plain data parallelism; unset {' '.join(asked)}",
        )
    if device.kind == "cpu":
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # Accelerate imports DeepSpeed, which says so on standard output
    try:
        accelerator = Accelerator(
            mixed_precision=ACCELERATE_NAMES[precision],
            cpu=device.kind == "cpu",
            # Accumulation is train_step's: an exported ACCELERATE_GRADIENT_ACCUMULATION_STEPS would divide once more.
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
        )
    except Exception as error:  # whatever a variable of the launcher makes it raise: ValueError, KeyError, RuntimeError
        names = sorted(name for name in environment if name.startswith("ACCELERATE_") or name in _RENDEZVOUS)
        if not names:
            raise
        raise ModelError(
            f"Accelerate cannot start: {printable(str(error) or type(error).__name__, 200)}",
            where="the launcher",
            way_out=f"the environment sets {printable(', '.join(names), 200)}: unset what this run does not need",
        ) from None
    if accelerator.distributed_type not in SUPPORTED:
        raise ModelError(
            f"{accelerator.distributed_type.value} is not supported yet", way_out="one process, or plain data parallel"
        )
    return accelerator


_RENDEZVOUS = frozenset({"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})
