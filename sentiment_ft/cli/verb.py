"""A verb: a Click command whose faults become a message and an exit code."""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from sentiment_ft.cli import signals
from sentiment_ft.errors import EXIT_DONE, EXIT_MODEL, EXIT_OUTPUT, UserError
from sentiment_ft.terminal import escape_what_cannot_be_printed, fall_silent, printable

EXIT_CODES = """
\b
Exit codes: 0 done; 1 a bug of ours; 2 usage, recipe or config; 3 data;
4 model, device or package; 5 training gave no usable model;
6 output cannot be written; 130 interrupted (Ctrl-C); 143 ended by SIGTERM,
129 by SIGHUP.
"""


class Verb(click.Command):
    """A command whose UserErrors become a message and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        escape_what_cannot_be_printed()
        try:
            with signals.end_the_verb(self._say_interrupted):
                return super().invoke(ctx)
        except UserError as error:
            _say_error(_words(error))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            ctx.exit(self._say_interrupted(signals.received()))
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

    def _say_interrupted(self, number: int) -> int:
        """Say the last line after a signal; returns the exit code."""
        best = "; best/ in the run folder, if it is there, is whole" if self.name == "train" else ""
        what = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
        _say_error(f"{what}; what was finished before stays on disk{best}")
        return 128 + number


class Verbs(click.Group):
    """A group whose commands are Verbs."""

    command_class = Verb


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
