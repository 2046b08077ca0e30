"""A process beside those of a run that sees when one stands still, says where, and ends all: others would wait for it.

Started by run/heartbeat.py as a plain script: standard library only, and nothing of this package. Linux only: it looks
at /proc. It ends when the process that started it does, which its standard input tells.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BEAT = struct.Struct("<Qd48s")  # beats so far, seconds that the next may take, where it is
TICK_S = 0.5
# The next beat may take this many times the slowest so far: a busy machine is not a hang.
TIMES_THE_SLOWEST = 10
SECONDS_FOR_STACKS = 2.0
MOST_FRAMES = 20
# Ctrl-C reaches all of a terminal; this process ends with the run.
UNHEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_BETWEEN = re.compile(r" in (_call_impl|_wrapped_call_impl)$")  # of torch, two for each real frame


@dataclass
class Process:
    """One of the run on this machine. main_thread: its ident in hexadecimal, as faulthandler writes it."""

    rank: int
    pid: int
    main_thread: str
    beats: int = -1
    allowed_s: float = 0.0
    place: bytes = b""
    waited_s: float = 0.0
    slowest_s: float = 0.0

    def look(self, folder: Path, elapsed_s: float) -> None:
        """Read its newest beat."""
        beats, allowed_s, place = BEAT.unpack((folder / f"beats-{self.rank}").read_bytes()[: BEAT.size])
        if (beats, place) == (self.beats, self.place):
            self.waited_s += elapsed_s
            return
        if beats != self.beats and self.allowed_s == allowed_s:
            self.slowest_s = max(self.slowest_s, self.waited_s)
        self.beats, self.allowed_s, self.place, self.waited_s = beats, allowed_s, place, 0.0

    def is_stopped(self) -> bool:
        """By SIGSTOP, or by a debugger."""
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
        return False

    def is_late(self, base_s: float) -> bool:
        if self.is_stopped():  # it makes no use of a longer time
            return self.waited_s > base_s
        return self.waited_s > max(self.allowed_s, TIMES_THE_SLOWEST * self.slowest_s)

    def where(self) -> str:
        return self.place.rstrip(b"\0").decode("utf-8", "replace")


def culprits(processes: Sequence[Process]) -> list[Process]:
    """Those that others may wait for: stopped ones, else those that have come least far; all beat at equal places."""
    stopped = [process for process in processes if process.is_stopped()]
    least = min(process.beats for process in processes)
    return stopped or [process for process in processes if process.beats == least]


def stack(process: Process, folder: Path, signal_number: int) -> str:
    """Of its main thread, newest call first, by faulthandler in that process; a stopped one is woken for it alone."""
    path, stopped = folder / f"stack-{process.rank}", process.is_stopped()
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal_number)
        os.kill(process.pid, signal.SIGCONT)
    deadline = time.monotonic() + SECONDS_FOR_STACKS
    text, before = "", None
    while time.monotonic() < deadline and (text != before or process.main_thread not in text):
        time.sleep(0.01)
        before = text
        with contextlib.suppress(OSError):
            text = path.read_text("utf-8", "replace")
    if stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)
    blocks = re.split(r"(?m)^(?=(?:Current thread|Thread) 0x)", text)
    chosen = next((block for block in blocks if process.main_thread in block.split("\n")[0]), "")
    frames = [line for line in chosen.splitlines()[1:] if line.startswith("  ") and not _BETWEEN.search(line)]
    more = [f"  ... {len(frames) - MOST_FRAMES} more"] if len(frames) > MOST_FRAMES else []
    return (
        "\n".join([*frames[:MOST_FRAMES], *more]) or "  (it does not answer: in the kernel, or without a Python stack)"
    )


def report(hung: Sequence[Process], folder: Path, settings: dict[str, object]) -> None:
    total = settings["processes"]
    for process in hung:
        how = "has been stopped (SIGSTOP)" if process.is_stopped() else "has not moved"
        name = f"process {process.rank} of {total}" if total != 1 else "the training"
        said = f"\nerror: {name} {how} for {process.waited_s:.0f} s, at {process.where()}"
        if process.is_stopped() and not settings["end"]:  # who has stopped it will wake it
            _say(f"{said}; kill -CONT {process.pid} lets it go on")
            continue
        _say(f"{said}; its stack, newest call first:")
        _say(stack(process, folder, int(str(settings["signal"]))))


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads: what has to be ended is ended
        print(text, flush=True)


def watch(folder: Path, processes: list[Process], settings: dict[str, object]) -> None:
    """Until standard input ends."""
    said = False
    before = time.monotonic()
    while not select.select([0], [], [], TICK_S)[0]:
        now = time.monotonic()
        elapsed_s, before = min(now - before, 2 * TICK_S), now  # a machine that slept is no hang
        try:
            for process in processes:
                process.look(folder, elapsed_s)
        except OSError:
            _say(f"\nwarning: nobody will see a hang any more: {folder} is gone")
            return
        suspects = culprits(processes)
        # One of those that have come equally far may be at work while the others wait for it.
        if not all(process.is_late(float(str(settings["seconds"]))) for process in suspects):
            said = False
        elif not said:
            said = True
            report(suspects, folder, settings)
            if settings["end"]:
                end(processes, settings)
                return


def end(processes: Sequence[Process], settings: dict[str, object]) -> None:
    """Tell the launcher why, then kill: whoever hangs in a library, or is stopped, hears nothing else."""
    _say("error: all processes of the run on this machine are ended")
    if settings["ends"]:
        with contextlib.suppress(OSError), open(str(settings["ends"]), "a", encoding="utf-8") as file:
            file.write(f"{settings['code']}\n")
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def main() -> None:
    settings = json.loads(sys.argv[1])
    for number in UNHEARD:
        signal.signal(number, signal.SIG_IGN)
    os.dup2(2, 1)
    folder = Path(settings["folder"])
    try:
        watch(folder, [Process(*entry) for entry in settings["watched"]], settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
