"""What a run tells the launcher that would start it again: its folder, how far each attempt had come, why one ended.

The launcher names a folder of its own in FOLDER; without a launcher there is nobody to tell.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from sentiment_ft.errors import EXIT_PEER

FOLDER = "SENTIMENT_FT_ATTEMPTS"
WITHOUT_PROGRESS = 3  # restarts after which the same update is as far as ever: what ends the run will end it again


def run_to_go_on() -> str | None:
    """The run folder that an earlier attempt has made; None in the first."""
    folder = _folder()
    return None if folder is None else run_of(folder)


def begun(run: Path, update: int) -> None:
    """Say that this attempt goes on with `run` after `update`. Main process."""
    if (folder := _folder()) is not None:
        with contextlib.suppress(OSError):
            (folder / "run").write_text(str(run.absolute()), "utf-8")
        _append("starts", str(update))


def ended(code: int) -> None:
    """Say why this attempt ends, where the exit code of the processes cannot: whoever ends them decides that."""
    _append("ends", str(code))


def has_launcher() -> bool:
    """Whether one is there that starts a run again."""
    return _folder() is not None


def ends_file() -> str | None:
    """Where `ended` writes; None without a launcher."""
    folder = _folder()
    return None if folder is None else str(folder / "ends")


def last_end(folder: Path) -> int | None:
    """The code that an attempt has given to `ended`; EXIT_PEER only where no process has another: those know why.
    Asked by the launcher, as the rest below.
    """
    with contextlib.suppress(OSError, ValueError):
        codes = [int(line) for line in (folder / "ends").read_text("ascii").split()]
        return next((code for code in reversed(codes) if code != EXIT_PEER), codes[-1] if codes else None)
    return None


def forget_end(folder: Path) -> None:
    """Before the next attempt."""
    (folder / "ends").unlink(missing_ok=True)


def run_of(folder: Path) -> str | None:
    """The run folder; None before there is one."""
    with contextlib.suppress(OSError):
        return (folder / "run").read_text("utf-8")
    return None


def starts(folder: Path) -> list[int]:
    """The update after which each attempt that came so far has gone on."""
    with contextlib.suppress(OSError, ValueError):
        return [int(line) for line in (folder / "starts").read_text("ascii").split()]
    return []


def makes_progress(begun_at: list[int]) -> bool:
    """Whether one of the newest restarts came further than the attempt before them."""
    newest = begun_at[-WITHOUT_PROGRESS - 1 :]
    return len(newest) <= WITHOUT_PROGRESS or newest[-1] > newest[0]


def _folder() -> Path | None:
    name = os.environ.get(FOLDER)
    return Path(name) if name and os.path.isdir(name) else None


def _append(name: str, line: str) -> None:
    if (folder := _folder()) is not None:
        with contextlib.suppress(OSError), (folder / name).open("a", encoding="utf-8") as file:  # full: less is known
            file.write(f"{line}\n")
