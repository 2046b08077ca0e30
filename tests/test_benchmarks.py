"""The script behind most figures runs on today's code; its figures are recorded by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import write_reviews

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "step_speed.py"


@pytest.mark.slow
def test_updates_are_timed(tmp_path, model):
    """6 updates of 8 rows, of which the first 5 do not count."""
    reviews = write_reviews(tmp_path / "reviews.jsonl", 40)
    command = [sys.executable, str(SCRIPT), "--data", str(reviews), "--model", str(model), "--rows", "16"]
    command += ["--updates", "6", "-o", "max_length=64"]
    variables = {"ACCELERATE_USE_CPU": "true", "SENTIMENT_FT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["processes"] == 1
    assert figures["rows_per_s"] == pytest.approx(8 / figures["step_ms_mean"] * 1e3, rel=0.02)
