"""A verb: a Click command whose faults become a message and an exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import click

from sentiment_ft.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_MODEL, EXIT_OUTPUT, EXIT_TERMINATED, UserError
from sentiment_ft.terminal import escape_what_cannot_be_printed, fall_silent, printable

EXIT_CODES = """
\b
Exit codes: 0 done; 1 a bug of ours; 2 usage, recipe or config; 3 data;
4 model, device or package; 5 training gave no usable model;
6 output cannot be written; 130 interrupted (Ctrl-C), 143 by SIGTERM.
"""


class Terminated(KeyboardInterrupt):
    """SIGTERM: whatever tidies up at Ctrl-C does so here too."""


class Verb(click.Command):
    """A command whose UserErrors become a message and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        escape_what_cannot_be_printed()
        try:
            with _sigterm_interrupts():
                return super().invoke(ctx)
        except UserError as error:
            _say_error(_words(error))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as error:
            _ignore_ctrl_c()
            best = "; best/ in the run folder, if it is there, is whole" if self.name == "train" else ""
            terminated = isinstance(error, Terminated)
            what = "terminated (SIGTERM)" if terminated else "interrupted"
            _say_error(f"{what}; what was finished before stays on disk{best}")
            ctx.exit(EXIT_TERMINATED if terminated else EXIT_INTERRUPTED)
        except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
            fall_silent(sys.stdout)
            ctx.exit(EXIT_DONE)
        except OSError as error:
            if error.errno not in (28, 122):  # disk full, quota: the user's to mend wherever it strikes
                raise
            _say_error(f"{error.filename or 'the output'}: cannot be written: {error.strerror}\nway out: free space")
            ctx.exit(EXIT_OUTPUT)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            said = f": {printable(str(error), 200)}" if str(error) else ""
            way_out = "a smaller --batch (keep the update with --global-batch-size), or a smaller --max-length"
            _say_error(f"out of memory{said}\nway out: {way_out}")
            ctx.exit(EXIT_MODEL)


class Verbs(click.Group):
    """A group whose commands are Verbs."""

    command_class = Verb


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Not under a launcher: a process that waits for the others inside a collective would not see the signal, and has
    to die of it. Only the main thread may set handlers.
    """
    ours = (
        threading.current_thread() is threading.main_thread()
        and "LOCAL_RANK" not in os.environ
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if ours:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def _ignore_ctrl_c() -> None:
    """A second Ctrl-C would break the message off by a traceback."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _is_out_of_memory(error: Exception) -> bool:
    """Known by name and words: torch is not imported for it. Beside CUDA only MemoryError has a type of its own."""
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    words = str(error)
    return named or isinstance(error, MemoryError) or "out of memory" in words or "can't allocate memory" in words


def _words(error: UserError) -> str:
    """The message, safe to print: names of files, columns and keys may hold anything, also escape sequences."""
    where = "" if error.where is None else f"{printable(error.where)}: "
    way_out = f"\nway out: {error.way_out}" if error.way_out else ""
    return where + "\n".join(map(printable, f"{error.what}{way_out}".split("\n")))


def _say_error(message: str) -> None:
    try:
        click.echo(f"error: {message}", err=True)
    except OSError:  # the exit code says it then
        fall_silent(sys.stderr)
