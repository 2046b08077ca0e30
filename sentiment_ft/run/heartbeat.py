"""How a process shows that it goes on, and the watchdog that looks at it from outside."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import mmap
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import gather_object

from sentiment_ft.errors import EXIT_RESTART
from sentiment_ft.run import attempt, watchdog
from sentiment_ft.terminal import console, printable

# The first updates load kernels and libraries.
FIRST_BEATS, FIRST_S = 8, 120.0
# What one process may take before the others have to wait for it: to save on a slow disk, to judge.
LONG_S = 600.0
SECONDS_TO_END = 5.0  # for the watchdog, which looks twice a second
STACK_SIGNAL = getattr(signal, "SIGRTMIN", 0) + 3  # none that a library or a scheduler uses


def this_machine() -> str:
    """A name that the processes here share with no other. torchrun's number alone is missing under other launchers."""
    return f"{socket.gethostname()} {os.environ.get('GROUP_RANK', '0')}"


class Heartbeat:
    """Shows where this process is, in memory that the watchdog reads: about a microsecond a beat."""

    def __init__(self, path: Path, allowed_s: float) -> None:
        path.write_bytes(bytes(watchdog.BEAT.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), watchdog.BEAT.size)
        self._beats, self._allowed_s, self._place = 0, allowed_s, "its start"
        self._show(LONG_S)

    def beat(self, place: str) -> None:
        """At the same places of a run in every process, each time this is reached."""
        self._beats, self._place = self._beats + 1, place
        self._show(max(self._allowed_s, FIRST_S) if self._beats <= FIRST_BEATS else self._allowed_s)

    @contextlib.contextmanager
    def at_length(self, what: str) -> Iterator[None]:
        """Within: what may take minutes, on this process or on others that it waits for."""
        before, self._place = self._place, f"{what}, {self._place}"
        self._show(LONG_S)
        try:
            yield
        finally:
            self._place = before
            self._show(self._allowed_s)

    def _show(self, allowed_s: float) -> None:
        self._memory[:] = watchdog.BEAT.pack(self._beats, allowed_s, self._place.encode()[:48])


class NoHeartbeat:
    """Nobody looks."""

    def beat(self, place: str) -> None:
        pass

    def at_length(self, what: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


@contextlib.contextmanager
def watched(accelerator: Accelerator, seconds: float | None, *, launched: bool) -> Iterator[Heartbeat | NoHeartbeat]:
    """Within: the processes of a run are looked at; one watchdog a machine. Entered by every process.

    seconds: that a process may stand still. launched: a launcher, or other processes, are there: all are ended. Alone
    and without one nothing waits, and nothing would start it again: it is told only.
    """
    if seconds is None or sys.platform != "linux":
        yield NoHeartbeat()
        return
    first = accelerator.is_local_main_process
    own = _folder() if first else None
    machine = this_machine()
    thread = f"{threading.main_thread().ident:016x}"
    mine = (machine, accelerator.process_index, os.getpid(), thread, None if own is None else str(own))
    everywhere = gather_object([mine])
    here = [entry for entry in everywhere if entry[0] == machine]
    folders = {entry[0]: entry[4] for entry in everywhere if entry[4] is not None}
    if len(folders) < len({entry[0] for entry in everywhere}):  # all machines or none: they meet below
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)
        yield NoHeartbeat()
        return
    folder = Path(folders[machine])
    heartbeat = _heartbeat(folder, accelerator.process_index, seconds)
    if not all(gather_object([heartbeat is not None])):
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)
        yield NoHeartbeat()
        return
    assert heartbeat is not None
    with (folder / f"stack-{accelerator.process_index}").open("w") as stacks:
        faulthandler.register(STACK_SIGNAL, file=stacks, all_threads=True)
        accelerator.wait_for_everyone()
        dog = _start(accelerator, seconds, folder, [entry[1:4] for entry in here], launched) if own else None
        try:
            yield heartbeat
        finally:
            faulthandler.unregister(STACK_SIGNAL)
            if dog is not None:
                _end(dog)
            if own is not None:
                shutil.rmtree(own, ignore_errors=True)


def _end(dog: subprocess.Popen[bytes]) -> None:
    assert dog.stdin is not None
    dog.stdin.close()
    try:
        dog.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:  # somebody has stopped it
        dog.kill()
        dog.wait()


def _folder() -> Path | None:
    try:
        return Path(tempfile.mkdtemp(prefix="sentiment-ft-beats-"))
    except OSError as error:
        _say_unseen(error)
        return None


def _heartbeat(folder: Path, rank: int, seconds: float) -> Heartbeat | None:
    try:
        (folder / f"stack-{rank}").touch()
        return Heartbeat(folder / f"beats-{rank}", seconds)
    except OSError as error:
        _say_unseen(error)
        return None


def _say_unseen(error: OSError) -> None:
    console.print(f"warning: nobody will see a hang: {printable(str(error), 200)}", markup=False)


def _start(
    accelerator: Accelerator, seconds: float, folder: Path, here: list[tuple[int, int, str]], launched: bool
) -> subprocess.Popen[bytes] | None:
    settings = {
        "folder": str(folder),
        "watched": here,
        "processes": accelerator.num_processes,
        "seconds": seconds,
        "signal": STACK_SIGNAL,
        "end": launched or accelerator.num_processes > 1,
        "ends": attempt.ends_file(),
        "code": EXIT_RESTART,
    }
    # -I -S: nothing of the user's or of site-packages is imported; it is there in 20 ms, with 10 MB.
    argv = [sys.executable, "-I", "-S", watchdog.__file__, json.dumps(settings)]
    # It inherits what is blocked: a Ctrl-C while it starts would end it with a traceback. Here it comes afterwards.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watchdog.UNHEARD)
    try:
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    except OSError as error:  # no memory, or no more processes allowed
        _say_unseen(error)
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
