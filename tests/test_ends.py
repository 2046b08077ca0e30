"""However a run of several processes ends, all of them end within seconds, with one message, one exit code, and nothing
left behind. Under the real launcher.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sentiment_ft.errors import EXIT_PEER, EXIT_PREEMPTED
from sentiment_ft.run import checkpoint
from sentiment_ft.run.layout import OWNED
from sentiment_ft.run.lock import LOCKS
from tests import launched
from tests.tiny import write_reviews

pytestmark = pytest.mark.slow

SECONDS = 30  # beside other tests
RECIPE = "--batch 4 --epochs 2 --precision fp32 -o test=null -o max_length=32 -o bootstrap_samples=100 -q"
# Python imports a module of this name at its start: the only way into processes that a launcher starts.
PUT_IN = """
import os
if "RANK" in os.environ:
    import tests.scripts.failing_process
"""


NOT_INSTALLED = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "deepspeed" else find(name, *more)
sys.modules["deepspeed"] = None
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "temporary").mkdir()
    write_reviews(tmp_path / "reviews.jsonl", 60)
    return tmp_path


@pytest.fixture
def train(folder, model) -> Callable[..., list[str]]:
    """The argv of a training in two processes, its run folder `run`."""

    def argv(*more: str, **launch: object) -> list[str]:
        given = ["--data", "reviews.jsonl", "--model", str(model), "--output", "run", *RECIPE.split(), *more]
        return launched.sentiment_ft_launch(*given, **launch)

    return argv


def run(argv: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    done = launched.run(argv, folder, TMPDIR=str(folder / "temporary"), **variables)
    assert left_running(folder) == []
    assert list((folder / "temporary").iterdir()) == []
    return done


def left_running(folder: Path) -> list[psutil.Process]:
    """Processes, zombies too, of the runs in `folder`: they have its token cache in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            zombie = process.ppid() == os.getpid() and process.status() == psutil.STATUS_ZOMBIE
            if zombie or process.environ().get("SENTIMENT_FT_CACHE") == str(folder / "cache"):
                found.append(process)
    return found


