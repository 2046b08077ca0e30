"""Which process the others wait for. Real processes that beat, sleep and are stopped; trainings: test_faults.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from sentiment_ft.run import heartbeat, watchdog
from sentiment_ft.run.heartbeat import LONG_S, STACK_SIGNAL, Heartbeat
from sentiment_ft.run.watchdog import Process, culprits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc")


def looked_at(folder: Path, heartbeats: list[Heartbeat], waited: float) -> list[Process]:
    processes = [Process(rank, os.getpid(), "", beats=-1) for rank in range(len(heartbeats))]
    for elapsed in (0.0, waited):
        for process in processes:
            process.look(folder, elapsed)
    return processes


@pytest.fixture
def beating(tmp_path):
    """Two heartbeats that have beaten equally often, past the long first ones."""
    found = [Heartbeat(tmp_path / f"beats-{rank}", 20.0) for rank in range(2)]
    for _ in range(10):
        for beats in found:
            beats.beat("update 7")
    return found


def test_the_one_that_has_come_least_far_is_waited_for(beating, tmp_path):
    beating[0].beat("update 8")
    processes = looked_at(tmp_path, beating, 21.0)
    assert [process.rank for process in culprits(processes)] == [1]
    assert processes[1].is_late(20.0) and processes[1].where() == "update 7"


def test_one_that_works_at_length_is_not_late_and_the_others_may_wait_for_it(beating, tmp_path):
    with beating[0].at_length("saving"):
        processes = looked_at(tmp_path, beating, 100.0)
        assert not processes[0].is_late(20.0) and processes[1].is_late(20.0)
        assert [process.rank for process in culprits(processes)] == [0, 1], "so not all are late: no hang"
        assert processes[0].where() == "saving, update 7"
    assert looked_at(tmp_path, beating, 21.0)[0].is_late(20.0)
    with beating[0].at_length("saving"):
        assert looked_at(tmp_path, beating, LONG_S + 1)[0].is_late(20.0)


def test_slow_steps_are_no_hang(beating, tmp_path):
    process = Process(0, os.getpid(), "")
    process.look(tmp_path, 0.0)
    process.look(tmp_path, 4.0)
    beating[0].beat("update 8")
    process.look(tmp_path, 1.0)
    process.look(tmp_path, 35.0)
    assert process.slowest_s == 4.0 and not process.is_late(20.0)
    process.look(tmp_path, 6.0)
    assert process.is_late(20.0)


SLEEPER = """
import faulthandler, sys, threading, time
stacks = open(sys.argv[1], "w")
faulthandler.register(int(sys.argv[2]), file=stacks, all_threads=True)
def deep_in_here():
    print(f"{threading.main_thread().ident:016x}", flush=True)
    time.sleep(60)
deep_in_here()
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_the_stack_of_a_process_is_read_also_when_it_is_stopped(tmp_path, stopped):
    command = [sys.executable, "-c", SLEEPER, str(tmp_path / "stack-0"), str(STACK_SIGNAL)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sleeper:
        process = Process(0, sleeper.pid, sleeper.stdout.readline().strip())
        if stopped:
            sleeper.send_signal(signal.SIGSTOP)
            deadline = time.monotonic() + 10
            while not process.is_stopped():
                assert time.monotonic() < deadline
                time.sleep(0.01)
        assert process.is_stopped() is stopped
        said = watchdog.stack(process, tmp_path, STACK_SIGNAL)
        sleeper.kill()
    assert "in deep_in_here" in said.splitlines()[0]


def test_it_ends_with_its_run_and_leaves_nothing(tmp_path):
    folder = tmp_path / "beats"
    folder.mkdir()
    settings = f'{{"folder": "{folder}", "watched": [], "seconds": 20, "end": false}}'
    command = [sys.executable, "-I", "-S", watchdog.__file__, settings]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as dog:
        time.sleep(0.3)
        dog.send_signal(signal.SIGINT)
        dog.stdin.close()
        assert dog.wait(timeout=20) == 0
    assert not folder.exists()


def test_where_its_folder_is_gone_it_says_so_once(tmp_path):
    """Temporary folders are tidied up by age."""
    settings = {"folder": str(tmp_path / "none"), "watched": [[0, os.getpid(), "0"]], "seconds": 20, "end": True}
    command = [sys.executable, "-I", "-S", watchdog.__file__, json.dumps(settings)]
    done = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.wait(timeout=20) == 0
    assert done.stderr.read() == f"\nwarning: nobody will see a hang any more: {tmp_path / 'none'} is gone\n"
    done.stdin.close()
    done.stderr.close()


def test_ctrl_c_while_it_starts_is_not_its_business(tmp_path):
    """All of a terminal get it; a watchdog that still imports would answer with a traceback."""
    script = f"""
import os, signal, subprocess, sys, time, types
from pathlib import Path
from sentiment_ft.run import heartbeat
caught = []
signal.signal(signal.SIGINT, lambda *_: caught.append(1))
for wait in (0, 0.005, 0.01, 0.02):
    folder = Path({str(tmp_path)!r}, f"beats-{{wait}}")
    folder.mkdir()
    dog = heartbeat._start(types.SimpleNamespace(num_processes=1), 20.0, folder, [], launched=False)
    time.sleep(wait)
    dog.send_signal(signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    dog.stdin.close()
    assert dog.wait(20) == 0 and not folder.exists()
assert len(caught) == 4
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def alone(monkeypatch):
    """An accelerator of one process."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    yield Accelerator(cpu=True)
    AcceleratorState._reset_state(reset_partial_state=True)


def test_one_that_somebody_has_stopped_does_not_hold_up_the_end(alone, monkeypatch):
    monkeypatch.setattr(heartbeat, "SECONDS_TO_END", 0.5)
    with heartbeat.watched(alone, 20.0, launched=False) as beats:
        assert isinstance(beats, Heartbeat)
        [dog] = psutil.Process().children()
        dog.suspend()
    assert not psutil.Process().children()


@pytest.mark.parametrize("fault", ["full", "processes"])
def test_where_there_is_no_room_for_it_the_run_goes_on_unseen(alone, full_disk, monkeypatch, capsys, fault):
    def none_left(*arguments, **settings):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    if fault == "full":
        with pytest.raises(OSError, match="No space"):
            (full_disk / "ballast").write_bytes(bytes(100_000))
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.tempdir", str(full_disk))
        if fault == "processes":
            patched.setattr(subprocess, "Popen", none_left)
        with heartbeat.watched(alone, 20.0, launched=False) as beats:
            beats.beat("update 1")
    assert "warning: nobody will see a hang: " in capsys.readouterr().err
    assert not [path for path in full_disk.iterdir() if path.name != "ballast"]
