"""wandb-core, the process that wandb keeps beside ours: left in seconds, also where a lost server or a stop signal
keeps it from ending by itself.
"""

from __future__ import annotations

import contextlib
import sys
import threading

import psutil

NAME = "wandb-core"
SECONDS_TO_LEAVE = 3.0


def leave(seconds: float = SECONDS_TO_LEAVE) -> None:
    """Tear wandb down, by force where it takes longer. Raises nothing: what it had to say has been said."""
    wandb = sys.modules.get("wandb")
    if wandb is None:  # its import has failed
        return

    def tear_down() -> None:
        with contextlib.suppress(Exception):
            wandb.teardown()

    leaving = threading.Thread(target=tear_down, daemon=True)
    leaving.start()
    leaving.join(seconds)
    if leaving.is_alive():
        kill()
        leaving.join(seconds)


def kill() -> None:
    """Whoever waits for it is told that its connection is lost."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if child.name().startswith(NAME):
                    child.kill()
