"""Whether the weights of a checkpoint are all of the model, and all numbers, and whether it gives numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentiment_ft.errors import ModelError
from sentiment_ft.terminal import printable


def check_weights(model: Any, missing: set[str], unexpected: set[str], name: str, *, new_head: bool) -> None:
    """Raises ModelError when the checkpoint is not all of the model: transformers draws what is missing at random and
    drops what is left over, so that a damaged model looks like a poor one.

    missing, unexpected: names of weights. new_head: the head and the pooler, which serves it alone, may be missing.
    Heads of other tasks may be left over, layers may not.
    """
    prefix = f"{model.base_model_prefix}."
    if new_head:
        missing = {key for key in missing if key.startswith(prefix) and not key.startswith(f"{prefix}pooler.")}
    if missing:
        raise ModelError(
            f"lacks {len(missing)} of its weights ({_some(missing)}), which would be random",
            where=printable(name, 200),
            way_out="copy, download or train it again; config.json must be the one of its weights",
        )
    parts = {child for child, _ in model.base_model.named_children()}
    layers = {key for key in unexpected if _is_layer(key.removeprefix(prefix).split("."), parts)}
    if layers:
        raise ModelError(
            f"has {len(layers)} weights of layers that config.json does not announce ({_some(layers)})",
            where=printable(name, 200),
            way_out="the number of layers in config.json must be that of its weights",
        )
    broken = {key for key, value in model.named_parameters() if not torch.isfinite(value).all()}
    if broken:
        raise ModelError(
            f"holds numbers that are not finite ({_some(broken)})",
            where=printable(name, 200),
            way_out="copy, download or train it again",
        )


def check_numbers(p_positive: NDArray[np.float64], what: str, name: str, precision: str) -> None:
    """Raises ModelError when the model gave no number for some of `what` (rows, texts): its sums are beyond what the
    precision in use (fp32, fp16, bf16) can hold.
    """
    if missing := int((~np.isfinite(p_positive)).sum()):
        raise ModelError(
            f"gives no number for {missing} of {len(p_positive)} {what}",
            where=printable(name, 200),
            way_out="another model: its numbers are too large for fp32, so for every precision"
            if precision == "fp32"
            else "--precision fp32",
        )


def _is_layer(path: list[str], parts: set[str]) -> bool:
    """Whether the name of a weight is that of a numbered layer of the encoder: encoder.layer.5.output.dense.bias."""
    return path[0] in parts and any(step.isdigit() for step in path)


def _some(keys: set[str]) -> str:
    return ", ".join(printable(key, 80) for key in sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")
