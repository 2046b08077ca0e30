"""The command line answers before torch could have been imported, and works on a login node that has none."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sentiment_ft"
HEAVY = ("torch", "transformers", "datasets", "accelerate", "deepspeed", "evaluate", "wandb", "sklearn", "matplotlib")


TENSORS = {"collate"}  # the step of the data where rows become tensors: only training and evaluation import it


def light_modules() -> list[str]:
    data = [
        f"sentiment_ft.data.{path.stem}" for path in (PACKAGE / "data").glob("[a-z]*.py") if path.stem not in TENSORS
    ]
    tracking = ["sentiment_ft.launch.sweep", "sentiment_ft.track.dashboard", "sentiment_ft.track.views"]
    return sorted(
        ["sentiment_ft.cli", "sentiment_ft.config", "sentiment_ft.plan", "sentiment_ft.recipe", *tracking, *data]
    )


def heavy_imports_of(module: str) -> list[str]:
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_probe_sees_a_heavy_import() -> None:
    assert "matplotlib" in heavy_imports_of("matplotlib")


@pytest.mark.parametrize("module", light_modules())
def test_module_imports_nothing_heavy(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} does not exist yet")
    assert heavy_imports_of(module) == []
