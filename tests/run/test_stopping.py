"""Signals in the last moments."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from sentiment_ft.run.stopping import HEEDED, deaf


@pytest.mark.parametrize("number", HEEDED)
def test_what_is_done_is_not_interrupted_any_more(number):
    heard: list[int] = []
    before = signal.signal(number, lambda number, frame: heard.append(number))
    try:
        with deaf():
            os.kill(os.getpid(), number)
        assert heard == []
        os.kill(os.getpid(), number)
        assert heard == [number], "and then it has its effect again"
    finally:
        signal.signal(number, before)


def test_other_threads_set_no_handlers():
    failed: list[BaseException] = []

    def enter() -> None:
        try:
            with deaf():
                pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert failed == []
