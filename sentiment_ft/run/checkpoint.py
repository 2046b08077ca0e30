"""Checkpoints that are there whole or not at all, whatever kills the process or the disk, at whatever moment.

Written aside, each file on the disk; then a manifest with the SHA-256 of all; then one rename. Which one is the newest
is not written anywhere: it is found by looking, and proven by its hashes. Standard library only, so that this file
alone can be killed at each of its system calls (tests/run/test_checkpoint_sweep.py).

    RUN/checkpoints/0007-update-150/          number of the save, applied updates
        manifest.json                         {"format", "number", "update", "files": {name: {"bytes", "sha256"}}}
        ...                                   files, also one folder down
    RUN/checkpoints/.0008-update-200.part     being written; .0006-update-100.old: being deleted
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 2**20
CHUNK = 2**20
MOST = 10**12 - 1  # of the number; a name has 4 to 12 digits
_NAME = re.compile(r"([0-9]{4,12})-update-([0-9]{1,15})")
_ASIDE = re.compile(rf"\.{_NAME.pattern}\.(part|old)")
# Of a file: one folder down at most, nothing hidden, no way out of the checkpoint.
_FILE = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


class Damaged(Exception):
    """A folder that is no checkpoint to go on from: `what` is wrong in `where`. foreign: only whose it is."""

    def __init__(self, where: Path, what: str, *, foreign: bool = False) -> None:
        super().__init__(f"{where}: {what}")
        self.where, self.what, self.foreign = where, what, foreign


@dataclass(frozen=True, slots=True)
class File:
    """What a file has to be."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One whose manifest has been read. number: of the save in its run, from 1; update: applied updates."""

    folder: Path
    number: int
    update: int
    files: Mapping[str, File]


# --- writing --------------------------------------------------------------------------------------------------------


def stage(parent: Path, update: int) -> Path:
    """Make the folder that the next checkpoint is written in, and remove what killed processes left beside it.

    One process at a time may do so. Raises OSError.
    """
    if not parent.is_dir():
        parent.mkdir()
        _sync_folder(parent.parent)
    sweep(parent)
    number = 1 + max((number for number, _ in map(_parsed, _names(parent))), default=0)
    if number > MOST:
        raise OSError(errno.EOVERFLOW, "no number is left for a checkpoint: one beside has the highest there is")
    staged = parent / f".{number:04}-update-{update}.part"
    staged.mkdir()
    return staged