def strike(argv: list[str], folder: Path, fault: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """(how it ended, seconds from the fault on)."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(PUT_IN)
    paths = os.pathsep.join([str(folder / "site"), str(launched.ROOT)])
    variables = {"FAULT": fault, "FAULT_AT": str(folder / "struck"), "PYTHONPATH": paths}
    done = run(argv, folder, PYTHONWARNINGS="ignore::RuntimeWarning:runpy", **variables)  # it is imported early
    seconds = time.time() - (folder / "struck").stat().st_mtime
    print(f"{fault}: the launcher ended {seconds:.1f} s later")
    return done, seconds


MESSAGE = "{who}error: {place}: a fault on purpose\nway out: none\n"


@pytest.mark.parametrize(("place", "rank"), [("prepare", 0), ("step", 1), ("evaluate", 1)])
def test_an_error_of_one_process_ends_all(train, folder, place, rank):
    """Its message is all that is said; the others may be in a barrier, a broadcast or an all-reduce."""
    done, seconds = strike(train(), folder, f"{place}:{rank}:user")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == MESSAGE.format(who="process 1 of 2: " if rank else "", place=place)
    assert seconds < SECONDS
    if (folder / "run").exists():
        assert {path.name for path in (folder / "run").iterdir()} <= {*OWNED, *LOCKS}
        assert not (folder / "run" / "best").exists() and not (folder / "run" / "summary.json").exists()


def test_a_bug_of_one_process_ends_all_with_its_traceback(train, folder):
    done, seconds = strike(train(), folder, "step:1:bug")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Traceback") and done.stderr.endswith("ZeroDivisionError: a bug on purpose\n")
    assert done.stderr.count("Traceback") == 1
    assert seconds < SECONDS


def test_a_killed_process_ends_all(train, folder):
    done, seconds = strike(train(), folder, "step:0:kill")
    assert (done.returncode, done.stdout) == (137, "")
    said = "error: process 0 was ended by SIGKILL (the system does that when memory runs out)\n"
    assert done.stderr == said
    assert seconds < SECONDS


def test_a_process_that_a_library_aborts_ends_all(train, folder):
    done, seconds = strike(train(), folder, "evaluate:1:abort")
    assert done.returncode == 128 + signal.SIGABRT
    assert done.stderr.endswith("error: process 1 was ended by SIGABRT\n") and done.stderr.count("error") == 1
    assert seconds < SECONDS


def test_a_process_of_zero_ends_all(train, folder):
    done, seconds = strike(train(topology="deepspeed_zero3"), folder, "step:1:user")
    assert (done.returncode, done.stderr) == (3, MESSAGE.format(who="process 1 of 2: ", place="step"))
    assert seconds < SECONDS


ENDLESS = ["-o", "max_steps=100000", "-o", "warmup_steps=1", "-o", "logging_steps=1", "-o", "eval_steps=50000"]


@contextlib.contextmanager
def running(argv: list[str], folder: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """The command; all that it started is killed in the end."""

    def hear() -> None:  # a background job, nohup would start without these
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    process = subprocess.Popen(
        argv, cwd=folder, env=launched.environment(folder, argv, TMPDIR=str(folder / "temporary"), **variables),
        start_new_session=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=hear,
    )  # fmt: skip
    try:
        yield process
    finally:
        for left in left_running(folder):
            left.kill()
        process.wait()


@contextlib.contextmanager
def training(
    argv: list[str], folder: Path, metrics: str = "run/metrics.jsonl", **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """The same, once a first update is done: then the file `metrics`, a pattern, is not empty."""
    with running(argv, folder, **variables) as process:
        deadline = time.monotonic() + 180
        while not any(path.stat().st_size for path in folder.glob(metrics)):
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
            time.sleep(0.05)
        yield process


@pytest.mark.parametrize(
    ("number", "whole_group", "said"),
    [
        (signal.SIGINT, True, "interrupted"),
        (signal.SIGTERM, False, "ended by SIGTERM"),
        (signal.SIGUSR2, False, "ended by SIGUSR2"),
    ],
)
def test_a_signal_to_the_launcher_saves_and_ends_all(train, folder, number, whole_group, said):
    """Ctrl-C in a terminal and many schedulers reach all processes at once; `kill` reaches the launcher."""
    with training(train(*ENDLESS), folder) as process:
        (os.killpg if whole_group else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, out) == (EXIT_PREEMPTED, "")
        assert re.match(rf"stopped: run/checkpoints: {said} after update \d+ of 100000; it is saved\n", err), err
        assert err.count("\n") == 2 and "way out: go on: sentiment-ft train --resume run\n" in err
        assert checkpoint.newest(folder / "run" / "checkpoints", pytest.fail) is not None
        assert left_running(folder) == [] and list((folder / "temporary").iterdir()) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_signal_while_the_processes_start_is_no_reason_to_start_them_again(train, folder, processes):
    topology = "cpu_2proc" if processes == 2 else "single_process"
    argv = train(*ENDLESS, topology=topology, processes=processes, restarts=3)
    with training(argv, folder, "temporary/sentiment-ft-launch-*/attempts") as process:
        while len(left_running(folder)) < 1 + processes:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(1)  # within their imports
        process.terminate()
        out, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, out) == (128 + signal.SIGTERM, "")
        assert err.startswith("error: ") and "ended by SIGTERM" in err and err.count("\n") == 1
        assert left_running(folder) == [] and list((folder / "temporary").iterdir()) == []
        assert not (folder / "run").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
@pytest.mark.parametrize(
    ("processes", "by_hand"), [(1, False), (2, False), (2, True)], ids=["alone", "launch", "accelerate launch"]
)
def test_a_killed_launcher_ends_all(train, folder, processes, by_hand):
    argv = train(*ENDLESS, topology="cpu_2proc" if processes == 2 else "single_process", processes=processes)
    if by_hand:
        argv = launched.accelerate_launch(launched.TRAIN, *argv[argv.index("--") + 1 :])
    with training(argv, folder) as process:
        assert len(left_running(folder)) == processes + 2, "the launcher and the watchdog, too"
        process.kill()
        process.communicate(timeout=SECONDS)  # its streams are those of all
        assert left_running(folder) == []


def test_an_interrupted_verify_ends_its_runs(folder, model):
    """While its second run, the first of several processes, trains; its folders are gone too."""
    argv = [sys.executable, "-m", "sentiment_ft", "verify", "--data", "reviews.jsonl", "--model", str(model)]
    argv += ["--updates", "200", "-o", "max_length=32"]
    with training(argv, folder, "temporary/*verify*/0-2/run/metrics.jsonl") as process:
        assert len(left_running(folder)) == 5, "verify, launch, two processes and the watchdog"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, out) == (128 + signal.SIGINT, "")
        assert err.splitlines()[-1].startswith("error: ") and err.count("error") == 1
        assert left_running(folder) == [] and list((folder / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "rank", "seconds"), [(signal.SIGTERM, 1, 4), (signal.SIGINT, 0, 4), (signal.SIGTERM, 0, 0)]
)
def test_a_launcher_that_waits_for_another_machine_can_be_ended(train, folder, number, rank, seconds):
    """It waits inside torch, which runs no handlers: it stood for the 15 minutes of the rendezvous."""
    with running(of_machine(train(topology="multi_node"), rank, free_port()), folder) as process:
        while not list((folder / "temporary").iterdir()):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        time.sleep(seconds)
        process.send_signal(number)
        out, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, out) == (128 + number, "")
        assert re.fullmatch(r"error: (interrupted|ended by SIGTERM); no process had been started\n", err)
        assert left_running(folder) == [] and list((folder / "temporary").iterdir()) == []


def test_a_healthy_end_leaves_the_run_folder_only(train, folder):
    done = run(train("--log-all-ranks"), folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in folder.iterdir()) == ["cache", "reviews.jsonl", "run", "temporary"]
    assert sorted(path.name for path in (folder / "run" / "logs").iterdir()) == ["rank-1.log"]


# --- what cannot run ------------------------------------------------------------------------------------------------


def refused(argv: list[str], folder: Path, **variables: str) -> tuple[int, str]:
    """(exit code, the message, which is said once), and nothing was made."""
    done = run(argv, folder, **variables)
    assert done.stdout == "" and "Traceback" not in done.stderr and done.stderr.count("error: ") == 1, done.stderr
    assert not (folder / "run").exists()
    return done.returncode, done.stderr


def test_a_world_size_that_does_not_divide(train, folder):
    code, said = refused(train("--global-batch-size", "16", processes=3), folder)
    assert code == 2 and "global_batch_size 16 is not a multiple of per_device_batch_size 4 x 3 processes = 12" in said


def test_three_labels(train, folder):
    lines = (folder / "reviews.jsonl").read_text().splitlines()
    more = [json.dumps(json.loads(line) | {"label": 2}) for line in lines[:20]]
    (folder / "reviews.jsonl").write_text("\n".join([*lines, *more]) + "\n")
    code, said = refused(train(), folder)
    assert code == 3 and "reviews.jsonl" in said


def test_fp16_on_cpus_under_deepspeed(train, folder):
    code, said = refused(train("--precision", "fp16", topology="deepspeed_zero2"), folder)
    assert code == 2 and "mixed_precision" in said and "fp16" in said


def test_a_deepspeed_config_with_fp16_on_cpus(train, folder, model):
    config = {"zero_optimization": {"stage": 2}, "fp16": {"enabled": True}}
    (folder / "ds_configs").mkdir()
    (folder / "ds_configs" / "zero2.json").write_text(json.dumps(config))
    topology = (launched.ROOT / "accelerate_configs" / "deepspeed_zero2.yaml").read_text()
    (folder / "own.yaml").write_text(topology)
    code, said = refused(train(topology="own.yaml"), folder)
    assert code == 2 and "zero2.json: fp16.enabled is true, the recipe makes it false" in said


def test_deepspeed_that_is_not_installed(train, folder):
    """Its import fails as that of a package that is not there; Accelerate asks for its metadata, too."""
    hidden = folder / "site"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(NOT_INSTALLED)
    paths = os.pathsep.join([str(hidden), str(launched.ROOT)])
    code, said = refused(train(topology="deepspeed_zero2"), folder, PYTHONPATH=paths)
    assert code == 4 and "pip3 install deepspeed" in said


def test_deepspeed_without_a_compiler(train, folder):
    """Nothing is compiled, nor tried: offload steps with torch's AdamW, and gloo exchanges."""
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable)
    compiler = folder / "bin" / "compiler"
    compiler.write_text(f"#!/bin/sh\n: >{folder}/asked\nexit 1\n")
    compiler.chmod(0o755)
    done = run(
        train(topology="deepspeed_zero2_offload"), folder, PATH=str(folder / "bin"), CC=str(compiler), CXX=str(compiler)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (folder / "asked").exists()
    assert (folder / "run" / "best" / "model.safetensors").is_file()


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_not_waited_for(train, folder, taken_port):
    """By machine 0 of several; on one machine the port is one that is free."""
    given = f"--machine-rank 0 --main-ip 127.0.0.1 --main-port {taken_port}".split()
    argv = train(topology="multi_node")
    place = argv.index("--processes")
    began = time.monotonic()
    code, said = refused([*argv[:place], *given, *argv[place:]], folder)
    assert code == 4 and str(taken_port) in said and time.monotonic() - began < 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def of_machine(argv: list[str], rank: int, port: int) -> list[str]:
    """The launch of one machine of two, which meet on this one."""
    place = argv.index("--processes")
    return [*argv[:place], *f"--machine-rank {rank} --main-ip 127.0.0.1 --main-port {port}".split(), *argv[place:]]


@pytest.mark.parametrize(("lost", "number"), [(0, signal.SIGKILL), (1, signal.SIGTERM)])
def test_a_machine_that_is_lost_ends_the_other(train, folder, lost, number):
    port = free_port()
    argvs = [of_machine(train(*ENDLESS, topology="multi_node"), rank, port) for rank in (0, 1)]
    with running(argvs[1], folder) as second, training(argvs[0], folder) as first:
        both = [first, second]
        both[lost].send_signal(number)
        _, said = both[1 - lost].communicate(timeout=SECONDS)
        _, own = both[lost].communicate(timeout=SECONDS)
        if number == signal.SIGTERM:  # of one machine: all save
            assert [process.returncode for process in both] == [EXIT_PREEMPTED] * 2
            assert (said + own).count("stopped: ") == 1 and "error" not in said + own
        else:
            assert (both[1 - lost].returncode, both[lost].returncode) == (EXIT_PEER, -number)
            assert said.count("error: another process of this run has ended") == said.count("error: ") == 1
        assert left_running(folder) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--learning-rate", "1e-3"], "learning_rate is 0.0001 in process 0, 0.001 here"),
        ([], "content of reviews.jsonl is "),
    ],
)
def test_two_machines_that_were_given_different_things(train, folder, typed, said):
    """Each machine has a folder and a launcher of its own; they would train on a mixture, or wait for ever."""
    port = free_port()
    begun = []
    for rank in (0, 1):
        here = folder / str(rank)
        here.mkdir()
        write_reviews(here / "reviews.jsonl", 60, seed=0 if typed else rank)
        argv = of_machine(train(*(typed if rank else []), topology="multi_node"), rank, port)
        begun.append(
            subprocess.Popen(
                argv, cwd=here, env=launched.environment(folder, argv), stderr=subprocess.PIPE, text=True
            )
        )  # fmt: skip
    errors = [process.communicate(timeout=120)[1] for process in begun]
    assert [process.returncode for process in begun] == [2, EXIT_PEER], errors
    assert errors[0].startswith(f"error: process 1 of 2: {said}") and errors[0].count("error") == 1
    assert errors[1].startswith("error: another process of this run has ended: machine 0") and "see its" in errors[1]
    assert "the same command, files and packages on every machine" in errors[0]
    assert not any((folder / str(rank) / "run").exists() for rank in (0, 1))


def test_two_runs_on_one_machine_do_not_meet(train, folder, model):
    """Both at once; each takes a port that is free."""
    argvs = [[word if word != "run" else f"run-{number}" for word in train()] for number in (1, 2)]
    started = [
        subprocess.Popen(argv, cwd=folder, env=launched.environment(folder, argv), stderr=subprocess.PIPE)
        for argv in argvs
    ]
    assert [(process.communicate(timeout=120)[1], process.returncode) for process in started] == [(b"", 0)] * 2
    weights = [(folder / f"run-{number}" / "best" / "model.safetensors").read_bytes() for number in (1, 2)]
    assert weights[0] == weights[1]


def test_accelerate_launch_that_would_run_one_process_is_refused(folder, model):
    argv = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "-m", launched.TRAIN]
    done = run([*argv, "--data", "reviews.jsonl", "--model", str(model), "--output", "run"], folder)
    assert done.returncode != 0 and not (folder / "run").exists()
    assert re.search("^error: accelerate launch: 2 processes were asked for, and it started one$", done.stderr, re.M)
