"""Trainings that are killed, stopped, starved and started again, as real processes: what is left is what an untouched
one leaves, to the bit. The short version; the long one and its figures are in docs/reliability.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sentiment_ft.errors import EXIT_PREEMPTED
from sentiment_ft.proof.chaos import differences
from sentiment_ft.run import checkpoint
from tests import launched
from tests.test_ends import left_running, training
from tests.tiny import write_reviews

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="/proc")]

RECIPE = (
    "--batch 4 --precision fp32 -o test=null -o max_length=32 -o bootstrap_samples=100 -o warmup_steps=10 "
    "-o early_stopping_patience=null -o logging_steps=1 -o eval_steps=60 -o save_steps=5 -q"
)


@pytest.fixture
def folder(tmp_path) -> Path:
    return prepared(tmp_path)


def prepared(folder: Path) -> Path:
    (folder / "temporary").mkdir()
    write_reviews(folder / "reviews.jsonl", 1000)
    return folder


def recipe(model: Path, updates: int) -> list[str]:
    """Options of `train`; an epoch is 200 updates."""
    return ["--data", "reviews.jsonl", "--model", str(model), *RECIPE.split(), "-o", f"max_steps={updates}"]


@pytest.fixture
def arguments(folder, model):
    """Those of `train`, for a run of so many updates."""

    def given(updates: int, *more: str) -> list[str]:
        return [*recipe(model, updates), *more]

    return given


UPDATES = 400


@pytest.fixture(scope="module")
def whole(tmp_path_factory, model) -> Path:
    """The run of UPDATES that nothing touches."""
    folder = prepared(tmp_path_factory.mktemp("whole"))
    assert alone(folder, "train", *recipe(model, UPDATES), "--output", "whole").returncode == 0
    return folder / "whole"


# Tests that look at the same untouched run share a process; see the Makefile.
BESIDE_THE_WHOLE = pytest.mark.xdist_group("whole")


def alone(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return launched.run(launched.alone("sentiment_ft", *words), folder, TMPDIR=str(folder / "temporary"))


def forked(folder: Path, number: str, times: int, arguments: list[str]) -> list[dict]:
    """Attempts of a training in `struck`, each of which got the signal; see tests/scripts/forked.py."""
    program = launched.SCRIPTS / "forked.py"
    done = launched.run(
        launched.alone(program, "struck", number, str(times), "3", "--", *arguments),
        folder,
        TMPDIR=str(folder / "temporary"),
    )
    assert done.returncode == 0, done.stderr + (folder / "struck.log").read_text()[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@BESIDE_THE_WHOLE
def test_killed_twenty_times_it_ends_with_the_same_bits(folder, arguments, whole):
    """Ten and more of them fall into one epoch."""
    attempts = forked(folder, "SIGKILL", 20, arguments(UPDATES))
    assert [attempt["code"] for attempt in attempts] == [-signal.SIGKILL] * 20 + [0]
    epochs = [attempt["saved"] // 200 for attempt in attempts[:-1]]
    assert max(map(epochs.count, epochs)) >= 10
    assert differences(whole, folder / "struck") == []
    [kept] = (folder / "struck" / "checkpoints").iterdir()
    assert kept.name.endswith(f"-update-{UPDATES}")


@BESIDE_THE_WHOLE
def test_preempted_ten_times_no_update_is_lost(folder, arguments, whole):
    attempts = forked(folder, "SIGTERM", 10, arguments(UPDATES))
    assert [attempt["code"] for attempt in attempts] == [EXIT_PREEMPTED] * 10 + [0]
    assert all(attempt["saved"] >= attempt["recorded"] for attempt in attempts), "what was recorded is saved"
    print("seconds from SIGTERM to the end:", [round(attempt["seconds"], 2) for attempt in attempts[:-1]])
    assert differences(whole, folder / "struck") == []


def chaos(folder: Path, model: Path, *words: str) -> dict:
    given = ["--data", "reviews.jsonl", "--model", str(model), "--batch", "4", "--precision", "fp32", "--json", "-q"]
    done = launched.run(launched.alone("sentiment_ft", "chaos", *given, *words), folder, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert left_running(folder) == []
    return json.loads(done.stdout)


def test_the_drill_passes_in_two_processes(folder, model):
    """A kill, a hang that is named, a full disk, W&B's process gone."""
    report = chaos(folder, model, "--kills", "1", "--preemptions", "0", "--losses", "0")
    kinds = sorted(struck["kind"] for struck in report["strikes"])
    assert kinds == ["full disk", "hang", "kill", "tracker"]
    assert report["passed"] and report["different"] == [] and report["hangs_named"] == 1
    assert report["named_after_s"][0] >= 20, "hang_seconds"


# --- other numbers of processes -------------------------------------------------------------------------------------


