"""Ways to load and to spoil a model folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from sentiment_ft.errors import ModelError
from sentiment_ft.model import classifier


def change_config(folder: Path, **changed) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changed))


def refusal(action, *arguments) -> str:
    with pytest.raises(ModelError) as caught:
        action(*map(str, arguments))
    return str(caught.value)


def load_for_training(name: str | Path, hidden: float | None = None, attention: float | None = None):
    return classifier.load_for_training(str(name), hidden_dropout=hidden, attention_dropout=attention)


def rewrite(folder: Path, change) -> None:
    """Replace the weights by change(weights)."""
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})
