"""Two real processes against one, same global batch: the same rows, rates, losses and weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import write_model, write_reviews

LAUNCH = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1", "--mixed_precision", "no")


def train(folder: Path, processes: int, *more: str) -> Path:
    """Without dropout, whose draws differ between processes on purpose. Returns the run folder."""
    launcher = [*LAUNCH, "--num_processes", str(processes), "--main_process_port", "0"] if processes > 1 else []
    run = folder / f"run-{processes}"
    command = [sys.executable, *launcher, "-m", "sentiment_ft.train", "--data", "reviews.jsonl", "--model", "tiny"]
    command += [
        "--max-length",
        "64",
        "--epochs",
        "2",
        "--precision",
        "fp32",
        "--lr",
        "1e-3",
        "-q",
        "--output",
        str(run),
    ]
    command += [
        "--global-batch-size",
        "24",
        "-o",
        "test=null",
        "-o",
        "hidden_dropout=0",
        "-o",
        "logging_steps=1",
        *more,
    ]
    variables = {
        "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "SENTIMENT_FT_CACHE": str(folder / f"cache-{processes}"),
    }  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return run


@pytest.mark.slow
@pytest.mark.parametrize("average", ["null", "0.1"])
def test_two_processes_train_as_one(tmp_path, average):
    """130 rows: 104 to train are updates of 24, 24, 24, 24 and 8 rows, the last one uneven over two processes."""
    write_model(tmp_path / "tiny", dropout=0.0)
    write_reviews(tmp_path / "reviews.jsonl", 130)
    one = train(tmp_path, 1, "--batch", "4", "-o", f"average_share={average}")
    two = train(tmp_path, 2, "--batch", "4", "-o", f"average_share={average}")
    records = [[json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()] for run in (one, two)]
    assert len(records[0]) == len(records[1]) == 12  # ten updates and two evaluations
    for alone, together in zip(*records, strict=True):
        assert alone["event"] == together["event"] and alone["update"] == together["update"]
        numbers = ("loss", "learning_rate", "grad_norm", "eval_accuracy", "eval_log_loss")
        for key in alone.keys() & set(numbers):
            assert alone[key] == pytest.approx(together[key], rel=1e-4), key
    weights = [load_file(run / "best" / "model.safetensors") for run in (one, two)]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-5) for name in weights[0])
    summaries = [json.loads((run / "summary.json").read_text()) for run in (one, two)]
    assert [summary["processes"] for summary in summaries] == [1, 2]
    assert summaries[0]["rows"] == summaries[1]["rows"]
