"""Run folders as a training leaves them, made in milliseconds: rows drawn at random, scores judged for real."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_ft import recipe
from sentiment_ft.judge.intervals import judge, worst_errors

WORDS = ["a", "film", "that", "stays", "with", "you", "and", "lets", "no", "part", "of", "the", "story", "go"]


def write_run(
    folder: Path,
    *,
    rows: int = 120,
    seed: int = 0,
    updates: int = 300,
    every: int = 10,
    sharpness: float = 1.0,
    overrides: Sequence[str] = (),
    test: bool = True,
    finished: bool = True,
    texts: dict[int, str] | None = None,
    name: str | None = None,
) -> Path:
    """Validation rows and, with test, sealed rows of the same texts in each run; the calls depend on seed. texts: what
    a row of an id says instead.
    """
    folder.mkdir(parents=True)
    write(folder / "config.yaml", recipe.dump(recipe.load("quickstart", overrides).config))
    labels, p = calls(rows, seed, sharpness)
    judged = {"": (labels, p)} | ({"test_": (labels, calls(rows, seed + 100, 0.6 * sharpness)[1])} if test else {})
    for prefix, (y, q) in judged.items():
        lines = [row(n, int(y[n]), float(q[n]), (texts or {}).get(n)) for n in range(rows)]
        write_lines(folder / f"{prefix}predictions.jsonl", lines)
        write_lines(folder / f"{prefix}worst_errors.jsonl", [lines[n] for n in worst_errors(y, q).tolist()])
    write_lines(folder / "metrics.jsonl", records(updates, every))
    write_lines(folder / "rejected.jsonl", [])
    write(folder / "environment.json", json.dumps(ENVIRONMENT))
    write(folder / "lengths.json", json.dumps(LENGTHS))
    if finished:
        found = {prefix: judge(y, q, samples=100).to_json() for prefix, (y, q) in judged.items()}
        write(folder / "summary.json", json.dumps(summary(name or folder.name, rows, updates, found)))
    return folder


def calls(rows: int, seed: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """The labels are the same for every seed."""
    logits = np.random.default_rng(7).normal(0, 2, rows)
    labels = (logits > 0).astype(np.int64)
    noise = np.random.default_rng(seed).normal(0, 2, rows)
    return labels, 1 / (1 + np.exp(-(sharpness * logits + noise)))


def row(number: int, label: int, p: float, text: str | None) -> dict[str, Any]:
    words = WORDS[number % 7 :] * (1 + number % 9) + [str(number)]
    return {
        "id": number, "file": "reviews.jsonl", "line": number + 1, "text": " ".join(words) if text is None else text,
        "label": label, "prediction": int(p > 0.5), "p_positive": round(p, 6),
    }  # fmt: skip


def records(updates: int, every: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for update in range(every, updates + 1, every):
        share = update / updates
        found.append({
            "event": "train", "update": update, "epoch": round(2 * share, 4), "rows_digest": "00", "skipped_updates": 0,
            "loss": 0.7 * math.exp(-5 * share) + 0.02 * abs(math.sin(update)), "learning_rate": 1e-4 * (1 - share),
            "grad_norm": 1 + math.cos(update) / 2, "rows_per_s": 60 + 5 * math.sin(update), "loss_scale": 1.0,
            "real_tokens_per_s": 2400 + 90 * math.sin(update), "padding_share": 0.1, "elapsed_s": update / 4,
            "host_memory_mib": 1500 + update / 10,
        })  # fmt: skip
        if update % (updates // 2) == 0:
            found.append({
                "event": "eval", "update": update, "epoch": round(2 * share, 4), "best": True, "elapsed_s": update / 4,
                "eval_accuracy": 0.8 + 0.1 * share,
                "eval_accuracy_low": 0.7, "eval_accuracy_high": 0.95, "eval_precision": 0.8, "eval_recall": 0.85,
                "eval_f1": 0.82, "eval_log_loss": 0.5 - 0.2 * share,
            })  # fmt: skip
            found.append({
                "event": "checkpoint", "update": update, "bytes": 268880890, "held_up_s": 0.02, "worked_s": 0.5,
                "seconds": 1.03,
            })  # fmt: skip
    return found


def summary(name: str, rows: int, updates: int, judged: dict[str, Any]) -> dict[str, Any]:
    return {
        "run_name": name, "folder": f"/home/somebody/runs/{name}", "model": "bundled", "data": "synthetic",
        "rows": {"train": 2400, "validation": rows},
        "receipts": [{
            "source": "/home/somebody/reviews.jsonl", "rows_used": 2999, "rows_rejected": 1, "rows_read": 3000,
            "rejected_by_reason": {"empty text": 1}, "first_rejected_at": None,
        }],
        "overlap_with_train": {"validation": {"rows": rows, "exact": 2, "near": 1, "examples": []}},
        "updates": updates, "planned_updates": updates, "skipped_updates": 0, "stopped_early": False, "epochs": 2.0,
        "best_update": updates, "final": judged[""], "best": judged[""], "test": judged.get("test_"),
        "mixed_precision": "bf16", "processes": 1, "global_batch_size": 16, "rows_per_s": 64.93,
        "real_tokens_per_s": 2479.3, "train_s": 73.92, "eval_s": 11.05, "wall_s": 98.02,
        "peak_memory_mib": {"host_memory_mib": 2541.3},
    }  # fmt: skip


ENVIRONMENT = {
    "sentiment_ft": "0.1.0", "python": "3.11.7", "packages": {"torch": "2.13.0", "transformers": "5.23.0"},
    "platform": "Linux", "devices": [{"kind": "cpu", "name": "AMD EPYC", "memory_mib": 24105, "cores": 2}],
    "threads": {"usable_cores": 2, "torch_threads": 2}, "git": {"commit": "7ab79f46681edf7c40a3", "dirty": False},
    "command_line": ["/home/somebody/bin/sentiment-ft", "train", "--output", "/home/somebody/runs/first"],
    "variables": {"OMP_NUM_THREADS": "2"},
}  # fmt: skip
LENGTHS = {
    "rows": 2400, "max_length": 256, "truncated_rows": 15, "truncated_share": 0.00625,
    "real_tokens": {"p5": 11.0, "p25": 21.0, "p50": 31.0, "p75": 44.0, "p90": 70.0, "p95": 88.0, "p100": 298.0},
}  # fmt: skip


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def write_lines(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    write(path, "".join(json.dumps(line) + "\n" for line in lines))