def records(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_one_process_goes_on_as_two_and_as_one_again(folder, arguments):
    """Every row once, the same updates; sums in another order differ by rounding."""
    given = arguments(45, "--global-batch-size", "8", "--output", "run", "-o", "hidden_dropout=0")
    quiet = [*given, "-o", "attention_dropout=0"]
    whole = [*quiet[: quiet.index("run")], "whole", *quiet[quiet.index("run") + 1 :]]
    assert alone(folder, "train", *whole).returncode == 0
    for part, stops_at in ((["train"], 15), (["launch", "-q", "-t", "cpu_2proc", "--"], 30), (["train"], None)):
        more = ["--resume", "auto", *([] if stops_at is None else ["-o", "save_steps=3"])]
        argv = launched.alone("sentiment_ft", *part, *quiet, *more)
        if stops_at is None:
            assert launched.run(argv, folder).returncode == 0
            break
        with training(argv, folder) as process:
            while newest(folder / "run") < stops_at:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == EXIT_PREEMPTED
    mine, theirs = (
        [record for record in records(folder / name) if record["event"] == "train"] for name in ("run", "whole")
    )
    for key in ("update", "rows_digest", "learning_rate"):
        assert [record[key] for record in mine] == [record[key] for record in theirs]
    losses = [[record["loss"] for record in part] for part in (mine, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def newest(run: Path) -> int:
    found = checkpoint.newest(run / "checkpoints", lambda damaged: None) if run.exists() else None
    return 0 if found is None else found.update


def test_zero_goes_on_with_the_same_bits(folder, arguments):
    """DeepSpeed's own files, read with weights only."""
    stage = "zero2"
    given = arguments(24, "--global-batch-size", "8", "-o", "eval_steps=8")
    topology = f"deepspeed_{stage}"
    assert (
        launched.run(launched.sentiment_ft_launch(*given, "--output", "whole", topology=topology), folder).returncode
        == 0
    )
    argv = launched.sentiment_ft_launch(*given, "--output", "run", topology=topology)
    with training(argv, folder) as process:
        while newest(folder / "run") < 10:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == EXIT_PREEMPTED
    files = {path.name for path in max((folder / "run" / "checkpoints").iterdir()).rglob("*")}
    assert not any(name.endswith(".py") for name in files) and "latest" not in files
    again = [*given, "--output", "run", "--resume", "auto"]
    done = launched.run(launched.sentiment_ft_launch(*again, topology=topology), folder)
    assert done.returncode == 0, done.stderr
    kept = [(folder / name / "predictions.jsonl").read_bytes() for name in ("run", "whole")]
    assert kept[0] == kept[1]
    numbers = ("update", "loss", "grad_norm", "eval_log_loss")
    shown = [
        [tuple(map(record.get, numbers)) for record in records(folder / name) if record["event"] in ("train", "eval")]
        for name in ("run", "whole")
    ]
    assert shown[0] == shown[1]


def test_under_zero_a_disk_that_is_full_for_one_process_costs_that_save_only(folder, arguments):
    """DeepSpeed's save has all processes meet afterwards; the second file of process 1 finds no space."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(
        "import os\nif 'RANK' in os.environ:\n    import tests.scripts.failing_process\n"
    )
    argv = launched.sentiment_ft_launch(
        *arguments(24, "--global-batch-size", "8", "-o", "eval_steps=8"), "--output", "run", topology="deepspeed_zero2"
    )
    paths = os.pathsep.join([str(folder / "site"), str(launched.ROOT)])
    variables = {"FAULT": "shard:1:full", "FAULT_AT": str(folder / "struck"), "PYTHONPATH": paths}
    done = launched.run(argv, folder, PYTHONWARNINGS="ignore::RuntimeWarning:runpy", **variables)
    assert done.returncode == 0 and (folder / "struck").exists(), done.stderr
    assert re.search(r"warning: no checkpoint at update \d+: No space left on device; training goes on", done.stderr)
    assert "checkpoints are saved again, since update" in done.stderr and newest(folder / "run") == 24


# --- the disk -------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 60 MB: room for three checkpoints and the best model. Skipped where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=60m", "none", str(place)]
    if (
        os.geteuid()
        or not shutil.which("mount")
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@BESIDE_THE_WHOLE
def test_a_full_disk_costs_no_update_and_no_checkpoint_that_is_there(folder, arguments, whole, small_disk):
    given = arguments(UPDATES)
    run = small_disk / "run"
    with training(
        launched.alone("sentiment_ft", "train", *given, "--output", str(run)), folder, "disk/run/metrics.jsonl"
    ) as process:
        while newest(run) < 20:
            time.sleep(0.01)
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(2**16))
            except OSError:
                pass
        kept = newest(run)
        said = ""
        while "warning: no checkpoint at update" not in said:
            said = process.stderr.readline()
        assert "No space left on device" in said and newest(run) >= kept, "the older ones are whole"
        assert process.poll() is None, "training goes on"
        ballast.unlink()
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert "checkpoints are saved again, since update " in said
    assert differences(whole, run) == []


# --- a hang without a launcher --------------------------------------------------------------------------------------


def test_a_training_alone_that_hangs_is_named_and_goes_on(folder, arguments):
    """Nobody would start it again, and nobody waits for it: it is not ended."""
    argv = launched.alone("sentiment_ft", "train", *arguments(60, "-o", "hang_seconds=5", "--output", "run"))
    with training(argv, folder) as process:
        process.send_signal(signal.SIGSTOP)
        said = ""
        while "error: " not in said:
            said = process.stderr.readline()
        assert re.match(
            r"error: the training has been stopped \(SIGSTOP\) for \d+ s, at .*update \d+; kill -CONT", said
        ), said
        assert psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "who has stopped it will wake it"
        process.send_signal(signal.SIGCONT)
        assert (process.wait(timeout=120), process.stderr.read()) == (0, "")
