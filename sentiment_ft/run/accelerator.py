"""The one place where Accelerate is started: what the environment may ask of it, and what it may not."""

from __future__ import annotations

import contextlib
import gc
import os
import warnings
from collections.abc import Iterator, Mapping

import torch
from accelerate import Accelerator
from accelerate.utils import (
    DDPCommunicationHookType,
    DeepSpeedPlugin,
    DistributedDataParallelKwargs,
    DistributedType,
    GradientAccumulationPlugin,
    InitProcessGroupKwargs,
)

from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError, ModelError
from sentiment_ft.hardware.detect import Device
from sentiment_ft.run.precision import ACCELERATE_NAMES
from sentiment_ft.run.stopping import deaf
from sentiment_ft.run.surroundings import is_on
from sentiment_ft.run.zero_config import zero_config
from sentiment_ft.terminal import printable

SUPPORTED = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU, DistributedType.DEEPSPEED)
DEEPSPEED = "ACCELERATE_USE_DEEPSPEED"
_HOOKS = {
    "none": DDPCommunicationHookType.NO,
    "fp16": DDPCommunicationHookType.FP16,
    "bf16": DDPCommunicationHookType.BF16,
}
PLUGINS = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_MEGATRON_LM", "ACCELERATE_USE_TP")
COMPILER = "ACCELERATE_DYNAMO_BACKEND"


def start(
    precision: str, device: Device, config: Config | None = None, environment: Mapping[str, str] = os.environ
) -> Accelerator:
    """An Accelerator that computes in `precision` (fp32, fp16, bf16) on `device`; config: of a training.

    Raises ModelError when the launcher asks for what is not supported, or left variables that Accelerate cannot use;
    ConfigError when its DeepSpeed config contradicts the recipe.
    """
    _refuse_what_is_not_supported(device, environment)
    # What the libraries will change in each other is nothing that a user could mend.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(torch|accelerate|deepspeed)\b")
    if device.kind == "cpu":
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # Accelerate imports DeepSpeed, which says so on standard output
    plugin = _deepspeed(precision, device, config, environment) if is_on(DEEPSPEED, environment) else None
    # Accelerate takes gloo by itself, but not for DeepSpeed.
    gloo = [InitProcessGroupKwargs(backend="gloo")] if device.kind == "cpu" else []
    handlers = gloo if plugin is not None else [_data_parallel(config, device)]
    try:
        accelerator = Accelerator(
            mixed_precision=ACCELERATE_NAMES[precision],
            cpu=device.kind == "cpu" and plugin is None,  # with it Accelerate would drop DeepSpeed without a word
            deepspeed_plugin=plugin,
            kwargs_handlers=handlers,
            # Accumulation is train_step's: an exported ACCELERATE_GRADIENT_ACCUMULATION_STEPS would divide once more.
            # DeepSpeed wants to read its own number again.
            gradient_accumulation_plugin=GradientAccumulationPlugin(
                num_steps=1 if plugin is None else plugin.deepspeed_config["gradient_accumulation_steps"]
            ),
        )
    except Exception as error:  # whatever a variable of the launcher makes it raise: ValueError, KeyError, RuntimeError
        names = _suspects(environment)
        if not names:
            raise
        raise ModelError(
            f"Accelerate cannot start: {printable(str(error) or type(error).__name__, 200)}",
            where="the launcher",
            way_out=f"the environment sets {printable(', '.join(names), 200)}: unset what this run does not need",
        ) from None
    if plugin is not None:
        # Otherwise from_pretrained makes ZeRO 3 shards, also with zero3_init_flag false (accelerate 1.15): on the main
        # process alone it hangs, and every parameter has one empty dimension, so that no weight would decay.
        from transformers.integrations import unset_hf_deepspeed_config

        unset_hf_deepspeed_config()
    if accelerator.distributed_type not in SUPPORTED:
        raise ModelError(
            f"{accelerator.distributed_type.value} is not supported yet", way_out="one process, or plain data parallel"
        )
    return accelerator


