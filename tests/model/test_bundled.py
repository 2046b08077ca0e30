"""The bundled model is the known one, or an error."""

from __future__ import annotations

import importlib.util
import shutil
from types import SimpleNamespace

import pytest

from sentiment_ft.errors import ModelError
from sentiment_ft.model import bundled


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the package's model folder that `folder` finds instead."""
    copy = tmp_path / "model"
    shutil.copytree(bundled.folder(), copy)
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    return copy


def test_known_weights_are_found(copied):
    assert bundled.folder() == copied
    assert (copied / "config.json").is_file() and (copied / "tokenizer.json").is_file()


def test_one_changed_byte_is_an_error(copied):
    path = copied / "model.safetensors"
    with path.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(ModelError, match=r"not the known ones: sha256 .*expected 53aa51172d142c89") as caught:
        bundled.folder()
    assert "force-reinstall" in str(caught.value)


def test_missing_weights_and_missing_package(copied, monkeypatch):
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        bundled.folder()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="not installed"):
        bundled.folder()
