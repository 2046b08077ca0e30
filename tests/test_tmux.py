"""A training as somebody sees it in a terminal of 80 columns: a real tmux, its screen read back."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests import launched
from tests.tiny import write_reviews

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None and not os.environ.get("CI"), reason="no tmux (apt install tmux)"),
]
COLUMNS = 80


@pytest.fixture
def tmux(tmp_path):
    """Send words to a tmux server of its own; returns what it prints."""
    socket = str(tmp_path / "socket")

    def send(*words: str) -> str:
        return subprocess.run(["tmux", "-S", socket, *words], capture_output=True, text=True, check=True).stdout

    yield send
    subprocess.run(["tmux", "-S", socket, "kill-server"], capture_output=True)


def test_live_progress_and_the_last_table_fit_eighty_columns(tmp_path: Path, model, tmux):
    write_reviews(tmp_path / "reviews.jsonl", 400)
    options = "--batch 4 --precision fp32 -o test=null -o max_length=32 -o bootstrap_samples=100 -o logging_steps=1"
    argv = launched.alone("sentiment_ft", "train", "--data", "reviews.jsonl", "--model", model, *options.split())
    argv += ["-o", "max_steps=600", "--output", "run"]
    command = f"cd {shlex.quote(str(tmp_path))} && {shlex.join(argv)}; echo ended $?; sleep 60"
    given = launched.environment(tmp_path, argv)
    pairs = [
        word
        for key in ("PYTHONPATH", "SENTIMENT_FT_CACHE", "OMP_NUM_THREADS")
        for word in ("-e", f"{key}={given[key]}")
    ]
    tmux("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", "60", *pairs, command)
    screens: list[list[str]] = []
    until = time.monotonic() + 120
    while time.monotonic() < until and not (screens and any("ended 0" in line for line in screens[-1])):
        screens.append(tmux("capture-pane", "-p").splitlines())
        time.sleep(0.05)
    live = [
        (line, below)
        for screen in screens
        for line, below in itertools.pairwise(screen)
        if line.startswith("training ") and " left" in line and below.startswith("  loss ")
    ]
    assert live, "\n".join(screens[-1])
    bar, note = live[-1]
    assert "/600" in bar and all(word in note for word in (" lr ", " rows/s ", " real tokens/s ", " MiB")), (bar, note)
    last = "\n".join(screens[-1])
    assert "…" not in last and "accuracy" in last and "best model" in last and "try it: sentiment-ft predict" in last
    assert not any(line.startswith("training ") for line in screens[-1]), "the bar is taken away at the end"
