"""Signals that ask a training to stop: it saves at the next micro-batch boundary, in training and in judging."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from sentiment_ft.run.control import Control

# SIGTERM: `kill`, schedulers, spot machines. SIGUSR2: what SLURM can send some minutes before (--signal=USR2@120); not
# SIGUSR1, which NCCL may use. SIGHUP: a closed terminal.
HEEDED = (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT, signal.SIGHUP)
# Ctrl-C reaches every process of a terminal, and a launcher passes it on: the same one, twice within moments.
SECONDS_OF_ONE_CTRL_C = 1.0


@contextlib.contextmanager
def heeding(control: Control, *, launched: bool) -> Iterator[None]:
    """Within: the first signal of HEEDED sets control.signal. A second Ctrl-C does what it did before.

    launched: under a launcher, which ends the others by SIGTERM when one process has failed. They wait for it in a
    collective, where no handler of Python runs; a thread hears the signal and ends this process.
    A signal that is ignored, as under nohup, stays so. Only the main thread may set handlers: elsewhere all stays.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first = 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        again = control.signal and time.monotonic() - first > SECONDS_OF_ONE_CTRL_C
        if number == signal.SIGINT and again and callable(usual := before[signal.SIGINT]):
            usual(number, frame)
        elif not control.signal:
            first = time.monotonic()
            control.signal = number

    def end_with_a_peer(reader: int) -> None:
        while received := os.read(reader, 1):
            if received[0] == signal.SIGTERM and control.has_lost_a_peer():
                _die(signal.SIGTERM)
        os.close(reader)

    before = {number: signal.getsignal(number) for number in HEEDED}
    before = {number: usual for number, usual in before.items() if usual is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handle)
    told, writer = -1, -1
    if launched:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        told = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=end_with_a_peer, args=[reader], daemon=True).start()
    try:
        yield
    finally:
        if launched:
            signal.set_wakeup_fd(told)
            os.close(writer)  # the thread ends
        for number, usual in before.items():
            signal.signal(number, usual)


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Within: signals of HEEDED do nothing. For the last moments of what is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in HEEDED}
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual or signal.SIG_DFL)  # None: of a handler that is not Python's


def _die(number: int) -> NoReturn:
    """As if the signal had its usual effect; `signal.signal` is for the main thread alone."""
    os._exit(128 + number)
