"""Fixtures of several test files."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from sentiment_ft import outcome
from sentiment_ft.track import judged
from tests.tiny import write_model

settings.register_profile("sentiment_ft", deadline=None)  # a busy machine is no failure
settings.load_profile("sentiment_ft")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data sets kept beside the checkout, not part of the project; tests that need them are skipped without."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data beside the repository")
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 2-layer random BERT; tests that change it copy it first."""
    return write_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process draw none, nor a report: they take half the time of a tiny one."""
    drawing = (
        (outcome, "training_plots"),
        (outcome, "write_report"),
        (outcome, "length_plot"),
        (judged, "judgement_plots"),
    )
    for module, name in drawing:
        monkeypatch.setattr(module, name, lambda *arguments, **settings: None)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own with room for 64 KiB. Skipped where none can be mounted (that takes root)."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    if mounted:
        command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not mounted:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
