"""tracking.json: under which id a tracker knows the run, and whether it has all of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import string
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sentiment_ft.errors import OutputError
from sentiment_ft.run import lock
from sentiment_ft.run.writing import write_json
from sentiment_ft.terminal import printable

FILE = "tracking.json"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_BYTES = 10_000


@dataclass(frozen=True)
class Tracked:
    """id: of the run on W&B, the same over restarts and resumes. project, entity: where it is, once W&B has said so:
    there it stays. mode: online or offline. url: of its page. complete: whether W&B has all of a run that has ended.
    """

    id: str
    project: str | None = None
    entity: str | None = None
    mode: str = "online"
    url: str | None = None
    complete: bool = False


def read(folder: Path) -> Tracked | None:
    """Of a run folder; None where there is none, or one that cannot be understood."""
    if not (folder / FILE).is_file():  # a pipe would be waited for
        return None
    try:
        with (folder / FILE).open("rb") as file:
            found = json.loads(file.read(_MAX_BYTES))["wandb"]
        project, entity, url = (found.get(key) for key in ("project", "entity", "url"))
        tracked = Tracked(
            found["id"],
            _name(project),
            _name(entity),
            str(found["mode"]),
            url if isinstance(url, str) else None,
            found["complete"] is True,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return tracked if isinstance(tracked.id, str) and is_id(tracked.id) else None


def write(folder: Path, tracked: Tracked) -> None:
    """Raises OutputError."""
    write_json(folder / FILE, {"wandb": asdict(tracked)})


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Within, no other process sends that run: two would each send all of it. Raises OutputError."""
    files = folder / "wandb"
    if os.path.lexists(files) and not files.is_dir():
        raise OutputError("is no folder", where=printable(str(files), 200), way_out="move it away")
    with lock.alone(folder, "another process is sending this run to W&B", way_out="wait for its end"):
        yield


def _name(found: object) -> str | None:
    return found if isinstance(found, str) and re.fullmatch(r"[^/\x00-\x1f]{1,128}", found) else None


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def new_id() -> str:
    """Eight letters and digits, as W&B makes them."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
