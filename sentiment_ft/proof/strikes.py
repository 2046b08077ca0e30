"""What `chaos` does to a training, from outside, by the means of the system."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from sentiment_ft.errors import UserError
from sentiment_ft.run.heartbeat import STACK_SIGNAL

TRACKER_PROCESS = "wandb-core"  # the process that W&B keeps beside a run


@dataclass(frozen=True, slots=True)
class Target:
    """A run under its launcher."""

    launcher: psutil.Process

    def processes(self) -> list[psutil.Process]:
        """Those that train, by rank."""
        found = {}
        for child in self._descendants():
            with contextlib.suppress(psutil.Error, ValueError):
                variables = child.environ()
                if "sentiment_ft.train" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                    found[int(variables.get("RANK", "0"))] = child
        if not found:
            raise UserError("the training has ended before it was struck", where="chaos")
        return [found[rank] for rank in sorted(found)]

    def tracker(self) -> psutil.Process | None:
        for child in self._descendants():
            with contextlib.suppress(psutil.Error):
                if child.name().startswith(TRACKER_PROCESS):
                    return child
        return None

    def end(self) -> None:
        """Kill the launcher and all that it started."""
        for process in [*self._descendants(), self.launcher]:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _descendants(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return self.launcher.children(recursive=True)
        return []


def kill(target: Target, draw: random.Random) -> None:
    """SIGKILL to one process, as the system does when memory runs out."""
    draw.choice(target.processes()).kill()


def lose_the_machine(target: Target, draw: random.Random) -> None:
    """SIGKILL to all at once, the launcher too."""
    target.end()


def preempt(target: Target, draw: random.Random) -> None:
    """What a scheduler sends before it takes the machine."""
    target.launcher.send_signal(draw.choice([signal.SIGTERM, signal.SIGUSR2]))


def stop(target: Target, draw: random.Random) -> None:
    """SIGSTOP to one process: it hangs, and the others wait for it."""
    draw.choice(target.processes()).suspend()


def cut_the_tracker(target: Target, draw: random.Random) -> None:
    """SIGKILL to W&B's own process."""
    if (tracker := target.tracker()) is not None:
        tracker.kill()


@contextlib.contextmanager
def full_disk(target: Target) -> Iterator[None]:
    """Within: the main process can write no byte more to any file, by its limit RLIMIT_FSIZE. Stands in for a full
    disk, which takes root to make: the same calls fail, with EFBIG for ENOSPC.
    """
    main = target.processes()[0]
    soft, hard = resource.prlimit(main.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(main.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(main.pid, resource.RLIMIT_FSIZE, (soft, hard))


HANG, TRACKER = "hang", "tracker"
STRIKES: dict[str, Callable[[Target, random.Random], None]] = {
    "kill": kill,
    "lost machine": lose_the_machine,
    "preemption": preempt,
    HANG: stop,
    TRACKER: cut_the_tracker,
}
FULL_DISK = "full disk"
RESTARTS_BY_HAND = ("lost machine", "preemption")  # nobody is left who would start it again: a scheduler does


def check() -> None:
    """Raises UserError where the means are missing."""
    if sys.platform != "linux" or not STACK_SIGNAL or not hasattr(resource, "prlimit"):
        raise UserError("needs Linux: /proc and prlimit", where="chaos")


def newest_number(run: Path) -> int:
    """Of the saves so far; 0 before the first."""
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(run / "checkpoints") if not name.startswith(".")]
        return max((int(name.split("-")[0]) for name in names), default=0)
    return 0