def seal(path: Path) -> File:
    """Bring a written file to the disk; its size and hash, as read back. Raises OSError."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return _measured(file)


def commit(staged: Path, files: Mapping[str, File]) -> Checkpoint:
    """Give a staged folder its name. files: all that was sealed in it, by names that `read` takes. Raises OSError, and
    leaves the others as they are.
    """
    assert all(map(may_hold, files)), "read would refuse it"
    number, update = _parsed(staged.name[1:].removesuffix(".part"))
    body = {
        "format": FORMAT,
        "number": number,
        "update": update,
        "files": {name: asdict(file) for name, file in sorted(files.items())},
    }
    line = json.dumps(body, ensure_ascii=True)
    with (staged / MANIFEST).open("x", encoding="ascii") as file:
        file.write(f"{line}\n{hashlib.sha256(line.encode()).hexdigest()}\n")
        file.flush()
        os.fsync(file.fileno())
    for inner in {(staged / name).parent for name in files} | {staged}:
        _sync_folder(inner)
    final = staged.with_name(staged.name[1:].removesuffix(".part"))
    staged.rename(final)
    _sync_folder(final.parent)
    return Checkpoint(final, number, update, dict(files))


def renew(found: Checkpoint) -> Checkpoint:
    """The same with the highest number of all: what comes next goes on from it. Raises OSError.

    Its files are never changed: links to them are as good as copies.
    """
    parent = found.folder.parent
    if found.number == max(number for number, _ in map(_parsed, _names(parent))):
        return found
    staged = stage(parent, found.update)
    try:
        for name in found.files:
            (staged / name).parent.mkdir(exist_ok=True)
            try:
                os.link(found.folder / name, staged / name)
            except OSError:  # a file system without hard links
                shutil.copyfile(found.folder / name, staged / name)
                if seal(staged / name) != found.files[name]:
                    raise OSError(errno.EIO, "what was copied comes back damaged") from None
        return commit(staged, found.files)
    except OSError:
        discard(staged)
        raise


def may_hold(name: str) -> bool:
    """Whether a file of that name, relative to its folder, can be part of a checkpoint."""
    return _FILE.fullmatch(name) is not None and name != MANIFEST


def discard(staged: Path) -> None:
    """Remove a staged folder that will not be committed, or one whose commit went wrong."""
    _remove(staged)


def prune(parent: Path, newest: Checkpoint, keep: int) -> None:
    """Delete all but the newest `keep` (1 or more). newest: one that `verify` has just passed. Raises OSError."""
    number = newest.number
    others = sorted((name for name in _names(parent) if _parsed(name)[0] != number), key=_parsed, reverse=True)
    for name in others[keep - 1 :]:
        old = parent / f".{name}.old"
        _remove(old)
        (parent / name).rename(old)  # half deleted it is no damaged checkpoint but none
        _remove(old)


def sweep(parent: Path) -> None:
    """Remove what was being written or deleted when a process was killed."""
    for name in os.listdir(parent):
        if _ASIDE.fullmatch(name):
            _remove(parent / name)


# --- reading --------------------------------------------------------------------------------------------------------


def newest(parent: Path, warn: Callable[[Damaged], None]) -> Checkpoint | None:
    """The checkpoint with the highest number that is whole to the last bit; each newer one is told to `warn`."""
    if not parent.is_dir():
        return None
    for name in sorted(_names(parent), key=_parsed, reverse=True):
        try:
            return verify(parent / name)
        except Damaged as damage:
            warn(damage)
    return None


def verify(folder: Path) -> Checkpoint:
    """Read the manifest and every file. Raises Damaged."""
    found = read(folder)
    for name, expected in found.files.items():
        path = folder / name
        try:
            if name != path.name and not stat.S_ISDIR(_owned(path.parent).st_mode):
                raise Damaged(path.parent, "is not a folder")
            with _opened(path) as file:
                actual = _measured(file)
        except OSError as error:
            raise Damaged(path, f"cannot be read: {error.strerror}") from None
        if actual != expected:
            what = "bytes" if actual.bytes != expected.bytes else "content"
            raise Damaged(path, f"has not the {what} that the manifest says")
    return found


def read(folder: Path) -> Checkpoint:
    """Read the manifest alone. Raises Damaged."""
    try:
        number, update = _parsed(folder.name)
        if not stat.S_ISDIR(_owned(folder).st_mode):
            raise Damaged(folder, "is not a folder")
        with _opened(folder / MANIFEST) as file:
            content = file.read(MAX_MANIFEST_BYTES + 1)
        if len(content) > MAX_MANIFEST_BYTES:
            raise Damaged(folder / MANIFEST, "is too large")
    except OSError as error:
        raise Damaged(folder / MANIFEST, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise Damaged(folder, "is not named like a checkpoint") from None
    line, _, digest = content.partition(b"\n")
    if digest != hashlib.sha256(line).hexdigest().encode() + b"\n":
        raise Damaged(folder / MANIFEST, "is damaged")
    try:
        body = json.loads(line)
        files = {name: File(**entry) for name, entry in body["files"].items()}
        of_this = (body["format"], body["number"], body["update"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Damaged(folder / MANIFEST, "is not a manifest") from None
    if of_this != (FORMAT, number, update):
        raise Damaged(folder / MANIFEST, "is of another checkpoint, or another version of sentiment_ft")
    for name in files:
        if not may_hold(name):
            raise Damaged(folder / MANIFEST, "names a file that no checkpoint has")
    return Checkpoint(folder, number, update, files)


def _remove(path: Path) -> None:
    """As far as that can be done."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):  # somebody has put a file or a link there
        path.unlink()


def _names(parent: Path) -> list[str]:
    return [name for name in os.listdir(parent) if _NAME.fullmatch(name)]


def _parsed(name: str) -> tuple[int, int]:
    """(number, update) of a checkpoint's name. Raises ValueError."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(name)
    return int(found[1]), int(found[2])


def _owned(path: Path) -> os.stat_result:
    """Raises Damaged for what is not this user's: somebody else could change it between our look and our use."""
    found = path.lstat()
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise Damaged(path, f"belongs to another user (uid {found.st_uid})", foreign=True)
    return found


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A plain file of this user, no link to one, no pipe that would wait for ever. Raises Damaged, OSError."""
    if not stat.S_ISREG(_owned(path).st_mode):
        raise Damaged(path, "is not a plain file")
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        yield file


def _measured(file: Any) -> File:
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return File(size, digest.hexdigest())


def _sync_folder(folder: Path) -> None:
    """After a power cut a file may be there whose name is not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot do it for folders
            raise
    finally:
        os.close(descriptor)
