"""The files that W&B keeps of an offline run: a folder for each of its starts, read back by wandb's own program."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sentiment_ft.track.mirror import Record
from sentiment_ft.track.rows import ROW_EVENT, Places, Position, position

INSPECT_TIMEOUT_S = 60.0  # one of 170 rows takes 0.04 s


def earlier(folder: Path, id: str, current: str) -> Position:
    """Where the parts end that earlier starts have left. current: the folder of this start."""
    found: Position = {}
    for part in sorted((folder / "wandb").glob(f"offline-run-*-{id}")):
        if not Path(current).resolve().is_relative_to(part.resolve()):
            for event, place in rows_end(part).items():
                found[event] = max(place, found.get(event, -1))
    return found


def rows_end(part: Path) -> Position:
    """Where the rows of an offline folder end; empty without rows that can be read. Raises TimeoutExpired."""
    found: Position = {}
    for item in rows_of(part):
        found |= position(item)
    return found


def are_whole(rows: Iterable[Mapping[str, Any]], records: Iterable[Record]) -> bool:
    """Whether the rows of offline folders are each record once."""
    places = Places()
    wanted = [(record["event"], place) for record in records if (place := places.of(record)) is not None]
    events = [(row, str(row[ROW_EVENT])) for row in rows if row.get(ROW_EVENT)]
    held = [(event, position(row).get(event, -1)) for row, event in events]
    return sorted(held) == sorted(wanted)


def rows_of(part: Path) -> Iterator[dict[str, Any]]:
    """The rows of an offline folder, as far as they can be read. Raises TimeoutExpired.

    Read as `wandb leet inspect --json` does, without its second of imports.
    """
    from wandb.util import get_core_path

    command = [get_core_path(), "leet", "inspect", "--no-observability", "--json", "--run-file"]
    for file in sorted(file for file in part.glob("*.wandb") if file.is_file()):  # a pipe would be waited for
        done = subprocess.run(
            [*command, str(file), str(part.parent)], capture_output=True, text=True,
            errors="replace", timeout=INSPECT_TIMEOUT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            if '"type":"history"' in line:
                with contextlib.suppress(ValueError, LookupError, TypeError):
                    yield dict(json.loads(line)["history"]["item"])
