"""Parameter groups: what decays, what is frozen, and when a layer is released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from sentiment_ft.errors import ConfigError, ModelError


def freeze_embeddings(model: Any) -> None:
    """Stop the embedding tables from being trained, before an optimizer or DDP sees them."""
    for parameter in model.get_input_embeddings().parameters():
        parameter.requires_grad_(False)
    embeddings = getattr(model.base_model, "embeddings", None)
    for parameter in embeddings.parameters() if embeddings is not None else ():
        parameter.requires_grad_(False)


def depth_of(name: str, layers: int) -> int:
    """How far a parameter is from the head: 0 head and pooler, 1 the top layer, ..., layers the bottom one, layers +
    1 embeddings.
    """
    parts = name.split(".")
    for before, after in pairwise(parts):
        if before == "layer" and after.isdigit():
            return layers - int(after)
    return layers + 1 if "embeddings" in parts else 0


def groups(model: Any, weight_decay: float, unfreeze_every: int = 0) -> list[dict[str, Any]]:
    """Optimizer groups with keys params, weight_decay and release (first update, counted from 0, at which the group
    moves).

    Matrices decay, vectors (biases, LayerNorm) do not: the rule of the BERT paper's code. Gradual unfreezing: Howard
    and Ruder 2018, section 3.3. Raises ModelError when the model has no numbered layers to release.
    """
    layers = getattr(model.config, "num_hidden_layers", 0)
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    if unfreeze_every and not any(1 <= depth_of(name, layers) <= layers for name, _ in trained):
        raise ModelError(
            "has no numbered layers to release one by one", where="gradual_unfreezing_updates", way_out="set it to 0"
        )
    split: dict[tuple[int, bool], list[Any]] = {}
    for name, parameter in trained:
        release = depth_of(name, layers) * unfreeze_every
        split.setdefault((release, parameter.ndim >= 2), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": weight_decay if decays else 0.0, "release": release}
        for (release, decays), parameters in sorted(split.items(), key=lambda item: item[0])
    ]


def matrix_weights(model: Any) -> int:
    """Weights that each token is multiplied by: of matrices, without the embedding tables, which are looked up."""
    embeddings = ".embeddings."
    return sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and embeddings not in f".{name}")


def check_releases(groups: Sequence[Mapping[str, Any]], unfreeze_every: int, total_updates: int) -> None:
    """Raise ConfigError when a group would be released after the last update: it would never be trained."""
    last = max((group["release"] for group in groups), default=0)
    if last >= total_updates:
        depths = last // unfreeze_every
        raise ConfigError(
            f"{unfreeze_every} updates between releases do not fit: the lowest of {depths + 1} depths would be "
            f"released after update {last:,}, and the run has {total_updates:,}",
            where="gradual_unfreezing_updates",
            way_out=f"at most {(total_updates - 1) // depths}, or more epochs",
        )
