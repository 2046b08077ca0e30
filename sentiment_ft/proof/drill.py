"""A training under strikes: each at a seeded moment, and the run started again until it has ended."""

from __future__ import annotations

import contextlib
import math
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from sentiment_ft.errors import EXIT_PREEMPTED, UserError
from sentiment_ft.proof.legs import environment
from sentiment_ft.proof.strikes import (
    FULL_DISK,
    HANG,
    RESTARTS_BY_HAND,
    STRIKES,
    TRACKER,
    Target,
    full_disk,
    newest_number,
)
from sentiment_ft.terminal import console, printable

SAVE_EVERY = 5  # updates
SECONDS_OF_SILENCE = 300.0  # without a new checkpoint: neither restarted nor told
SECONDS_BETWEEN_LOOKS = 0.005
SECONDS_OF_LAST_LINES = 5.0  # what a killed run has left may hold the pipe open for longer
FAILED_SAVES = 2  # that the run has told before the disk has room again
FAILED_SAVE = "no checkpoint at update"  # how it tells one


@dataclass
class Struck:
    """What became of one strike, about that update. recovered_s: from it to a checkpoint that was begun after it."""

    kind: str
    update: int
    recovered_s: float


@dataclass
class Report:
    """named_after_s: of each hang that the watchdog told, the seconds that it had lasted. different: names of what is
    not the same, to the bit, as in the untouched run.
    """

    strikes: list[Struck] = field(default_factory=list)
    starts: int = 0
    named_after_s: list[int] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def note(self, kind: str, number: int, began: float) -> None:
        self.strikes.append(Struck(kind, number * SAVE_EVERY, round(time.monotonic() - began, 1)))

    def to_json(self) -> dict[str, Any]:
        return {
            "strikes": [vars(struck) for struck in self.strikes],
            "starts": self.starts,
            "hangs_named": len(self.named_after_s),
            "named_after_s": self.named_after_s,
            "different": self.different,
            "passed": not self.different,
        }


