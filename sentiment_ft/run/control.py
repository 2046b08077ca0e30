"""What all processes of a run decide together at a micro-batch boundary: to stop, to save."""

from __future__ import annotations

import os

import psutil
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from sentiment_ft.run.heartbeat import Heartbeat, NoHeartbeat


class Stopped(Exception):
    """A signal asked the run to stop, and all processes know it. number: of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


class Control:
    """One small all-reduce a micro-batch, on the hosts: the queue of a GPU is not waited for. Alone: nothing to ask."""

    def __init__(self, accelerator: Accelerator) -> None:
        """Made by every process."""
        self.signal = 0  # written by a signal handler
        self._several = accelerator.num_processes > 1
        # Collectives of the default group may be NCCL's, which would wait for the GPU.
        on_gpu = self._several and torch.distributed.get_backend() != "gloo"
        self._group = torch.distributed.new_group(backend="gloo") if on_gpu else None
        mine = {"machine": os.environ.get("GROUP_RANK", "0"), "pid": os.getpid()}
        self.heartbeat: Heartbeat | NoHeartbeat = NoHeartbeat()
        self._local = [entry["pid"] for entry in gather_object([mine]) if entry["machine"] == mine["machine"]]

    def meet(self, place: str, *, save: bool = False) -> bool:
        """Called by every process at the same boundary. place: in the run, for people. save: this process wants a
        checkpoint; returns whether any does.

        Raises Stopped, in every process at once, where a signal has reached any.
        """
        self.heartbeat.beat(place)
        if self._several:
            flags = torch.tensor([self.signal, save], dtype=torch.int32)
            torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX, group=self._group)
            number, save = int(flags[0]), bool(flags[1])
        else:
            number = self.signal
        if number:
            raise Stopped(number)
        return save

    def has_lost_a_peer(self) -> bool:
        """Whether a process of this run on this machine has ended: then a launcher sends SIGTERM to tidy up."""
        return not all(map(_lives, self._local))


class NoControl:
    """Nothing stops what is judged outside a training."""

    def meet(self, place: str, *, save: bool = False) -> bool:
        return save


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