def _refuse_what_is_not_supported(device: Device, environment: Mapping[str, str]) -> None:
    asked = [name for name in PLUGINS if is_on(name, environment)]
    if environment.get(COMPILER, "no").lower() != "no":  # `accelerate launch` always sets it
        asked.append(COMPILER)
    if asked:
        raise ModelError(
            f"{' and '.join(asked)} is set: not supported yet",
            where="the launcher",
            way_out=f"one process, plain data parallelism or DeepSpeed; without {' '.join(asked)}",
        )
    several = environment.get("WORLD_SIZE", "1") != "1"
    if device.kind == "cpu" and several and environment.get("TORCH_DISTRIBUTED_DEBUG", "").upper() == "DETAIL":
        raise ModelError(
            "TORCH_DISTRIBUTED_DEBUG=DETAIL ends DistributedDataParallel on CPUs in a segmentation fault (torch 2.13)",
            where="the environment",
            way_out="TORCH_DISTRIBUTED_DEBUG=INFO",
        )


def _suspects(environment: Mapping[str, str]) -> list[str]:
    """Variables for which Accelerate may not start; not those that torchrun itself has set, or that say nothing."""
    from_torchrun = "TORCHELASTIC_RUN_ID" in environment
    return sorted(
        name
        for name, value in environment.items()
        if name.startswith(_TRANSPORTS)
        or (name in _RENDEZVOUS and not from_torchrun)
        or (name.startswith("ACCELERATE_") and value.lower() not in _SAYS_NOTHING)
    )


@contextlib.contextmanager
def started(precision: str, device: Device, config: Config | None = None) -> Iterator[Accelerator]:
    """`start`, and an end that several processes survive.

    About one in 20 aborted at exit (gloo: "terminate called without an active exception") while tensors, models and the
    process group were torn down in any order. After an exception nothing is tidied: others may wait in a collective.
    """
    accelerator = start(precision, device, config)
    yield accelerator
    alone = accelerator.num_processes == 1  # several wait for each other, and one may have died
    with deaf() if alone else contextlib.nullcontext():  # some seconds on a busy machine: the work is done by now
        accelerator.free_memory()
        gc.collect()
    accelerator.wait_for_everyone()
    if accelerator.num_processes > 1:
        torch.distributed.destroy_process_group()


@contextlib.contextmanager
def one_after_another(accelerator: Accelerator) -> Iterator[None]:
    """The main process first; then the first of each other machine, which may have its own disk; then the rest."""
    with accelerator.main_process_first(), accelerator.local_main_process_first():
        yield


def _data_parallel(config: Config | None, device: Device) -> DistributedDataParallelKwargs:
    """Gradients live in the buckets that travel, not in a second copy: 4 bytes a trained parameter less."""
    compression = "none" if config is None else config.gradient_compression
    if compression == "bf16" and device.kind == "cpu":
        raise ConfigError(
            "gloo, which joins processes on CPUs, cannot add bf16", where="gradient_compression", way_out="fp16 or none"
        )
    return DistributedDataParallelKwargs(gradient_as_bucket_view=True, comm_hook=_HOOKS[compression])


def _deepspeed(
    precision: str, device: Device, config: Config | None, environment: Mapping[str, str]
) -> DeepSpeedPlugin:
    if config is None:
        raise ModelError("DeepSpeed is for training", where="the launcher", way_out=f"unset {DEEPSPEED}")
    if is_on("ACCELERATE_USE_CPU", environment):
        raise ModelError(
            "ACCELERATE_USE_CPU turns DeepSpeed into plain data parallelism without a word",
            where="the launcher",
            way_out="unset ACCELERATE_USE_CPU; without a GPU DeepSpeed runs on the CPUs",
        )
    try:
        import deepspeed
    except ImportError as error:
        raise ModelError(
            f"DeepSpeed cannot be imported: {printable(str(error), 200)}",
            where="the launcher",
            way_out="pip install deepspeed, or a topology without it",
        ) from None
    if device.kind == "cpu":
        # To learn what it may compile DeepSpeed compiles a probe, in a temporary folder that a killed process leaves
        # behind, and would then compile its shared memory exchange, for a minute.
        deepspeed.ops.__compatible_ops__ = {}
    # Accelerate refuses a topology that says mixed_precision beside a DeepSpeed config; here the recipe fills both.
    os.environ.pop("ACCELERATE_CONFIG_DS_FIELDS", None)
    processes = int(environment.get("WORLD_SIZE", "1"))
    return DeepSpeedPlugin(hf_ds_config=zero_config(config, precision, processes, environment), zero3_init_flag=False)


_TRANSPORTS = ("GLOO_", "NCCL_", "TP_")
_SAYS_NOTHING = ("", "no", "false", "0", "default")
_RENDEZVOUS = frozenset({"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})
