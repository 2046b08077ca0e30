"""Files and folders that appear whole or not at all, and never in the place of what somebody else wrote."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from sentiment_ft.errors import OutputError
from sentiment_ft.terminal import printable

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# What a killed `staged_file` or `write_folder` of the best model leaves.
ASIDE = re.compile(r"\.[0-9a-f]{8}\.tmp|\.best\.(?:new|old)")
_NEW = re.compile(r"\.[0-9a-f]{8}\.new")  # what `write_new_folder` writes aside
_unfinished: set[Path] = set()  # files and folders that this process is writing aside


@contextlib.contextmanager
def staged_file(path: Path, *, new: bool = False) -> Iterator[TextIO]:
    """A text file under a temporary name that becomes `path` when the block ends well, and vanishes otherwise.

    new: a file that has appeared under that name meanwhile is not replaced; the error says where the result lies
    instead. Raises OutputError.
    """
    staged = _aside(path.parent, "tmp")
    _unfinished.add(staged)
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
        raise unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):  # nothing to remove where the folder is a file
            staged.unlink()
        _unfinished.discard(staged)


def discard_unfinished() -> None:
    """Remove what is being written aside: for a process that ends without unwinding its stack."""
    for staged in list(_unfinished):
        with contextlib.suppress(OSError):
            staged.unlink()
        shutil.rmtree(staged, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write aside, then rename: a reader sees the old file or the new one. Raises OutputError."""
    with staged_file(path) as file:
        file.write(text)


def write_json(path: Path, value: Any) -> None:
    """Raises OutputError; ValueError for a NaN, which JSON has no word for."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_folder(folder: Path, fill: Callable[[Path], None], ours: re.Pattern[str] | None = None) -> None:
    """Let `fill` write a folder aside, then swap it in for `folder`. Raises OutputError.

    ours: names that `fill` may write; what else somebody has put into the old folder is in the new one, too.
    A process killed within the swap, between its two renames, leaves the old folder under the name that `standing`
    knows, and the new one, whole, beside it.
    """
    staged, old = folder.with_name(f".{folder.name}.new"), _old(folder)
    try:
        if old.exists() and not folder.exists():  # killed within the swap
            old.rename(folder)
        if ours is not None and old.exists():  # or right after it
            _move_foreign(old, folder, ours)
        for leftover in (staged, old):
            shutil.rmtree(leftover, ignore_errors=True)
        with as_oserror():
            _fill(staged, fill)
        if folder.exists():
            folder.rename(old)
        staged.rename(folder)
        if ours is not None and old.exists():
            _move_foreign(old, folder, ours)
    except OSError as error:
        raise unwritable(folder, error) from None
    finally:
        if os.path.lexists(old) and not os.path.lexists(folder):  # the second rename failed
            old.rename(folder)
        for leftover in (staged, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _move_foreign(old: Path, folder: Path, ours: re.Pattern[str]) -> None:
    for path in old.iterdir():
        is_ours = ours.fullmatch(path.name) and path.is_file() and not path.is_symlink()
        if not is_ours and not os.path.lexists(folder / path.name):
            path.rename(folder / path.name)


def standing(name: str) -> str:
    """The folder of that name, or what a `write_folder` killed within its swap left of it. Any other name as it is."""
    folder = Path(os.path.expanduser(name))
    return str(_old(folder)) if folder.name and not os.path.lexists(folder) and os.path.isdir(_old(folder)) else name


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
        _unfinished.add(staged)
        with as_oserror():
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
        raise unwritable(folder, error) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        _unfinished.discard(staged)


def _move_in(staged: Path, folder: Path) -> None:
    """Raises FileExistsError when the folder, but for what is aside in it, is not empty."""
    if not is_empty(folder):
        raise FileExistsError(errno.EEXIST, "is not empty any more")
    for path in sorted(staged.iterdir()):
        if path.is_dir():
            path.rename(folder / path.name)
        else:
            _move_to_free(path, folder / path.name)


def is_empty(folder: Path) -> bool:
    """But for what a killed process, or one at work, has aside in it."""
    return all(_NEW.fullmatch(name) for name in os.listdir(folder))


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
def as_oserror() -> Iterator[None]:
    """Within: what the system refused to safetensors and tokenizers, which raise types of their own, is an OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if number := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from None
        raise


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


def _aside(folder: Path, ending: str) -> Path:
    """A name of its own for what is still being written, short however long the final name is."""
    return folder / f".{secrets.token_hex(4)}.{ending}"


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot be written: {error.strerror or error}",
        where=printable(str(path), 200),
        way_out="free space, or another --output" if error.errno in DISK_FULL else "another --output",
    )
