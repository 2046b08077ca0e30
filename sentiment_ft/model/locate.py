"""Where a model is, and what went wrong when it cannot be loaded: many libraries, one ModelError."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from transformers.utils import logging as transformers_logging

from sentiment_ft import hub
from sentiment_ft.errors import ModelError
from sentiment_ft.model import bundled
from sentiment_ft.terminal import printable

MAX_LAYERS = 1000  # ten times the deepest encoders; each is built before a weight is missed, which takes milliseconds
MAX_HUB_NAME = 96  # characters of an organisation or a repository; the hub's limit


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
    if os.path.isdir(path):  # Path.is_dir raises for a name that is too long
        if not (path / "config.json").is_file():
            inside = [child.parent.name for child in sorted(path.glob("*/config.json"))][:3]
            hint = (
                f"did you mean {printable(str(path / inside[0]), 200)}?"
                if inside
                else "give the folder that holds config.json and model.safetensors"
            )
            raise ModelError("no config.json in this folder", where=printable(str(path), 200), way_out=hint)
        return Location(str(path), is_local=True)
    no_hub_name = name.count("/") > 1 or name.startswith((".", "/", "~")) or printable(name) != name
    if no_hub_name or os.path.exists(path) or any(len(part) > MAX_HUB_NAME for part in name.split("/")):
        what = "is a file, not a model folder" if os.path.isfile(path) else "no such model folder"
        raise ModelError(
            what,
            where=printable(name, 200),
            way_out="a folder with config.json, a hub name such as bert-base-uncased, or `bundled`",
        )
    return Location(name, is_local=False, local_files_only=not hub.reachable())


@contextmanager
def quietly(*, bars: bool) -> Iterator[None]:
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


def guarded(name: str, location: Location, load: Callable[[], Any]) -> Any:
    """Run a transformers loader and turn its many errors into one."""
    try:
        with quietly(bars=not location.is_local):
            return load()
    except Exception as error:  # transformers, tokenizers, safetensors and huggingface_hub have no common base
        raise _explained(name, location, error) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # a Rust panic of tokenizers derives from BaseException
            raise ModelError("a tokenizer or weights file is damaged", where=printable(name, 200)) from None
        raise


def config_of(name: str, location: Location) -> Any:
    """The config.json of a model. Raises ModelError, also for a number of layers that no model has."""
    config = guarded(name, location, lambda: AutoConfig.from_pretrained(location.path, **location.options))
    layers = getattr(config, "num_hidden_layers", None)
    if isinstance(layers, int) and layers > MAX_LAYERS:
        raise ModelError(
            f"config.json announces {layers:,} layers, more than {MAX_LAYERS:,}",
            where=printable(name, 200),
            way_out="the number of layers in config.json must be that of its weights",
        )
    return config


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
