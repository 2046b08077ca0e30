"""A BERT-family encoder with a two-class head and its tokenizer, from the bundle, a folder or the hub.

Only safetensors and no remote code: a checkpoint is data, not a program.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from sentiment_ft import hub
from sentiment_ft.errors import ConfigError, ModelError
from sentiment_ft.model import bundled
from sentiment_ft.terminal import printable

LABELS = {0: "negative", 1: "positive"}


@dataclass(frozen=True, slots=True)
class Location:
    """Where a model is loaded from: a checked local folder, or a hub name (only its local copy while the hub is not
    reachable).
    """

    path: str
    is_local: bool
    local_files_only: bool = True

    @property
    def options(self) -> dict[str, Any]:
        return {"trust_remote_code": False, "local_files_only": self.local_files_only}


def locate(name: str) -> Location:
    """Find the model named `bundled`, a folder, or else a hub name.

    Raises ModelError for a folder without a model, a file, or a name that can only be a missing path.
    """
    if name == "bundled":
        return Location(str(bundled.folder()), is_local=True)
    path = Path(os.path.expanduser(name))
    if path.is_dir():
        if not (path / "config.json").is_file():
            inside = [child.parent.name for child in sorted(path.glob("*/config.json"))][:3]
            hint = (
                f"did you mean {printable(str(path / inside[0]), 200)}?"
                if inside
                else "give the folder that holds config.json and model.safetensors"
            )
            raise ModelError("no config.json in this folder", where=printable(str(path), 200), way_out=hint)
        return Location(str(path), is_local=True)
    if path.exists() or name.count("/") > 1 or name.startswith((".", "/", "~")) or printable(name) != name:
        what = "is a file, not a model folder" if path.is_file() else "no such model folder"
        raise ModelError(
            what,
            where=printable(name, 200),
            way_out="a folder with config.json, a hub name such as bert-base-uncased, or `bundled`",
        )
    return Location(name, is_local=False, local_files_only=not hub.reachable())


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a model. Raises ModelError."""
    location = locate(name)
    tokenizer = _guarded(name, location, lambda: AutoTokenizer.from_pretrained(location.path, **location.options))
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError("has no fast tokenizer (tokenizer.json or vocab.txt)", where=printable(name, 200))
    return tokenizer


def max_positions(name: str) -> int | None:
    """Longest row in tokens that the model's position table allows; None where it has no such limit."""
    location = locate(name)
    config = _guarded(name, location, lambda: AutoConfig.from_pretrained(location.path, **location.options))
    limit = getattr(config, "max_position_embeddings", None)
    if limit is None:
        return None
    offset = (
        (config.pad_token_id or 0) + 1 if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet") else 0
    )
    return int(limit) - offset


def check_max_length(name: str, max_length: int) -> None:
    """Raises ConfigError when rows of max_length tokens have no place in the model's position table."""
    limit = max_positions(name)
    if limit is not None and max_length > limit:
        raise ConfigError(
            f"{max_length} is more than the model's {limit} positions",
            where="max_length",
            way_out=f"--max-length {limit}",
        )


def load_for_training(name: str, *, hidden_dropout: float | None, attention_dropout: float | None) -> Any:
    """A two-class classifier; the head is new (drawn from the current seed) unless the checkpoint has a two-class one.

    Raises ModelError.
    """
    location = locate(name)
    changed: dict[str, Any] = {
        "num_labels": 2,
        "id2label": LABELS,
        "label2id": {label: number for number, label in LABELS.items()},
    }
    base = _guarded(name, location, lambda: AutoConfig.from_pretrained(location.path, **location.options))
    if _is_classifier(base) and base.num_labels != 2:
        raise ModelError(
            f"its head has {base.num_labels} classes, not 2",
            where=printable(name, 200),
            way_out="start from the encoder it was made from",
        )
    for key, names in (
        (hidden_dropout, ("hidden_dropout_prob", "dropout")),
        (attention_dropout, ("attention_probs_dropout_prob", "attention_dropout")),
    ):
        if key is not None:
            known = [field for field in names if hasattr(base, field)]
            if not known:
                raise ModelError(
                    f"{base.model_type} has no {names[0]} to change",
                    where=printable(name, 200),
                    way_out="leave it out of the recipe",
                )
            changed[known[0]] = key
    model = _from_pretrained(name, location, **changed)
    if _is_classifier(base) and positive_index(base, name) == 0:
        _swap_classes(model)
    return model


def _swap_classes(model: Any) -> None:
    """Exchange the two outputs of the head: the checkpoint's class 0 is positive, ours is negative."""
    heads = [module for module in model.modules() if isinstance(module, torch.nn.Linear) and module.out_features == 2]
    head = heads[-1]
    with torch.no_grad():
        head.weight.copy_(head.weight.flip(0))
        if head.bias is not None:
            head.bias.copy_(head.bias.flip(0))