@dataclass
class Drill:
    """Runs of the recipe in `folder`."""

    folder: Path
    processes: int
    on_cpu: bool
    tracked: bool
    quiet: bool

    def train(self, name: str) -> Path:
        """To its end, untouched. Raises UserError when it fails."""
        with self.started(name, [], tracked=False) as process:
            code = self._end(self.folder / name, process)
        if code != 0:
            raise UserError(f"the untouched training ended with exit code {code}\n{self._said(name)}", where="chaos")
        return self.folder / name

    def strike(self, order: list[str], draw: random.Random) -> Report:
        """Train `struck` under all strikes. Raises UserError where it does not recover."""
        report, left, run = Report(), list(order), self.folder / "struck"
        open_since: tuple[str, int, float] | None = None  # a strike after which this start is the recovery
        code, shortest_s = -1, math.inf  # seconds from one checkpoint to the next
        while code != 0:
            with self.started("struck", ["--resume", "auto"], tracked=self.tracked) as process:
                target = Target(psutil.Process(process.pid))
                while left and self._wait_for(newest_number(run) + 1, run, process):
                    if open_since is not None:
                        report.note(*open_since)
                        open_since = None
                    began = time.monotonic()
                    if not self._wait_for(newest_number(run) + 1, run, process):
                        break
                    shortest_s = min(shortest_s, time.monotonic() - began)
                    time.sleep(draw.random() * shortest_s)
                    kind, number, began = left.pop(0), newest_number(run), time.monotonic()
                    self._say(f"{kind}, after checkpoint {number}")
                    try:
                        self._strike(kind, target, draw, process)
                    except (psutil.NoSuchProcess, ProcessLookupError):
                        raise UserError(f"a process ended just before the {kind}", where="chaos") from None
                    if kind in RESTARTS_BY_HAND:
                        open_since = (kind, number, began)
                        break
                    if not self._wait_for(newest_number(run) + 2, run, process):  # one may have been on its way
                        raise UserError(f"after a {kind} it ended without a save", where="chaos")
                    report.note(kind, number, began)
                code = self._end(run, process)
            if code not in (0, EXIT_PREEMPTED, -signal.SIGKILL):
                raise UserError(f"the training ended with exit code {code}\n{self._said('struck')}", where="chaos")
            report.starts += 1
        if left:
            raise UserError(
                f"the training ended before {len(left)} of the strikes\n{self._said('struck')}", where="chaos"
            )
        if open_since is not None:
            report.note(*open_since)
        report.named_after_s = self._named_after_s()
        return report

    def _strike(self, kind: str, target: Target, draw: random.Random, process: subprocess.Popen[bytes]) -> None:
        """A hang and a full disk last until the run has told them."""
        if kind == FULL_DISK:
            wanted = self._log().count(FAILED_SAVE) + FAILED_SAVES
            with full_disk(target):
                self._wait_until(kind, lambda: process.poll() is not None or self._log().count(FAILED_SAVE) >= wanted)
            return
        if kind == TRACKER:
            self._wait_until("start of W&B", lambda: process.poll() is not None or target.tracker() is not None)
        hangs = len(self._named_after_s())
        STRIKES[kind](target, draw)
        if kind == HANG:
            self._wait_until(kind, lambda: len(self._named_after_s()) > hangs)

    def _named_after_s(self) -> list[int]:
        """Seconds that each process had stood still when the watchdog named it and had ended all."""
        said = self._log().rpartition("are ended")[0]
        return [int(seconds) for seconds in re.findall(r"\(SIGSTOP\) for (\d+) s", said)]

    def _wait_until(self, what: str, told: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS_OF_SILENCE
        while not told():
            if time.monotonic() > deadline:
                raise UserError(f"a {what} was not told for {SECONDS_OF_SILENCE:.0f} s", where="chaos")
            time.sleep(0.1)

    def _wait_for(self, number: int, run: Path, process: subprocess.Popen[bytes]) -> bool:
        """Until there is the checkpoint of that number, or a later one; False when the run ends first."""
        deadline = time.monotonic() + SECONDS_OF_SILENCE
        while newest_number(run) < number:
            if process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise UserError(f"no checkpoint for {SECONDS_OF_SILENCE:.0f} s\n{self._said(run.name)}", where="chaos")
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return True

    def _end(self, run: Path, process: subprocess.Popen[bytes]) -> int:
        """Its exit code, however long it takes while it saves. Raises UserError when it stands still."""
        while self._wait_for(newest_number(run) + 1, run, process):
            pass
        return process.wait()

    @contextlib.contextmanager
    def started(self, name: str, more: list[str], *, tracked: bool) -> Iterator[subprocess.Popen[bytes]]:
        """A training under `launch`; it and all it started are gone after the block."""
        topology = "cpu_2proc" if self.on_cpu else "multi_gpu_bf16"
        topology = "single_process" if self.processes == 1 else topology
        argv = [sys.executable, "-m", "sentiment_ft", "launch", "--quiet", "--topology", topology]
        argv += ["--processes", str(self.processes), "--max-restarts", "1000", "--"]
        argv += ["--recipe", str(self.folder / "recipe.yaml"), "--output", str(self.folder / name), "--quiet", *more]
        variables = environment(on_cpu=self.on_cpu)
        variables["TMPDIR"] = str(self.folder)  # what killed ones leave goes with it
        if tracked:
            argv += ["-o", "report_to=wandb"]
            variables["WANDB_MODE"] = "offline"
        with (self.folder / f"{name}.log").open("ab", buffering=0) as log:
            process = subprocess.Popen(
                argv,
                env=variables,
                process_group=0,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # copied to the log: a run on a full disk could not write there itself
                stderr=subprocess.STDOUT,
            )
            assert process.stdout is not None
            copier = threading.Thread(target=_copy, args=[process.stdout, log], daemon=True)
            copier.start()
            try:
                yield process
            finally:
                if process.poll() is None:
                    Target(psutil.Process(process.pid)).end()
                process.wait()
                copier.join(SECONDS_OF_LAST_LINES)

    def _say(self, text: str) -> None:
        if not self.quiet:
            console.print(text, markup=False)

    def _log(self) -> str:
        return (self.folder / "struck.log").read_text("utf-8", "replace")

    def _said(self, name: str) -> str:
        lines = (self.folder / f"{name}.log").read_text("utf-8", "replace").splitlines()[-8:]
        return "\n".join(printable(line, 300) for line in lines)


def _copy(lines: IO[bytes], log: IO[bytes]) -> None:
    with contextlib.suppress(ValueError):  # closed, as the run has ended
        for line in lines:
            log.write(line)
