"""The DeepSpeed config of a run: ZeRO from the topology's file, everything else from the recipe, said once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError
from sentiment_ft.run.sizes import batch_sizes
from sentiment_ft.shipped import deepspeed_file
from sentiment_ft.terminal import printable

MAX_FILE_BYTES = 2**20  # a DeepSpeed config has some 50 lines
STAGES = (0, 1, 2, 3)
STAGES_BY_TEXT = {str(stage): stage for stage in STAGES}
OFFLOADS = {"none": False, "cpu": True}
OWNED_BY_THE_CODE = ("optimizer", "scheduler", "amp", "torch_autocast", "managed_gradient_accumulation")


def zero_config(
    config: Config, precision: str, processes: int, environment: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """What `deepspeed.initialize` gets. Raises ConfigError for a file that cannot be read, or that says otherwise than
    the recipe, and for keys of the recipe that DeepSpeed cannot follow.
    """
    if asked := _not_under_deepspeed(config, precision):
        raise ConfigError(
            f"{', '.join(asked)}: not under DeepSpeed",
            where="the recipe",
            way_out="leave it out, or a topology without DeepSpeed (multi_gpu_bf16, multi_gpu_fp16, cpu_2proc)",
        )
    name = environment.get("ACCELERATE_DEEPSPEED_CONFIG_FILE", "none")
    given = _from_flags(environment) if name == "none" else _read(name)
    where = "accelerate launch" if name == "none" else printable(name, 200)
    _check_stage(given, where)
    accumulation, global_batch = batch_sizes(config, processes)
    recipe: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": config.per_device_batch_size,
        "gradient_accumulation_steps": accumulation,
        "train_batch_size": global_batch,
        "gradient_clipping": config.max_grad_norm or 0.0,
        "fp16.enabled": precision == "fp16",
        "bf16.enabled": precision == "bf16",
    }
    if faults := [*_contradictions(given, recipe), *_not_for_the_file(given)]:
        raise ConfigError(
            "; ".join(faults), where=where, way_out='leave them out, or write "auto": the recipe says them'
        )
    filled = {key: value for key, value in given.items() if key not in ("fp16", "bf16")}
    filled |= {key: value for key, value in recipe.items() if "." not in key}
    # The rules of torch's GradScaler: from 2^16 on, halved at each overflow, doubled after 2,000 updates without one.
    scaler = {"initial_scale_power": 16, "hysteresis": 1, "loss_scale_window": 2000}
    filled["fp16"] = {**scaler, **given.get("fp16", {}), "enabled": precision == "fp16"}
    filled["bf16"] = {**given.get("bf16", {}), "enabled": precision == "bf16"}
    filled["zero_allow_untested_optimizer"] = True
    filled["zero_force_ds_cpu_optimizer"] = False  # torch's fused AdamW: the same arithmetic, and nothing to compile
    return filled


def _not_under_deepspeed(config: Config, precision: str) -> list[str]:
    """Each process holds a part of gradients and weights only, and DeepSpeed exchanges gradients its own way."""
    asked = {
        "average_share": config.average_share is not None,
        "skip_nonfinite_updates": config.skip_nonfinite_updates,  # its gradients cannot be taken back
        "gradual_unfreezing_updates": config.gradual_unfreezing_updates > 0,
        "gradient_compression": config.gradient_compression != "none",
        "mixed_precision fp64": precision == "fp64",
    }
    return [key for key, found in asked.items() if found]


def _check_stage(given: Mapping[str, Any], where: str) -> None:
    zero = given.get("zero_optimization")
    stage = zero.get("stage") if isinstance(zero, dict) else None
    if type(stage) is not int or stage not in STAGES:
        raise ConfigError(
            f"zero_optimization.stage is {printable(json.dumps(stage), 60)}, not one of 0, 1, 2, 3",
            where=where,
            way_out='{"zero_optimization": {"stage": 2}}',
        )


def _from_flags(environment: Mapping[str, str]) -> dict[str, Any]:
    """`accelerate launch --use_deepspeed --zero_stage 2 --offload_optimizer_device cpu`."""
    faults = []

    def flag(name: str, read: Callable[[str], Any], otherwise: str) -> Any:
        text = environment.get(f"ACCELERATE_{name}", otherwise)
        try:
            return read(text)
        except (ValueError, KeyError):
            faults.append(f"ACCELERATE_{name} is {printable(text, 60)}, which cannot be followed")

    zero: dict[str, Any] = {"stage": flag("DEEPSPEED_ZERO_STAGE", STAGES_BY_TEXT.__getitem__, "2")}
    if flag("DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE", OFFLOADS.__getitem__, "none"):
        zero["offload_optimizer"] = {"device": "cpu"}
    flag("DEEPSPEED_OFFLOAD_PARAM_DEVICE", {"none": None}.__getitem__, "none")
    given = {
        "zero_optimization": zero,
        "gradient_accumulation_steps": flag("GRADIENT_ACCUMULATION_STEPS", _number, "auto"),
        "gradient_clipping": flag("GRADIENT_CLIPPING", _number, "auto"),
    }
    if faults:
        raise ConfigError(
            "; ".join(faults),
            where="accelerate launch",
            way_out="--config_file accelerate_configs/deepspeed_zero2.yaml",
        )
    return given


def _number(text: str) -> float | str:
    return text if text == "auto" else float(text)


def _read(name: str) -> dict[str, Any]:
    where = printable(name, 200)
    path = deepspeed_file(name)
    if path is None:
        raise ConfigError("cannot be read: no such file", where=where)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"is larger than {MAX_FILE_BYTES:,} bytes: not a DeepSpeed config", where=where)
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not JSON: {printable(str(error), 200)}", where=where) from None
    if not isinstance(content, dict):
        raise ConfigError("is not a JSON object", where=where)
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _contradictions(given: Mapping[str, Any], recipe: Mapping[str, Any]) -> Iterator[str]:
    for name, ours in recipe.items():
        section, _, key = name.rpartition(".")
        holder = given.get(section, {}) if section else given
        if not isinstance(holder, dict):
            yield f"{section} is {printable(json.dumps(holder), 60)}, not an object"
            continue
        theirs = holder.get(key, "auto")
        if theirs != "auto" and theirs != ours:
            yield f"{name} is {printable(json.dumps(theirs), 60)}, the recipe makes it {json.dumps(ours)}"


def _not_for_the_file(given: Mapping[str, Any]) -> Iterator[str]:
    for key in OWNED_BY_THE_CODE:
        if key in given:
            yield f"{key} is not for a DeepSpeed config here"
