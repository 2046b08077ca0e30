"""The DeepSpeed config of a run: ZeRO from the topology's file, everything else from the recipe, said once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError
from sentiment_ft.run.sizes import batch_sizes
from sentiment_ft.shipped import shipped
from sentiment_ft.terminal import printable

MAX_FILE_BYTES = 2**20  # a DeepSpeed config has some 50 lines
OWNED_BY_THE_CODE = ("optimizer", "scheduler", "amp", "torch_autocast", "managed_gradient_accumulation")


def zero_config(
    config: Config, precision: str, processes: int, environment: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """What `deepspeed.initialize` gets. Raises ConfigError for a file that cannot be read, or that says otherwise than
    the recipe.
    """
    name = environment.get("ACCELERATE_DEEPSPEED_CONFIG_FILE", "none")
    given = _from_flags(environment) if name == "none" else _read(name)
    where = "accelerate launch" if name == "none" else printable(name, 200)
    if not isinstance(given.get("zero_optimization"), dict):
        raise ConfigError("has no zero_optimization", where=where, way_out='{"zero_optimization": {"stage": 2}}')
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
    filled["fp16"] = {**scaler, **_section(given, "fp16"), "enabled": precision == "fp16"}
    filled["bf16"] = {**_section(given, "bf16"), "enabled": precision == "bf16"}
    filled["zero_allow_untested_optimizer"] = True
    filled["zero_force_ds_cpu_optimizer"] = False  # torch's fused AdamW: the same arithmetic, and nothing to compile
    return filled


def _from_flags(environment: Mapping[str, str]) -> dict[str, Any]:
    """`accelerate launch --use_deepspeed --zero_stage 2 --offload_optimizer_device cpu`."""
    zero: dict[str, Any] = {"stage": int(environment.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2"))}
    device = environment.get("ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE", "none")
    if device != "none":
        zero["offload_optimizer"] = {"device": device}
    given: dict[str, Any] = {"zero_optimization": zero}
    for key in ("gradient_accumulation_steps", "gradient_clipping"):
        text = environment.get(f"ACCELERATE_{key.upper()}", "auto")
        given[key] = "auto" if text == "auto" else float(text)
    return given


def _read(name: str) -> dict[str, Any]:
    where = printable(name, 200)
    path = Path(name)
    if not path.is_file() and name == f"ds_configs/{path.name}":  # a topology of ours, typed in another folder
        path = shipped("ds_configs") / path.name
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"is larger than {MAX_FILE_BYTES:,} bytes: not a DeepSpeed config", where=where)
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where) from None
    except ValueError as error:
        raise ConfigError(f"is not JSON: {printable(str(error), 200)}", where=where) from None
    if not isinstance(content, dict):
        raise ConfigError("is not a JSON object", where=where)
    return content


def _section(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = given.get(name, {})
    return dict(section) if isinstance(section, dict) else {}


def _contradictions(given: Mapping[str, Any], recipe: Mapping[str, Any]) -> Iterator[str]:
    for name, ours in recipe.items():
        section, _, key = name.rpartition(".")
        theirs = (_section(given, section) if section else given).get(key, "auto")
        if theirs != "auto" and theirs != ours:
            yield f"{name} is {printable(json.dumps(theirs), 60)}, the recipe makes it {json.dumps(ours)}"


def _not_for_the_file(given: Mapping[str, Any]) -> Iterator[str]:
    for key in OWNED_BY_THE_CODE:
        if key in given:
            yield f"{key} is not for a DeepSpeed config here"
