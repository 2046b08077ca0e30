"""The run folder: made once, never overwritten silently, every file in it whole or absent."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from sentiment_ft.errors import ModelError, OutputError
from sentiment_ft.terminal import printable

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
MARK = "config.yaml"  # written first: a folder with it is a run folder, and only such a folder may be overwritten


def choose(output: str | None, run_name: str, *, overwrite: bool) -> Path:
    """The folder of a new run: `output`, or runs/NAME, runs/NAME-2, ... - the first that is free. Nothing is written
    yet.

    Raises OutputError when `output` exists and may not be replaced.
    """
    if output is None:
        for number in range(1, 10_000):
            candidate = Path("runs") / (run_name if number == 1 else f"{run_name}-{number}")
            if not os.path.lexists(candidate):
                return candidate
        raise OutputError("10,000 runs of this name exist", where=Path("runs") / run_name, way_out="--output DIR")
    folder = _path(output)
    where = printable(str(folder), 200)
    _check_above(folder)
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return folder
    if not folder.is_dir():
        raise OutputError("exists and is not a folder", where=where, way_out="another --output")
    if not overwrite:
        raise OutputError(
            "exists and is not empty",
            where=where,
            way_out="another --output, or --overwrite to replace a finished or broken run",
        )
    if not (folder / MARK).is_file():
        raise OutputError(
            f"has no {MARK}: this is not a run folder and will not be deleted", where=where, way_out="another --output"
        )
    return folder


def fresh(output: str) -> Path:
    """A folder that does not exist yet, or is empty. Raises OutputError."""
    folder = _path(output)
    _check_above(folder)
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputError(
            "exists and is not an empty folder", where=printable(str(folder), 200), way_out="another --output"
        )
    return folder


def _path(output: str) -> Path:
    if not output.strip():
        raise OutputError("is empty", where="--output", way_out="--output PATH")
    return Path(os.path.expanduser(output))


def _check_above(folder: Path) -> None:
    """Raise OutputError where a new folder could not be made: known now, not after the rows are read."""
    above = next((parent for parent in folder.absolute().parents if os.path.lexists(parent)), Path("/"))
    if not above.is_dir():
        raise _unwritable(folder, NotADirectoryError(errno.ENOTDIR, f"{printable(str(above), 200)} is not a folder"))
    if not os.access(above, os.W_OK | os.X_OK):
        raise _unwritable(folder, PermissionError(errno.EACCES, f"no permission in {printable(str(above), 200)}"))


def make(folder: Path) -> None:
    """Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def create(folder: Path, config_yaml: str, *, overwrite: bool) -> None:
    """Make the folder (with overwrite: replacing an old run) and write config.yaml.

    Raises OutputError, also when another run took the folder after it was chosen: reading the rows lies between.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()):
            if not overwrite or not (folder / MARK).is_file():
                raise OutputError(
                    "was taken by another run in the meantime",
                    where=printable(str(folder), 200),
                    way_out="start again, or another --output",
                )
            shutil.rmtree(folder)
        (folder / "plots").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    write_text(folder / MARK, config_yaml)


def newest_model() -> Path:
    """The best model of the newest finished run under runs/. Raises ModelError when there is none."""
    found = [
        summary.parent / "best" for summary in Path("runs").glob("*/summary.json") if (summary.parent / "best").is_dir()
    ]
    if not found:
        raise ModelError(
            "no finished run under runs/", where="--model", way_out="--model FOLDER, or train one: sentiment-ft train"
        )
    return max(found, key=lambda best: (best.parent / "summary.json").stat().st_mtime_ns)


def fresh_file(output: str, *, way_out: str = "another --output, or remove it") -> Path:
    """A file that does not exist yet, in a folder that does. Raises OutputError."""
    path = _path(output)
    if os.path.lexists(path):
        raise OutputError("exists already", where=printable(str(path), 200), way_out=way_out)
    if not path.parent.is_dir():
        raise OutputError(
            "its folder does not exist",
            where=printable(str(path), 200),
            way_out=f"mkdir -p {shlex.quote(str(path.parent))}",
        )
    return path


@contextlib.contextmanager
def staged_file(path: Path) -> Iterator[TextIO]:
    """A text file under a temporary name that becomes `path` when the block ends well, and vanishes otherwise.
    Raises OutputError.
    """
    staged = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        with staged.open("w", encoding="utf-8", newline="", errors="backslashreplace") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):  # nothing to remove where the folder is a file
            staged.unlink()


def write_text(path: Path, text: str) -> None:
    """Write aside, then rename: a reader sees the old file or the new one. Raises OutputError."""
    with staged_file(path) as file:
        file.write(text)


def write_json(path: Path, value: Any) -> None:
    """Raises OutputError; ValueError for a NaN, which JSON has no word for."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a folder aside, then swap it in for `folder`. Raises OutputError."""
    staged, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    try:
        for leftover in (staged, old):
            shutil.rmtree(leftover, ignore_errors=True)
        staged.mkdir()
        fill(staged)
        if folder.exists():
            folder.rename(old)
        staged.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error) from None
    except Exception as error:
        if "No space left" in str(error) or "os error 28" in str(error):  # safetensors raises its own type
            raise _unwritable(folder, OSError(28, "No space left on device")) from None
        raise
    finally:
        if old.exists() and not folder.exists():  # the second rename failed
            old.rename(folder)
        for leftover in (staged, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot be written: {error.strerror or error}",
        where=printable(str(path), 200),
        way_out="free space, or another --output" if error.errno in DISK_FULL else "another --output",
    )
