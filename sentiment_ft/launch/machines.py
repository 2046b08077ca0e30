"""A run on several machines: how they find each other, and what ends all their launchers.

torchrun's agents, one on each machine, meet at a store that machine 0 holds, and start processes again together.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sentiment_ft.errors import EXIT_BUG, EXIT_PEER, EXIT_RESTART, ModelError
from sentiment_ft.run import attempt
from sentiment_ft.terminal import console, printable

SECONDS_BETWEEN_LOOKS = 0.1
# Machines of one job may start minutes apart: an image is pulled, a node boots. torchrun waits 60 s for machine 0.
SECONDS_TO_MEET = 900
SECONDS_TO_CONNECT = 5


@dataclass(frozen=True, slots=True)
class Machines:
    """Which of several this one is, and where machine 0 listens."""

    rank: int | None = None
    main_ip: str | None = None
    main_port: int | None = None


def options(rank: int, ip: str, port: int, restarts: int) -> list[str]:
    """Of `accelerate launch`, for one of several machines. With the static rendezvous, the default, agents hang after a
    SIGKILL; so they do with a store that is shared with it, which `environment` turns off.
    """
    met = f"is_host={int(rank == 0)},join_timeout={SECONDS_TO_MEET}"
    place = ["--machine_rank", str(rank), "--main_process_ip", ip, "--main_process_port", str(port)]
    return [*place, "--max_restarts", str(restarts), "--rdzv_backend", "c10d", "--rdzv_conf", met]


# The second: a store that goes away is told once, by us; torch would say it with a stack of C++.
ENVIRONMENT = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def wait_for_machine_0(ip: str, port: int) -> None:
    """Until something listens there. Raises ModelError after SECONDS_TO_MEET, and for an address that is none."""
    deadline = time.monotonic() + SECONDS_TO_MEET
    while True:
        try:
            socket.create_connection((ip, port), SECONDS_TO_CONNECT).close()
            return
        except socket.gaierror as error:  # a name that is not known yet: services are given one when they are up
            reason = f"{printable(ip, 100)} is not known: {error.strerror}"
        except OSError as error:
            reason = f"nothing listens at {printable(ip, 100)} port {port}: {error.strerror or 'no answer'}"
        if time.monotonic() > deadline:
            raise ModelError(reason, where="machine 0", way_out="start it, or --main-ip and --main-port as it has them")
        time.sleep(SECONDS_BETWEEN_LOOKS)


def can_be_mended(code: int) -> bool:
    """By a restart. A bug may be one of the machine (a CUDA error, a lost network); what the user has to mend stays as
    it is.
    """
    return code in (EXIT_BUG, EXIT_PEER, EXIT_RESTART) or code > 128


@contextlib.contextmanager
def ended_for_good(notes: Path) -> Iterator[None]:
    """Within: when a process has said that it ends with a code that no restart mends, this launcher gets SIGTERM. Its
    agent would start all processes again, whatever their codes.
    """
    over = threading.Event()

    def look() -> None:
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            code = attempt.last_end(notes)
            if code is not None and not can_be_mended(code):
                os.kill(os.getpid(), signal.SIGTERM)
                return

    looks = threading.Thread(target=look, daemon=True)
    looks.start()
    try:
        yield
    finally:
        over.set()
        looks.join()


def say_lost() -> int:
    """After the store of machine 0 has gone; returns the exit code."""
    words = "another process of this run has ended: machine 0, where all machines meet, is gone"
    console.print(f"error: {words}\nway out: see its message", markup=False)
    return EXIT_PEER
