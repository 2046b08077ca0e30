"""The run folder: made once, never overwritten silently, every file in it whole or absent."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import secrets
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from sentiment_ft.errors import ModelError, OutputError
from sentiment_ft.terminal import printable

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
RUN_CONFIG_HEADER = "# The resolved config of a run;"  # how `recipe.dump` begins
MARK = "config.yaml"  # written first, deleted last: with that header it marks a run folder, and only one is overwritten
# All that a run writes. Overwriting deletes these names and nothing else.
OWNED = frozenset(
    {
        MARK,
        "environment.json",
        "lengths.json",
        "rejected.jsonl",
        "metrics.jsonl",
        "predictions.jsonl",
        "worst_errors.jsonl",
        "summary.json",
        "plots",
        "best",
        "wandb",
    }
)
_ASIDE = re.compile(r"\.[0-9a-f]{8}\.tmp|\.best\.(?:new|old)")  # what a killed `staged_file` or `write_folder` leaves
_NEW = re.compile(r"\.[0-9a-f]{8}\.new")  # what `write_new_folder` writes aside
_held: list[int] = []  # the descriptor that locks the folder of this process's newest run, until the process ends


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
    folder = _path(output)
    where = printable(str(folder), 200)
    _check_name(folder)
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
    _check_replaceable(folder)
    _check_outside(folder, inputs)
    if not _is_held(folder) and (descriptor := _lock(folder, shared=True)) is not None:
        os.close(descriptor)  # only asked; `create` takes the lock
    return folder


def _check_replaceable(folder: Path) -> None:
    """Raise OutputError unless all that the folder holds was written by a run."""
    where, way_out = printable(str(folder), 200), "another --output"
    if folder.is_symlink():
        raise OutputError("is a link: what it points to will not be deleted", where=where, way_out=way_out)
    if not _is_run(folder):
        raise OutputError(
            f"has no {MARK} of a run: this is not a run folder and will not be deleted", where=where, way_out=way_out
        )
    if foreign := sorted(name for name in os.listdir(folder) if not _is_owned(name)):
        shown = ", ".join(printable(name, 60) for name in foreign[:3])
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise OutputError(
            f"holds files that no run writes: {shown}{more}", where=where, way_out=f"move them away, or {way_out}"
        )


def _is_run(folder: Path) -> bool:
    try:
        with (folder / MARK).open("rb") as file:
            return file.read(len(RUN_CONFIG_HEADER)) == RUN_CONFIG_HEADER.encode()
    except OSError:
        return False


def _is_owned(name: str) -> bool:
    return name in OWNED or _ASIDE.fullmatch(name) is not None


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
    for name in sorted(filter(_is_owned, os.listdir(folder)), key=lambda name: (name == MARK, name != "summary.json")):
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _lock(folder: Path, *, shared: bool = False) -> int | None:
    """A descriptor that locks the folder until it is closed; None where there are no such locks (some file systems).

    shared: only ask whether a run holds it; processes that ask at once do not meet. Raises OutputError, OSError.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OutputError(
            "another run is writing there",
            where=printable(str(folder), 200),
            way_out="wait for its end, or another --output",
        ) from None
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _hold(folder: Path) -> None:
    """Lock the folder for the life of this process, or until its next run. Raises OutputError, OSError."""
    if _is_held(folder):
        return
    descriptor = _lock(folder)
    while _held:
        os.close(_held.pop())
    if descriptor is not None:
        _held.append(descriptor)


def _is_held(folder: Path) -> bool:
    """By this very process: a second run in it may replace its first."""
    return any(os.path.samestat(os.fstat(descriptor), folder.stat()) for descriptor in _held)


def fresh(output: str) -> Path:
    """A folder that does not exist yet, or is empty; links in its name are resolved. Raises OutputError."""
    folder = _path(output)
    _check_name(folder)
    if not os.path.lexists(folder):
        _check_above(folder)
    elif not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputError(
            "exists and is not an empty folder", where=printable(str(folder), 200), way_out="another --output"
        )
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(folder, PermissionError(errno.EACCES, "no permission in it"))
    return folder.resolve()


def _path(output: str) -> Path:
    if not output.strip():
        raise OutputError("is empty", where="--output", way_out="--output PATH")
    return Path(os.path.expanduser(output))


def _check_name(path: Path) -> None:
    """Raise OutputError for a name that no file can have: `lexists` only says that there is none."""
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _unwritable(path, error) from None


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