def load_for_use(name: str) -> tuple[Any, int]:
    """(model in eval mode, index of its positive class). Raises ModelError when it is not a two-class classifier."""
    location = locate(name)
    config = _guarded(name, location, lambda: AutoConfig.from_pretrained(location.path, **location.options))
    if not _is_classifier(config):
        raise ModelError(
            "is not a trained classifier (its head would be random)",
            where=printable(name, 200),
            way_out="train it first: sentiment-ft train",
        )
    model = _from_pretrained(name, location).eval()
    return model, positive_index(model.config, name)


def _is_classifier(config: Any) -> bool:
    return any("SequenceClassification" in architecture for architecture in config.architectures or [])


def positive_index(config: Any, name: str) -> int:
    """Which of the two outputs means positive: by label name, or 1 where the names say nothing (LABEL_0, LABEL_1)."""
    labels = {int(index): str(label).lower() for index, label in config.id2label.items()}
    if len(labels) != 2:
        shown = ", ".join(printable(label, 30) for label in list(labels.values())[:5])
        raise ModelError(f"has {len(labels)} classes ({shown}), not negative and positive", where=printable(name, 200))
    for index, label in labels.items():
        if label in ("positive", "pos"):
            return index
        if label in ("negative", "neg"):
            return 1 - index
    return 1


def save(model: Any, tokenizer: Any, folder: Path, weights: dict[str, torch.Tensor], max_length: int) -> None:
    """Write a plain Hugging Face folder: config.json, model.safetensors, tokenizer files.

    max_length becomes the tokenizer's model_max_length: `eval`, `predict` and transformers pipelines cut rows as
    training did.
    """
    with _quietly(bars=False):
        model.save_pretrained(folder, state_dict=weights)
    before, tokenizer.model_max_length = tokenizer.model_max_length, max_length
    try:
        tokenizer.save_pretrained(folder)
    finally:
        tokenizer.model_max_length = before


def longest_row(tokenizer: Any, name: str) -> int:
    """Tokens at which rows are cut for a saved model: what training used, else its positions, else 512."""
    told = int(min(tokenizer.model_max_length, 10**9))
    return min(told if told < 10**9 else 512, max_positions(name) or 10**9)


def _from_pretrained(name: str, location: Location, **changed: Any) -> Any:
    return _guarded(
        name,
        location,
        lambda: AutoModelForSequenceClassification.from_pretrained(
            location.path, use_safetensors=True, dtype=torch.float32, **location.options, **changed
        ),
    )


@contextmanager
def _quietly(*, bars: bool) -> Iterator[None]:
    """transformers without its warnings (a new head is what we want) and, unless it downloads, without its own
    progress bars.
    """
    level, shown = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    if not bars:
        transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if shown:
            transformers_logging.enable_progress_bar()


def _guarded(name: str, location: Location, load: Callable[[], Any]) -> Any:
    """Run a transformers loader and turn its many errors into one."""
    try:
        with _quietly(bars=not location.is_local):
            return load()
    except Exception as error:  # transformers, tokenizers, safetensors and huggingface_hub have no common base
        raise _explained(name, location, error) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # a Rust panic of tokenizers derives from BaseException
            raise ModelError("a tokenizer or weights file is damaged", where=printable(name, 200)) from None
        raise


def _explained(name: str, location: Location, error: Exception) -> ModelError:
    where = printable(name, 200)
    first = printable(str(error).strip().split("\n")[0], 200)
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        return ModelError(f"a JSON file of the model is damaged: {first}", where=where)
    if isinstance(error, KeyError):
        first = f"a JSON file of the model lacks {first}"
    if "ignore_mismatched_sizes" in str(error):
        first = "the shapes of its weights are not those that config.json announces"
    if location.is_local:
        weights = Path(location.path) / "model.safetensors"
        if not weights.is_file() and any(Path(location.path).glob("*.bin")):
            return ModelError(
                "has only pickled weights (.bin), which can run code",
                where=where,
                way_out="convert them to model.safetensors",
            )
        if type(error).__name__ == "SafetensorError":
            return ModelError(
                f"damaged: {first}", where=printable(str(weights), 200), way_out="copy, download or train it again"
            )
        return ModelError(
            f"cannot be loaded: {first}",
            where=where,
            way_out="the folder needs config.json, model.safetensors and a tokenizer",
        )
    if location.local_files_only:
        first = "the hub is not reachable (or HF_HUB_OFFLINE is set) and no local copy was downloaded before"
    return ModelError(
        f"cannot be had from the hub: {first}",
        where=where,
        way_out="without a network: --model bundled, or --model FOLDER",
    )
