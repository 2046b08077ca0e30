"""How many parameters a model has, read from its files without loading a weight or importing torch."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format


def bert_parameters(config: dict[str, Any], labels: int = 2) -> int:
    """Parameters of BertForSequenceClassification, from its config: embeddings, layers, pooler, head (Devlin et al.
    2019).
    """
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    tables = config["vocab_size"] + config["max_position_embeddings"] + config["type_vocab_size"]
    embeddings = (tables + 2) * hidden
    layer = 4 * (hidden * hidden + hidden) + 2 * hidden * inner + inner + hidden + 4 * hidden
    return embeddings + config["num_hidden_layers"] * layer + hidden * hidden + hidden + labels * (hidden + 1)


def stored_parameters(weights: Path) -> int:
    """Sum of the shapes in a safetensors header. Raises ValueError when the file is not one."""
    with weights.open("rb") as file:
        prefix = file.read(8)
        if len(prefix) < 8 or (length := struct.unpack("<Q", prefix)[0]) > MAX_HEADER_BYTES:
            raise ValueError("not a safetensors file")
        header = json.loads(file.read(length))
    total = 0
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        count = 1
        for size in entry["shape"]:
            count *= size
        total += count
    return total


def parameters(folder: Path) -> int | None:
    """Parameters of the two-class model in a folder; None where neither its config nor its weights tell."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        return (
            bert_parameters(config)
            if config.get("model_type") == "bert"
            else stored_parameters(folder / "model.safetensors")
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