def create(folder: Path, config_yaml: str, *, overwrite: bool, run_name: str | None = None) -> Path:
    """Make the folder (with overwrite: replacing an old run) and write config.yaml. Returns the folder made.

    run_name: of a folder that the user did not name. Where another run took it after it was chosen (reading the rows
    lies between), the next free one of that name is made instead. Raises OutputError.
    """
    try:
        if run_name is None:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                if not overwrite:
                    raise _taken(folder)
                _check_replaceable(folder)
                _hold(folder)  # before anything of a run that may still be at work is deleted
                _clear(folder)
        else:
            folder = _make_next(folder, run_name)
        try:  # of two runs in one empty folder, one makes this file
            os.close(os.open(folder / MARK, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            raise _taken(folder) from None
        _hold(folder)
        try:
            write_text(folder / MARK, config_yaml)
        except OutputError:
            (folder / MARK).unlink()
            raise
        (folder / "plots").mkdir()
    except OSError as error:
        raise _unwritable(folder, error) from None
    return folder


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
    _check_name(path)
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
def staged_file(path: Path, *, new: bool = False) -> Iterator[TextIO]:
    """A text file under a temporary name that becomes `path` when the block ends well, and vanishes otherwise.

    new: a file that has appeared under that name meanwhile is not replaced; the error says where the result lies
    instead. Raises OutputError.
    """
    staged = _aside(path.parent, "tmp")
    try:
        with staged.open("x", encoding="utf-8", newline="", errors="backslashreplace") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if new:
            _place_new(staged, path)
        else:
            staged.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):  # nothing to remove where the folder is a file
            staged.unlink()


def _aside(folder: Path, ending: str) -> Path:
    """A name of its own for what is still being written, short however long the final name is."""
    return folder / f".{secrets.token_hex(4)}.{ending}"


def _place_new(staged: Path, path: Path) -> None:
    """Give a finished file its name, or the next free one and an OutputError that says so. Raises OSError."""
    try:
        _move_to_free(staged, path)
    except FileExistsError:
        for other in _others(path):
            with contextlib.suppress(FileExistsError):
                _move_to_free(staged, other)
                raise _appeared(path, other) from None


def _move_to_free(staged: Path, path: Path) -> None:
    """Rename a file; raises FileExistsError where the name is taken, as a plain rename does not."""
    try:
        os.link(staged, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: take the name, then fill it
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        staged.replace(path)


def _others(path: Path) -> Iterator[Path]:
    """NAME-2.csv, NAME-3.csv, ...; the stem is cut so that the name is no longer than any file's may be."""
    for number in itertools.count(2):
        ending = f"-{number}{path.suffix}"
        stem = os.fsencode(path.name.removesuffix(path.suffix))[: 255 - len(os.fsencode(ending))]
        yield path.with_name(stem.decode("utf-8", "ignore") + ending)


def _appeared(path: Path, kept: Path) -> OutputError:
    return OutputError(
        "appeared while this ran and is left as it is",
        where=printable(str(path), 200),
        way_out=f"the finished result is in {printable(str(kept))}",
    )


def write_text(path: Path, text: str) -> None:
    """Write aside, then rename: a reader sees the old file or the new one. Raises OutputError."""
    with staged_file(path) as file:
        file.write(text)


def write_json(path: Path, value: Any) -> None:
    """Raises OutputError; ValueError for a NaN, which JSON has no word for."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a folder aside, then swap it in for `folder`. Raises OutputError.

    A process killed within the swap, between its two renames, leaves the old folder under the name that `standing`
    knows, and the new one, whole, beside it.
    """
    staged, old = folder.with_name(f".{folder.name}.new"), _old(folder)
    try:
        if old.exists() and not folder.exists():  # killed within the swap
            old.rename(folder)
        for leftover in (staged, old):
            shutil.rmtree(leftover, ignore_errors=True)
        with _disk_full_is_an_oserror():
            _fill(staged, fill)
        if folder.exists():
            folder.rename(old)
        staged.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error) from None
    finally:
        if os.path.lexists(old) and not os.path.lexists(folder):  # the second rename failed
            old.rename(folder)
        for leftover in (staged, old):
            shutil.rmtree(leftover, ignore_errors=True)


def write_new_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a folder aside, then give it the name `folder`, of which there is none or an empty one.

    An empty folder stays the same folder (a shell may stand in it, a link may lead to it): the files move in. What
    has appeared there meanwhile is left alone, and the error says where the result lies. Raises OutputError.
    """
    folder = folder.resolve()
    staged = _aside(folder.parent, "new")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.is_dir():
            staged = _aside(folder, "new")
        with _disk_full_is_an_oserror():
            _fill(staged, fill)
        try:
            if staged.parent == folder:
                _move_in(staged, folder)
            else:
                staged.rename(folder)  # an empty folder is replaced, another one is not
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            kept = next(other for other in _others(folder) if not os.path.lexists(other))
            staged.rename(kept)
            raise _appeared(folder, kept) from None
    except OSError as error:
        raise _unwritable(folder, error) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _move_in(staged: Path, folder: Path) -> None:
    """Raises FileExistsError when the folder, but for what is aside in it, is not empty."""
    if any(not _NEW.fullmatch(name) for name in os.listdir(folder)):
        raise FileExistsError(errno.EEXIST, "is not empty any more")
    for path in sorted(staged.iterdir()):
        if path.is_dir():
            path.rename(folder / path.name)
        else:
            _move_to_free(path, folder / path.name)


def _fill(staged: Path, fill: Callable[[Path], None]) -> None:
    """Make the folder and let `fill` write it; every file gets the mode that the umask asks for, and is on the disk."""
    staged.mkdir()
    fill(staged)
    mode = staged.stat().st_mode & 0o666
    for path in staged.rglob("*"):
        if path.is_file():
            path.chmod(mode)  # safetensors writes files that only their owner can read
            # After a power cut a rename may be there and what it names be empty.
            with path.open("rb") as file:
                os.fsync(file.fileno())


@contextlib.contextmanager
def _disk_full_is_an_oserror() -> Iterator[None]:
    """safetensors raises its own type. Raises OSError."""
    try:
        yield
    except (OSError, OutputError):
        raise
    except Exception as error:
        if "No space left" in str(error) or "os error 28" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device") from None
        raise


def standing(name: str) -> str:
    """The folder of that name, or what a `write_folder` killed within its swap left of it. Any other name as it is."""
    folder = Path(os.path.expanduser(name))
    return str(_old(folder)) if folder.name and not os.path.lexists(folder) and os.path.isdir(_old(folder)) else name


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot be written: {error.strerror or error}",
        where=printable(str(path), 200),
        way_out="free space, or another --output" if error.errno in DISK_FULL else "another --output",
    )
