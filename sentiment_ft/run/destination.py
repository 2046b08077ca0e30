"""Where a verb may write: a name that is free, checked before any work is done."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path

from sentiment_ft.errors import OutputError
from sentiment_ft.run.writing import is_empty, unwritable
from sentiment_ft.terminal import printable


def fresh(output: str) -> Path:
    """A folder that does not exist yet, or is empty; links in its name are resolved. Raises OutputError."""
    folder = path_of(output)
    check_name(folder)
    if not os.path.lexists(folder):
        check_above(folder)
    elif not (folder.is_dir() and is_empty(folder)):
        raise OutputError(
            "exists and is not an empty folder", where=printable(str(folder), 200), way_out="another --output"
        )
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise unwritable(folder, PermissionError(errno.EACCES, "no permission in it"))
    return folder.resolve()


def fresh_file(output: str, *, way_out: str = "another --output, or remove it") -> Path:
    """A file that does not exist yet, in a folder that does. Raises OutputError."""
    path = path_of(output)
    check_name(path)
    if os.path.lexists(path):
        raise OutputError("exists already", where=printable(str(path), 200), way_out=way_out)
    if not path.parent.is_dir():
        raise OutputError(
            "its folder does not exist",
            where=printable(str(path), 200),
            way_out=f"mkdir -p {shlex.quote(str(path.parent))}",
        )
    return path


def path_of(output: str, flag: str = "--output") -> Path:
    if not output.strip():
        raise OutputError("is empty", where=flag, way_out=f"{flag} PATH")
    return Path(os.path.expanduser(output))


def check_name(path: Path) -> None:
    """Raise OutputError for a name that no file can have: `lexists` only says that there is none."""
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise unwritable(path, error) from None


def check_above(folder: Path) -> None:
    """Raise OutputError where a new folder could not be made: known now, not after the rows are read."""
    above = next((parent for parent in folder.absolute().parents if os.path.lexists(parent)), Path("/"))
    if not above.is_dir():
        raise unwritable(folder, NotADirectoryError(errno.ENOTDIR, f"{printable(str(above), 200)} is not a folder"))
    if not os.access(above, os.W_OK | os.X_OK):
        raise unwritable(folder, PermissionError(errno.EACCES, f"no permission in {printable(str(above), 200)}"))
