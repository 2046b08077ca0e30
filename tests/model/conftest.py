"""A small saved model, and a copy of it to spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tiny import write_model


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("good"))


@pytest.fixture
def folder(good, tmp_path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(good, tmp_path / "model"))
