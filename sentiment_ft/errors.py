"""Errors that are the user's to mend, and the exit codes of every verb.

A `UserError` is printed as three short lines (what, where, way out) without a traceback. Anything else that escapes
is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

from pathlib import Path

EXIT_DONE = 0  # the work is done and written
EXIT_BUG = 1  # an error nobody foresaw: please report its traceback
EXIT_USAGE = 2  # command line, recipe or config (Click's own code)
EXIT_DATA = 3  # the data cannot be read or used
EXIT_MODEL = 4  # the model, device or an installed package cannot be used
EXIT_TRAINING = 5  # training ended without a usable model (loss not finite, no update applied)
EXIT_OUTPUT = 6  # the output cannot be written (folder exists, no permission, disk full)
EXIT_PEER = 7  # another process of this run ended, and nobody ended this one
EXIT_RESTART = 8  # a process stood still, or ran out of memory while others waited: --resume goes on
EXIT_PREEMPTED = 75  # a signal stopped the training, which is saved: --resume goes on (EX_TEMPFAIL of sysexits.h)
# And 128 + the number of a signal: 130 Ctrl-C, 143 SIGTERM (kill, a scheduler's end of time), 129 SIGHUP.


class UserError(Exception):
    """Something the user can mend.

    what: one sentence, what is wrong. where: file, line or key. way_out: what to type or change.
    """

    exit_code = EXIT_USAGE

    def __init__(self, what: str, *, where: str | Path | None = None, way_out: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = str(where) if where is not None else None
        self.way_out = way_out

    def __str__(self) -> str:
        lines = [self.what if self.where is None else f"{self.where}: {self.what}"]
        if self.way_out:
            lines.append(f"way out: {self.way_out}")
        return "\n".join(lines)


class ConfigError(UserError):
    """A recipe, override or flag is wrong, or two of them contradict each other."""


class DataError(UserError):
    """The reviews cannot be read, or what was read cannot be trained on."""

    exit_code = EXIT_DATA


class ModelError(UserError):
    """The model, the device or an installed package cannot do what was asked."""

    exit_code = EXIT_MODEL


class TrainingError(UserError):
    """Training stopped without a usable model."""

    exit_code = EXIT_TRAINING


class OutputError(UserError):
    """The output cannot be written."""

    exit_code = EXIT_OUTPUT


class Preempted(UserError):
    """A signal stopped the training; all of it is saved."""

    exit_code = EXIT_PREEMPTED


class RestartNeeded(UserError):
    """One process of several cannot go on and the others cannot be told; started again it can."""

    exit_code = EXIT_RESTART


def is_out_of_memory(error: BaseException) -> bool:
    """Known by name and words: torch is not imported for it. Beside CUDA only MemoryError has a type of its own."""
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    words = str(error)
    return named or isinstance(error, MemoryError) or "out of memory" in words or "can't allocate memory" in words
