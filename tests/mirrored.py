"""Short runs with a real W&B mirror, in processes of their own, without any W&B setting or key of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from sentiment_ft import recipe
from sentiment_ft.config import Config
from tests.launched import ROOT, SCRIPTS

JUDGEMENT = {
    "scores": {"accuracy": 0.75, "mcc": None},
    "intervals": {"accuracy": [0.3, 0.95], "mcc": None},
}
SUMMARY = {
    "run_name": "run", "rows": {"train": 9, "validation": 4}, "best": JUDGEMENT, "test": None, "best_update": 10,
    "stopped_early": False, "wall_s": 3.5, "receipts": [],
}  # fmt: skip
PREDICTIONS = [
    {"id": 1, "file": "a.csv", "line": 2, "text": "good", "label": 1, "prediction": 1, "p_positive": 0.9},
    {"id": 2, "file": "a.csv", "line": 3, "text": "<script>bad", "label": 0, "prediction": 0, "p_positive": 0.2},
    {"id": 3, "file": "a.csv", "line": 4, "text": "bad", "label": 0, "prediction": 1, "p_positive": 0.8},
    {"id": 4, "file": "a.csv", "line": 5, "text": "fine", "label": 1, "prediction": 1, "p_positive": 0.7},
]


def make_run(folder: Path, **settings: Any) -> Path:
    """A run folder with all that a mirror reads."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(recipe.dump(Config(report_to="wandb", **settings)), "utf-8")
    plan = {
        "global_batch_size": 16, "processes": 2, "total_updates": 10,
        "config": {"learning_rate": {"value": 2e-5, "origin": "--lr"}},
        "lengths": {"histogram": {"edges": [1, 2, 3], "rows": [4, 5]}},
    }  # fmt: skip
    for name, content in (("plan", plan), ("environment", {"python": "3.11"}), ("summary", SUMMARY)):
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PREDICTIONS), "utf-8")
    (folder / "plots").mkdir()
    return folder


def variables_of(folder: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    home = folder.parent
    mine = {"HOME": str(home), "NETRC": str(home / "netrc"), "WANDB_ERROR_REPORTING": "false", "OMP_NUM_THREADS": "1"}
    return kept | mine | {"PYTHONPATH": str(ROOT)} | more


@contextmanager
def recording(
    folder: Path, last: int, ending: str = "finish", *words: str, first: int = 1, pace: float = 0.0, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Within: the process that records. Nothing of it is left afterwards. words: more of its command line."""
    argv = [sys.executable, str(SCRIPTS / "mirrored.py"), str(folder), str(first), str(last), str(pace), ending, *words]
    process = subprocess.Popen(
        argv, env=variables_of(folder, **variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        kill(process)


def record(
    folder: Path, last: int, ending: str = "finish", *words: str, **options: Any
) -> tuple[dict[str, float], str]:
    """Run it to its end; returns what it says it took, and standard error."""
    with recording(folder, last, ending, *words, **options) as process:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return json.loads(out.splitlines()[-1]), err


def kill(process: subprocess.Popen[str]) -> None:
    """With all that it started: a lost machine."""
    with suppress(psutil.Error):
        started = family(process)
        for one in (psutil.Process(process.pid), *started):
            with suppress(psutil.Error):
                one.kill()
    process.communicate()


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All that it started."""
    return psutil.Process(process.pid).children(recursive=True)


def wait_for(process: subprocess.Popen[str], update: int) -> None:
    """Until it has recorded it."""
    assert process.stdout is not None
    while (line := process.stdout.readline().strip()) != str(update):
        assert line, process.stderr.read() if process.stderr else ""


def service_of(process: subprocess.Popen[str]) -> psutil.Process | None:
    """wandb-core of a run; None while there is none."""
    found = [child for child in psutil.Process(process.pid).children() if child.name().startswith("wandb-core")]
    return found[0] if found else None


def sync(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    with syncing(folder, *words, **variables) as process:
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@contextmanager
def syncing(folder: Path, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Within: a `sync`. Nothing of it is left afterwards."""
    argv = [sys.executable, "-m", "sentiment_ft", "sync", *(words or (str(folder),))]
    process = subprocess.Popen(
        argv, env=variables_of(folder, **variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True, cwd=folder.parent,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            kill(process)


def offline_rows(folder: Path) -> list[list[dict[str, Any]]]:
    """Of each offline part of a run: its history, read back by W&B's own command."""
    return [
        [r["item"] for r in offline_records(part, "history")] for part in sorted(folder.glob("wandb/offline-run-*"))
    ]


def offline_records(part: Path, kind: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(part)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [record[kind] for record in map(json.loads, done.stdout.splitlines()) if record["type"] == kind]
