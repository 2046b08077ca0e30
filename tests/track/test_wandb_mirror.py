"""The Weights & Biases mirror: a real offline run, read back from its file; and no key is one clear error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from sentiment_ft.config import Config
from sentiment_ft.track.record import NoMirror
from sentiment_ft.track.wandb_mirror import WandbMirror, open_mirror

OFFLINE_RUN = """
import sys
from pathlib import Path
from sentiment_ft.config import Config
from sentiment_ft.track.record import Recorder
from sentiment_ft.track.wandb_mirror import open_mirror
folder = Path(sys.argv[1])
mirror = open_mirror(Config(report_to="wandb", seed=7), name="my-run", folder=folder)
with Recorder(folder / "metrics.jsonl", mirror) as recorder:
    recorder.write({"event": "train", "update": 10, "epoch": 0.5, "loss": 0.6, "grad_norm": None})
    recorder.write({"event": "eval", "update": 10, "epoch": 0.5, "eval_accuracy": 0.8, "best": True})
    recorder.write({"event": "train", "update": 20, "epoch": 1.0, "loss": 0.4, "grad_norm": 1.5})
    recorder.finish({"accuracy": 0.8, "recipe": "mine", "rows": {"train": 5}})
"""


def start(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process without any W&B setting or key of this machine."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    environment |= {"HOME": str(folder), "NETRC": str(folder / "netrc"), "WANDB_ERROR_REPORTING": "false"}
    return subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def records_of(folder: Path, kind: str) -> list[dict]:
    """What the one offline run in a folder holds of a kind, read back by W&B's own command."""
    (run,) = folder.glob("wandb/offline-run-*")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    records = map(json.loads, done.stdout.splitlines())
    return [record[kind] for record in records if record["type"] == kind]


def test_offline_run_holds_what_was_recorded(tmp_path):
    done = start(OFFLINE_RUN, tmp_path, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    (run,) = records_of(tmp_path, "run")
    assert run["display_name"] == "my-run" and run["config"]["update"]["seed"] == 7
    rows = [
        {key: value for key, value in record["item"].items() if not key.startswith("_")}
        for record in records_of(tmp_path, "history")
    ]
    assert rows == [
        {"update": 10, "train/epoch": 0.5, "train/loss": 0.6},
        {"update": 10, "eval/epoch": 0.5, "eval/accuracy": 0.8},
        {"update": 20, "train/epoch": 1.0, "train/loss": 0.4, "train/grad_norm": 1.5},
    ]
    summary: dict = {}
    for record in records_of(tmp_path, "summary"):
        summary |= record["update"]
    assert summary["accuracy"] == 0.8 and summary["recipe"] == "mine" and "rows" not in summary
    axes = {metric.get("glob_name"): metric.get("step_metric") for metric in records_of(tmp_path, "metric")}
    assert axes["*"] == "update"
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3, "the truth is beside it"
    assert done.stdout == ""


def test_offline_run_that_fails_is_marked_so(tmp_path):
    code = OFFLINE_RUN.replace('    recorder.finish({"accuracy"', '    1 / 0\n    recorder.finish({"accuracy"')
    done = start(code, tmp_path, WANDB_MODE="offline")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr
    assert len(records_of(tmp_path, "history")) == 3
    assert [record.get("exit_code") for record in records_of(tmp_path, "exit")] == [1]


def test_no_key_is_one_error_at_once(tmp_path):
    code = OFFLINE_RUN.replace(
        "mirror = open_mirror", "from sentiment_ft.errors import ModelError\ntry:\n  mirror = open_mirror"
    ).replace("folder=folder)\n", "folder=folder)\nexcept ModelError as error:\n  print(error)\n  sys.exit(4)\n")
    began = time.monotonic()
    done = start(code, tmp_path, WANDB_MODE="online", WANDB_BASE_URL="http://127.0.0.1:9")
    assert time.monotonic() - began < 30
    assert done.returncode == 4, done.stderr
    assert done.stdout.startswith("report_to: W&B cannot start: ") and done.stdout.count("\n") == 2
    assert "api_key" in done.stdout or "API key" in done.stdout
    assert "way out: wandb login, WANDB_MODE=offline, or -o report_to=none" in done.stdout


def test_nothing_is_started_or_imported_when_not_asked(tmp_path):
    assert isinstance(open_mirror(Config(), name="x", folder=tmp_path), NoMirror)
    code = OFFLINE_RUN.split("folder = Path")[0] + "sys.exit('wandb' in sys.modules)"
    assert start(code, tmp_path).returncode == 0


def test_mirror_sends_no_none_and_no_nested_summary():
    said: list = []
    run = SimpleNamespace(
        id="mirror",
        define_metric=lambda *names, **axes: said.append((names, axes)),
        log=said.append,
        finish=lambda exit_code: said.append(exit_code),
        summary={},
    )
    mirror = WandbMirror(run)
    mirror.log({"event": "eval", "update": 3, "eval_f1": 0.5, "eval_mcc": None, "best": False})
    mirror.finish({"a": 1, "b": None, "c": [1], "d": "x"}, failed=False)
    mirror.finish({}, failed=True)
    assert said == [(("update",), {}), (("*",), {"step_metric": "update"}), {"update": 3, "eval/f1": 0.5}, 0, 1]
    assert run.summary == {"a": 1, "d": "x"}
