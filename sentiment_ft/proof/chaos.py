"""The `chaos` verb: a small training is killed, stopped and starved at seeded moments, and must end with the bits of
one that nothing touched.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from safetensors import safe_open

from sentiment_ft.config import Config
from sentiment_ft.errors import EXIT_DONE, EXIT_TRAINING
from sentiment_ft.launch import gpus
from sentiment_ft.proof.drill import SAVE_EVERY, Drill, Report
from sentiment_ft.proof.strikes import check
from sentiment_ft.recipe import Loaded, dump
from sentiment_ft.terminal import console, printable, results, standard_output

UPDATES_A_STRIKE = 50  # enough that the training does not end before the last of them
WEIGHTS = ("checkpoints/*/model.safetensors", "checkpoints/*/training.safetensors", "best/model.safetensors")
COMPARED = ("metrics.jsonl", "predictions.jsonl", *WEIGHTS)
# Endings of what differs from run to run in metrics.jsonl: seconds, memory, and what is made of them.
NOT_COMPARED = ("_s", "_mib", "mfu")


def run(loaded: Loaded, wanted: Mapping[str, int], *, processes: int, as_json: bool, quiet: bool) -> int:
    """wanted: how many strikes of each kind. Prints the table; returns the exit code. Raises UserError."""
    check()
    on_cpu = len(gpus.visible()) < processes
    draw = random.Random(loaded.config.seed)
    order = [kind for kind, count in wanted.items() for _ in range(count)]
    draw.shuffle(order)
    config = shortened(loaded.config, len(order), processes)
    if not quiet:
        console.print(f"{len(order)} strikes at a training of {config.max_steps} updates", markup=False)
    folder, kept = Path(tempfile.mkdtemp(prefix="sentiment-ft-chaos-")), False
    try:
        (folder / "recipe.yaml").write_text(dump(config), encoding="utf-8")
        drill = Drill(folder, processes, on_cpu=on_cpu, tracked="tracker" in order, quiet=quiet)
        untouched = drill.train("untouched")
        report = drill.strike(order, draw)
        report.different = differences(untouched, folder / "struck")
        kept = bool(report.different)
    except Exception:
        kept = True
        raise
    finally:
        if kept:
            console.print(f"kept to look at: {printable(str(folder), 4096)}", markup=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        print(json.dumps(report.to_json(), indent=2), file=standard_output())
    else:
        results.print(table(report))
        verdict = "the same bits as untouched" if not report.different else f"DIFFERENT: {', '.join(report.different)}"
        results.print(Text(verdict, style="bold"))
    return EXIT_TRAINING if report.different else EXIT_DONE


def shortened(config: Config, strikes: int, processes: int) -> Config:
    """Short updates, a checkpoint every few of them, and enough for all strikes."""
    updates = UPDATES_A_STRIKE * max(1, strikes)
    global_batch = config.global_batch_size or config.per_device_batch_size * (config.gradient_accumulation_steps or 1)
    rows = min(config.per_device_batch_size, max(1, global_batch // processes))
    return config.model_copy(
        update={
            "run_name": None,
            "test": None,
            "report_to": (),
            "max_length": min(config.max_length, 32),
            "max_validation_samples": min(64, config.max_validation_samples or 64),
            "per_device_batch_size": rows,
            "gradient_accumulation_steps": None,
            "global_batch_size": rows * processes,
            "max_steps": updates,
            "warmup_steps": 2,
            "warmup_ratio": None,
            "eval_steps": 50,
            "logging_steps": 7,
            "early_stopping_patience": None,
            "bootstrap_samples": 100,
            "save_steps": SAVE_EVERY,
            "save_total_limit": 2,
        }
    )


def differences(untouched: Path, struck: Path) -> list[str]:
    """Names of records, weights, optimizer states, random numbers and predictions that are not the same to the bit."""
    missing = [name for name in COMPARED if not list(struck.glob(name))]
    if missing:
        return [f"{name}: not there" for name in missing]
    different = []
    if _records(untouched) != _records(struck):
        different.append("metrics.jsonl")
    if (untouched / "predictions.jsonl").read_bytes() != (struck / "predictions.jsonl").read_bytes():
        different.append("predictions.jsonl")
    for pattern in WEIGHTS:
        one, other = (max(folder.glob(pattern)) for folder in (untouched, struck))
        different += [f"{one.name}: {name}" for name in _tensors(one, other)]
    return different


def _records(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    kept = [line for line in lines if line["event"] in ("train", "eval", "skipped")]
    return [{key: value for key, value in line.items() if not key.endswith(NOT_COMPARED)} for line in kept]


def _tensors(one: Path, other: Path) -> list[str]:
    """Names of tensors that are not in both with the same bytes."""
    with safe_open(one, "np") as first, safe_open(other, "np") as second:
        names = sorted({*first.keys(), *second.keys()})
        both = set(first.keys()) & set(second.keys())
        return [
            name
            for name in names
            if name not in both or first.get_tensor(name).tobytes() != second.get_tensor(name).tobytes()
        ]


def table(report: Report) -> Table:
    """One line a kind of strike."""
    shown = Table(title=Text("strikes"), title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("strike", "times", "seconds until saved again, mean and longest"):
        shown.add_column(name)
    counted = Counter(struck.kind for struck in report.strikes)
    for kind, count in counted.items():
        seconds = [struck.recovered_s for struck in report.strikes if struck.kind == kind]
        shown.add_row(kind, str(count), f"{sum(seconds) / count:.1f}, {max(seconds):.1f}")
    return shown
