"""The run folder: made once, never overwritten silently."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from sentiment_ft.errors import OutputError
from sentiment_ft.run.destination import check_above, check_name, path_of
from sentiment_ft.run.layout import INNER, MARK, holds_no_run, is_owned, is_run, readable
from sentiment_ft.run.lock import LOCKS, WAIT, alone, check_idle, hold, is_held
from sentiment_ft.run.writing import unwritable, write_text
from sentiment_ft.terminal import printable


def choose(output: str | None, run_name: str, *, overwrite: bool, inputs: Sequence[str] = ()) -> Path:
    """The folder of a new run: `output`, or runs/NAME, runs/NAME-2, ... - the first that is free. Nothing is written
    yet.

    inputs: sources and models that the run reads; the folder is not replaced when one of them is a path inside it.
    Raises OutputError when `output` exists and may not be replaced.
    """
    if output is None:
        for number in range(1, 10_000):
            candidate = Path("runs") / (run_name if number == 1 else f"{run_name}-{number}")
            if not os.path.lexists(candidate):
                return candidate
        raise OutputError("10,000 runs of this name exist", where=Path("runs") / run_name, way_out="--output DIR")
    folder = path_of(output)
    where = printable(str(folder), 200)
    check_name(folder)
    check_above(folder)
    with readable(folder):
        if not os.path.lexists(folder) or (folder.is_dir() and holds_no_run(folder)):
            return folder
        if not folder.is_dir():
            raise OutputError("exists and is not a folder", where=where, way_out="another --output")
        if not overwrite:
            raise OutputError(
                "exists and is not empty",
                where=where,
                way_out="another --output, or --overwrite to replace a finished or broken run",
            )
        _check_replaceable(folder)
        _check_outside(folder, inputs)
    check_idle(folder, way_out=WAIT)  # only asked: `create` takes the lock
    return folder


def create(folder: Path, config_yaml: str, *, overwrite: bool, run_name: str | None = None) -> Path:
    """Make the folder (with overwrite: replacing an old run) and write config.yaml. Returns the folder made.

    run_name: of a folder that the user did not name. Where another run took it after it was chosen (reading the rows
    lies between), the next free one of that name is made instead. Raises OutputError.
    """
    try:
        if run_name is None:
            folder.mkdir(parents=True, exist_ok=True)
            if not holds_no_run(folder):
                if not overwrite:
                    raise _taken(folder)
                _check_replaceable(folder)
                hold(folder)  # before anything of a run that may still be at work is deleted
                with alone(folder, "a sync is sending what is there", way_out=WAIT):
                    _clear(folder)
        else:
            folder = _make_next(folder, run_name)
        hold(folder)
        if not holds_no_run(folder):
            raise _taken(folder)
        if is_held(folder):  # without locks it may be of a run that begins this moment
            (folder / MARK).unlink(missing_ok=True)  # of one that was killed before it had written it
        try:  # of two runs in one empty folder, one makes this file
            os.close(os.open(folder / MARK, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            raise _taken(folder) from None
        try:
            write_text(folder / MARK, config_yaml)
        except OutputError:
            (folder / MARK).unlink()
            raise
        (folder / "plots").mkdir()
    except OSError as error:
        raise unwritable(folder, error) from None
    return folder


def reopen(folder: Path) -> Path:
    """Hold the folder of a run that is to go on. Raises OutputError when another run is at work in it, or it cannot be
    written to.
    """
    try:
        hold(folder, way_out="wait for its end")
        (folder / "plots").mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None
    return folder


def _check_replaceable(folder: Path) -> None:
    """Raise OutputError unless all that the folder holds was written by a run."""
    where, way_out = printable(str(folder), 200), "another --output"
    if folder.is_symlink():
        raise OutputError("is a link: what it points to will not be deleted", where=where, way_out=way_out)
    if not is_run(folder):
        raise OutputError(
            f"has no {MARK} of a run: this is not a run folder and will not be deleted", where=where, way_out=way_out
        )
    if foreign := _foreign(folder):
        shown = ", ".join(printable(name, 60) for name in foreign[:3])
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise OutputError(
            f"holds files that no run writes: {shown}{more}", where=where, way_out=f"move them away, or {way_out}"
        )


def _foreign(folder: Path) -> list[str]:
    """Names in the folder, and in the best model and the plots in it, that no run writes."""
    found = [name for name in os.listdir(folder) if not is_owned(name)]
    for inner, ours in INNER.items():
        if (folder / inner).is_dir() and not (folder / inner).is_symlink():
            found += [f"{inner}/{name}" for name in os.listdir(folder / inner) if not ours.fullmatch(name)]
    return sorted(found)


def _check_outside(folder: Path, inputs: Sequence[str]) -> None:
    """Raise OutputError when an input is a path inside the folder. Names of other things (synthetic, bundled, hub
    names) are no paths that exist.
    """
    replaced = folder.resolve()
    for name in inputs:
        path = Path(os.path.expanduser(name))
        if os.path.lexists(path) and path.resolve().is_relative_to(replaced):
            raise OutputError(
                f"would be deleted, but holds {printable(name, 200)}, which this run reads",
                where=printable(str(folder), 200),
                way_out="another --output",
            )


def _clear(folder: Path) -> None:
    """Delete what a run wrote. The mark goes last: a folder half cleared can still be overwritten."""
    names = [name for name in os.listdir(folder) if is_owned(name) and name not in LOCKS]
    for name in sorted(names, key=lambda name: (name == MARK, name != "summary.json")):
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _make_next(folder: Path, run_name: str) -> Path:
    """Make `folder`, or the first free one of the name when another run is faster. Raises OSError, OutputError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            folder = choose(None, run_name, overwrite=False)


def _taken(folder: Path) -> OutputError:
    return OutputError(
        "was taken by another run in the meantime",
        where=printable(str(folder), 200),
        way_out="start again, or another --output",
    )
