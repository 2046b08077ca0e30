"""Trainings that are tracked, as real processes with real wandb, against a W&B server on a loopback port."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from sentiment_ft.errors import EXIT_PREEMPTED
from sentiment_ft.track import tracked as tracking
from tests import launched
from tests.mirrored import offline_rows, sync
from tests.test_ends import training
from tests.test_faults import prepared, recipe
from tests.track.test_wandb_mirror import shown
from tests.wandb_server import Server, serving

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="signals to process groups")]

UPDATES = 400
MANY = 1000  # enough that W&B has rows of a start before its end, on a machine that is busy


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture
def folder(tmp_path) -> Path:
    return prepared(tmp_path)


def tracked(model: Path, *more: str, updates: int = UPDATES) -> list[str]:
    given = [*recipe(model, updates), "--report-to", "wandb", "--output", "run", "--resume", "auto"]
    return [word for word in given if word != "-q"] + list(more)


def recorded(run: Path, event: str = "train") -> list[int]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines())
    return [record["update"] for record in lines if record["event"] == event]


def newest(run: Path) -> int:
    try:
        return recorded(run)[-1]
    except (OSError, IndexError, ValueError):
        return 0


def wait_until_it_has(process, run: Path, update: int) -> None:
    while newest(run) < update:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def wait_until_wandb_has_some(run: Path, server: Server, mode: str) -> None:
    """Of this start: what follows could show it twice."""
    until, before = time.monotonic() + 60, shown(run, server, mode)
    while shown(run, server, mode) <= (before if mode == "online" else 0):
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_two_processes_requeued_three_times_are_one_run(folder, model, server, mode):
    """Told to stop, killed, told to stop; then it ends. Nothing is shown twice, and nothing is missing."""
    argv = launched.sentiment_ft_launch(*tracked(model, updates=MANY), processes=2)
    variables = server.variables(WANDB_MODE=mode, WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL="1")
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        with training(argv, folder, **variables) as process:
            wait_until_it_has(process, folder / "run", newest(folder / "run") + 8)
            if number == signal.SIGKILL:
                wait_until_wandb_has_some(folder / "run", server, mode)
            process.send_signal(number)
            process.communicate(timeout=120)
            assert process.returncode == (EXIT_PREEMPTED if number == signal.SIGTERM else -number)
    done = launched.run(argv, folder, **variables)
    assert done.returncode == 0, done.stderr
    run = folder / "run"
    assert recorded(run) == list(range(1, MANY + 1))
    known = tracking.read(run)
    assert known is not None
    if mode == "offline":
        parts = offline_rows(run)
        # A start that is stopped before wandb is there, on a busy machine, has none: the next one's holds its rows.
        assert len(parts) in (3, 4)
        ends = [[(row["update"], row["_step"]) for row in part if "train/loss" in row] for part in parts]
        seen = [update for part in ends for update, _ in part]
        # Seen twice in some thirty runs on a busy machine, and not explained: one row between two starts is missing in
        # wandb's files. `sync` sees it and sends the record in their place.
        assert len(set(seen)) == len(seen) >= MANY - 1, [(part[:2], part[-2:]) for part in ends]
        assert sync(run, **server.variables()).returncode == 0
    assert list(server.runs) == [known.id]
    assert server.updates(known.id, "train") == list(range(1, MANY + 1))
    assert server.updates(known.id, "eval") == recorded(run, "eval")
    axis = [row["update"] for row in server.history(known.id)]
    assert axis == sorted(axis) and server.rewritten == [] and server.unknown == []
    assert server.exit_codes[known.id] == 0 and server.summary(known.id)["updates"] == MANY


def test_a_server_that_is_lost_stops_neither_the_run_nor_its_resume(folder, model, server):
    """Lost in training; the run is stopped and started again while it is gone."""
    argv, variables = launched.alone("sentiment_ft", "train", *tracked(model)), server.variables()
    with training(argv, folder, **variables) as process:
        wait_until_it_has(process, folder / "run", 10)
        server.shutdown()
        server.server_close()
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, said = process.communicate(timeout=120)
        assert process.returncode == EXIT_PREEMPTED and time.monotonic() - began < 20, said
    done = launched.run(argv, folder, **variables)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert recorded(folder / "run") == list(range(1, UPDATES + 1))
    assert re.search(r"^W&B +later: sentiment-ft sync run", done.stderr, re.MULTILINE), done.stderr
    with serving(into=server) as again:
        done = sync(folder / "run", **again.variables())
        assert done.returncode == 0, done.stderr
        (id,) = again.runs
        assert again.updates(id, "train") == list(range(1, UPDATES + 1)) and again.rewritten == []


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("stopped", [True, False])
def test_a_signal_while_a_server_that_hangs_is_waited_for_changes_nothing(folder, model, server, stopped, processes):
    """Not the code of a run that is saved (a scheduler goes by it), and not that of one that is done. Of several
    processes the others wait for the one that waits for the server.
    """
    options = tracked(model, updates=MANY)
    argv = launched.alone("sentiment_ft", "train", *options)
    if processes > 1:
        argv = launched.sentiment_ft_launch(*options, processes=processes)
    with training(argv, folder, **server.variables(WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL="1")) as process:
        wait_until_it_has(process, folder / "run", 10)
        while not any(server.streams.values()):  # else there is no W&B run yet that would be waited for
            assert process.poll() is None
            time.sleep(0.01)
        server.fault = "black hole"
        if stopped:
            process.send_signal(signal.SIGTERM)
            while not list((folder / "run" / "checkpoints").glob("[0-9]*")):
                time.sleep(0.05)
        else:
            while not (folder / "run" / "summary.json").exists():
                time.sleep(0.05)
        time.sleep(2)
        assert process.poll() is None, "it waits for the server"
        for one in trainers(process) if processes > 1 else [process]:  # the launcher would end them by force
            one.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == (EXIT_PREEMPTED if stopped else 0) and "Traceback" not in said, said
    server.fault = None


def trainers(launcher) -> list[psutil.Process]:
    """The processes that train."""
    every = psutil.Process(launcher.pid).children(recursive=True)
    return [one for one in every if "LOCAL_RANK" in one.environ() and one.name().startswith("python")]


def test_a_run_that_is_stopped_on_its_page_is_saved(folder, model, server):
    argv = launched.alone("sentiment_ft", "train", *tracked(model, "-o", "max_steps=100000"))
    with training(argv, folder, **server.variables(WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL="1")) as process:
        wait_until_it_has(process, folder / "run", 5)
        server.stop_asked = True
        _, said = process.communicate(timeout=120)
    assert process.returncode == EXIT_PREEMPTED and "ended by SIGTERM" in said and "it is saved" in said, said
    (id,) = server.runs
    assert server.updates(id, "train") == recorded(folder / "run")
    assert server.preempting == set(), "W&B would give a trial that it has stopped out again"


def test_sync_sends_a_run_that_nobody_tracked_and_finds_what_was_left(folder, model, server):
    options = [word for word in tracked(model) if word not in ("--report-to", "wandb")]
    assert launched.run(launched.alone("sentiment_ft", "train", *options), folder).returncode == 0
    runs = folder / "runs"
    runs.mkdir()
    shutil.move(folder / "run", runs / "first")
    none = sync(runs, "--", **server.variables())
    assert none.returncode == 0 and "nothing to send" in none.stderr, none.stderr
    wrong = sync(runs, "runs", **server.variables())
    assert wrong.returncode == 2 and "RUN runs: is no run folder" in wrong.stderr, wrong.stderr
    done = sync(runs / "first", **server.variables())
    assert done.returncode == 0 and "W&B has all" in done.stderr, done.stderr
    (id,) = server.runs
    assert server.updates(id, "train") == list(range(1, UPDATES + 1))
    assert any(key.startswith("validation/predictions") for row in server.history(id) for key in row)
    rows = len(server.history(id))
    again = sync(runs / "first", **server.variables())
    assert again.returncode == 0 and len(server.history(id)) == rows, "each once"
