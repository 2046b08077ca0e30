"""A verb: a Click command whose faults become a message and an exit code."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from sentiment_ft.cli import processes, signals
from sentiment_ft.errors import (
    EXIT_BUG,
    EXIT_DONE,
    EXIT_MODEL,
    EXIT_OUTPUT,
    EXIT_PEER,
    Preempted,
    UserError,
    is_out_of_memory,
)
from sentiment_ft.run import attempt
from sentiment_ft.terminal import (
    ended_by,
    escape_what_cannot_be_printed,
    fall_silent,
    open_closed_descriptors,
    printable,
)

EXIT_CODES = """
\b
Exit codes: 0 done; 1 a bug of ours; 2 usage, recipe or config; 3 data;
4 model, device or package; 5 training gave no usable model;
6 output cannot be written; 7 another process of the run ended;
8 a process hung, or ran out of memory; 75 stopped by a signal and saved: --resume goes on;
130 interrupted (Ctrl-C); 143 ended by SIGTERM, 129 by SIGHUP, 140 by SIGUSR2.
"""


class Verb(click.Command):
    """A command whose UserErrors become a message and an exit code, never a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError:
            processes.listen()
            raise

    def invoke(self, ctx: click.Context) -> Any:
        processes.end_with_the_launcher()
        open_closed_descriptors()
        escape_what_cannot_be_printed()
        try:
            with signals.end_the_verb(self._say_interrupted):
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Preempted as stopped:
            code = _say_stopped(stopped)
        except UserError as error:
            code = _say_error(_words(error), error.exit_code)
        except KeyboardInterrupt:
            code = self._say_interrupted(signals.received())
        except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
            fall_silent(sys.stdout)
            code = EXIT_DONE
        except Exception as error:
            code = _answer(error)
        if processes.several():
            processes.leave(code)
        ctx.exit(code)

    def _say_interrupted(self, number: int) -> int:
        """Say the last line after a signal; returns the exit code."""
        best = "; best/ in the run folder, if it is there, is whole" if self.name == "train" else ""
        if processes.rank() == 0:  # Ctrl-C reaches all processes of a terminal
            _say(f"{ended_by(number)}; what was finished before stays on disk{best}")
        return 128 + number


def _answer(error: Exception) -> int:
    """What is not a UserError but no bug either; returns the exit code. Raises a bug again: it keeps its traceback."""
    if isinstance(error, OSError) and error.errno in (28, 122):  # disk full, quota: the user's, wherever it strikes
        what = f"{error.filename or 'the output'}: cannot be written: {error.strerror}\nway out: free space"
        return _say_error(what, EXIT_OUTPUT)
    if isinstance(error, MemoryError | RuntimeError) and is_out_of_memory(error):
        said = f": {printable(str(error), 200)}" if str(error) else ""
        way_out = "a smaller --batch (keep the update with --global-batch-size), or a smaller --max-length"
        return _say_error(f"out of memory{said}\nway out: {way_out}", EXIT_MODEL)
    if not processes.several():
        raise error
    if processes.has_lost_a_peer(error):
        processes.mourn()
        said = printable(str(error).split("\n")[0], 200)
        return _say_error(f"another process of this run has ended ({said})\nway out: see its message", EXIT_PEER)
    processes.listen()
    traceback.print_exception(error)
    return EXIT_BUG


class Verbs(click.Group):
    """A group whose commands are Verbs."""

    command_class = Verb


def _words(error: UserError) -> str:
    """The message, safe to print: names of files, columns and keys may hold anything, escape sequences, a password."""
    from sentiment_ft.run.environment import scrubbed

    where = "" if error.where is None else f"{printable(error.where)}: "
    way_out = f"\nway out: {error.way_out}" if error.way_out else ""
    return scrubbed(where + "\n".join(map(printable, f"{error.what}{way_out}".split("\n"))))


def _say_stopped(stopped: Preempted) -> int:
    """No error: the run does as it was told. All its processes know; the main one speaks."""
    processes.listen()
    if processes.rank() == 0:
        _say(_words(stopped), kind="stopped")
    attempt.ended(stopped.exit_code)
    return stopped.exit_code


def _say_error(message: str, code: int) -> int:
    """Returns the code. Of several processes with the same trouble the main one speaks."""
    processes.listen()
    _say(message)
    attempt.ended(code)
    return code


def _say(message: str, kind: str = "error") -> None:
    try:
        click.echo(f"{processes.name()}{kind}: {message}", err=True)
    except OSError:  # the exit code says it then
        fall_silent(sys.stderr)
