"""A fault in one process of a run, put in when this is imported: FAULT=PLACE:RANK:KIND.

PLACE: prepare, build, step (the third), evaluate (the second), shard (the second). KIND: user (an error of the user's),
bug, full (no space), kill (SIGKILL), hang (asleep in Python), abort (as a library in C++ does). FAULT_AT names a file
that appears at that moment.
"""

import os
import signal
import time
from pathlib import Path

from sentiment_ft import evaluation, train
from sentiment_ft.errors import DataError

place, rank, kind = os.environ["FAULT"].split(":")


def strike():
    Path(os.environ["FAULT_AT"]).touch()
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "abort":
        os.abort()
    elif kind == "hang":
        time.sleep(3600)
    elif kind == "full":
        raise OSError(28, "No space left on device")
    elif kind == "bug":
        raise ZeroDivisionError("a bug on purpose")
    raise DataError("a fault on purpose", where=place, way_out="none")


def failing(module, name, at_call):
    real, calls = getattr(module, name), []

    def call(*arguments, **settings):
        calls.append(None)
        if len(calls) == at_call:
            strike()
        return real(*arguments, **settings)

    setattr(module, name, call)


PLACES = {
    "prepare": (train, "prepare", 1),
    "build": (train, "build", 1),
    "step": (train, "train_step", 3),
    "evaluate": (evaluation, "probabilities", 2),  # the first looks whether the batch fits
}
if place == "shard":
    from deepspeed.runtime.checkpoint_engine.torch_checkpoint_engine import TorchCheckpointEngine

    PLACES["shard"] = (TorchCheckpointEngine, "save", 2)
if os.environ.get("RANK") == rank:
    failing(*PLACES[place])
