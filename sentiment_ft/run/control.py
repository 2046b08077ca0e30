"""What all processes of a run decide together at a micro-batch boundary: to stop, to save."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psutil
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from sentiment_ft.errors import is_out_of_memory
from sentiment_ft.run.heartbeat import Heartbeat, NoHeartbeat, this_machine


class Stopped(Exception):
    """A signal asked the run to stop, and all processes know it. number: of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


class OutOfMemory(Exception):
    """A micro-batch did not fit into the memory of a process, and all know it."""


class Control:
    """One small all-reduce a micro-batch, on the hosts: the queue of a GPU is not waited for. Alone: nothing to ask."""

    def __init__(self, accelerator: Accelerator, *, spares: bool) -> None:
        """Made by every process. spares: a forward or backward pass may fail in one process alone; not where it is a
        collective.
        """
        self._spares = spares
        self.signal = 0  # written by a signal handler
        self._out_of_memory = False
        self._several = accelerator.num_processes > 1
        # Collectives of the default group may be NCCL's, which would wait for the GPU.
        on_gpu = self._several and torch.distributed.get_backend() != "gloo"
        self._group = torch.distributed.new_group(backend="gloo") if on_gpu else None
        mine = {"machine": this_machine(), "pid": os.getpid()}
        self.heartbeat: Heartbeat | NoHeartbeat = NoHeartbeat()
        self._local = [entry["pid"] for entry in gather_object([mine]) if entry["machine"] == mine["machine"]]

    def meet(self, place: str, *, save: bool = False) -> bool:
        """Called by every process at the same boundary. place: in the run, for people. save: this process wants a
        checkpoint; returns whether any does.

        Raises Stopped where a signal has reached any, OutOfMemory where a micro-batch did not fit on any: in every
        process at once.
        """
        self.heartbeat.beat(place)
        mine = [self.signal, int(save), int(self._out_of_memory)]
        if self._several:
            flags = torch.tensor(mine, dtype=torch.int32)
            torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX, group=self._group)
            mine = flags.tolist()
        self._out_of_memory = False
        if mine[0]:
            raise Stopped(mine[0])
        if mine[2]:
            raise OutOfMemory
        return bool(mine[1])

    def was_signalled(self) -> bool:
        """This process, since the run began: the next `meet` tells the others."""
        return self.signal != 0

    @contextlib.contextmanager
    def sparing(self) -> Iterator[None]:
        """Within: running out of memory is not raised here, but in every process by the next `meet`."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not (self._spares and is_out_of_memory(error)):
                raise
            self._out_of_memory = True

    def settle(self) -> None:
        """After the last micro-batch of an update. Raises OutOfMemory, where one process is alone: only it spares one
        then.
        """
        if self._out_of_memory:
            self._out_of_memory = False
            raise OutOfMemory

    def has_lost_a_peer(self) -> bool:
        """Whether a process of this run on this machine has ended: then a launcher sends SIGTERM to tidy up."""
        return not all(map(_lives, self._local))


class NoControl:
    """Nothing stops what is judged outside a training."""

    def meet(self, place: str, *, save: bool = False) -> bool:
        return save

    def sparing(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
