"""What Ctrl-C, SIGTERM, SIGHUP, SIGUSR2 do to a verb: an exception where Python can take one, an exit where it cannot.

The exception alone is not enough: thrown through the start of a C++ module it aborts the process (SIGABRT, seen once in
some hundred interrupted imports of torch), and thrown into a destructor or a callback it is printed and forgotten.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

from sentiment_ft.run.writing import discard_unfinished

# Tidying up takes well under a second; whoever takes longer has swallowed the exception.
SECONDS_TO_TIDY_UP = 10.0

_received: list[int] = []


def received() -> int:
    """The number of the signal that interrupts the verb; SIGINT when the exception came without one."""
    return _received[0] if _received else signal.SIGINT


@contextlib.contextmanager
def end_the_verb(say: Callable[[int], int]) -> Iterator[None]:
    """Within: SIGINT, SIGTERM, SIGHUP and SIGUSR2 raise KeyboardInterrupt. A second one, one in an import, and one that
    nothing has answered after SECONDS_TO_TIDY_UP ends the process there; `say` writes the last line and returns the
    exit code.

    A signal that is ignored, as in a shell's background job or under nohup, or handled by someone else stays so. Under
    a launcher all but SIGINT stay deadly: a process that waits for the others inside a collective would not see
    them. Only the main thread may set handlers.
    """
    _received.clear()
    late: list[threading.Timer] = []

    def leave(number: int) -> NoReturn:
        discard_unfinished()
        os._exit(say(number))

    def handle(number: int, frame: FrameType | None) -> NoReturn:
        if _received or _within_an_import(frame):
            leave(number)
        _received.append(number)
        timer = threading.Timer(SECONDS_TO_TIDY_UP, leave, [number])
        timer.daemon = True
        timer.start()
        late.append(timer)
        raise KeyboardInterrupt

    wanted: dict[int, Any] = {signal.SIGINT: signal.default_int_handler}
    if "LOCAL_RANK" not in os.environ:
        wanted |= dict.fromkeys([signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2], signal.SIG_DFL)
    before = {number: usual for number, usual in wanted.items() if signal.getsignal(number) is usual}
    if threading.current_thread() is not threading.main_thread():
        before = {}
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
        if before:
            atexit.unregister(_come_too_late)  # of an earlier verb of this process
            atexit.register(_come_too_late)
        if _received and signal.SIGINT in before:  # no second one breaks the last line off by a traceback
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        for timer in late:
            timer.cancel()


def _come_too_late() -> None:
    """From here on, for some seconds with torch loaded, the exit code stands: a signal does not turn what is done, or
    saved, into a death by SIGTERM. Ignored, not handled: Python takes its own handlers back before it has ended. A
    second Ctrl-C ends a process that does not come to its end.
    """
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: signal.signal(number, signal.SIG_DFL))


def _within_an_import(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
