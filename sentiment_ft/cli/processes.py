"""How the processes of one run speak with one voice and end together.

The launcher (torchrun's agent, inside `accelerate launch`) ends the others by SIGTERM some tenths of a second after one
process has ended, so a process in trouble has to end at once, and one that may be a mere victim has to wait.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from typing import NoReturn

# A mistake in the command line or recipe is the same in every process: the main process says it, and its end comes
# before this one has waited. What only this process met is said after that.
SECONDS_TO_LISTEN = 2.0
# Who has lost a peer in a collective waits for the launcher's SIGTERM; without a launcher it says so itself.
SECONDS_TO_MOURN = 8.0
# Set by `launch` to its process id: what it starts as one process has no mark of a launcher.
LAUNCHER = "SENTIMENT_FT_LAUNCHER"
_PR_SET_PDEATHSIG = 1  # prctl(2)
_LOST = ("Connection closed by peer", "Connection reset", "Connection refused", "Broken pipe", "Socket closed", "NCCL")


def launch_from_here() -> None:
    """What this process starts from now on ends with it."""
    os.environ[LAUNCHER] = str(os.getpid())


def end_with_the_launcher() -> None:
    """Let the kernel kill this process when its launcher is gone, also by SIGKILL, which no launcher can pass on: two
    processes went on training for nobody. Linux only; a process that a person started has no launcher.
    """
    started_by_launch = os.environ.get(LAUNCHER) == str(os.getppid())
    if sys.platform == "linux" and (started_by_launch or "TORCHELASTIC_RUN_ID" in os.environ):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def rank() -> int:
    return _number("RANK", 0)


def several() -> bool:
    """Whether this process is one of several that a launcher started."""
    return _number("WORLD_SIZE", 1) > 1


def name() -> str:
    """Put before a message of a process that is not the main one."""
    return f"process {rank()} of {_number('WORLD_SIZE', 1)}: " if several() and rank() else ""


def listen() -> None:
    """Leave the first word to the main process."""
    if several() and rank():
        time.sleep(SECONDS_TO_LISTEN)


def mourn() -> None:
    """Leave the word to the process whose end this one has met."""
    time.sleep(SECONDS_TO_MOURN)


def has_lost_a_peer(error: BaseException) -> bool:
    """Whether a collective failed because another process is gone."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"DistBackendError", "DistNetworkError", "DistStoreError"}) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in _LOST)
    )


def leave(code: int) -> NoReturn:
    """End now: a tidy end would wait for processes that wait for this one."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # gone, closed, or never there
            stream.flush()
    os._exit(code)


def _number(variable: str, otherwise: int) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else otherwise
