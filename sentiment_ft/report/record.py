"""A run folder as the report sees it: every file that is there, checked; the rest is absent."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentiment_ft.errors import UserError
from sentiment_ft.report.files import mapping, number, read_config, read_json, read_lines, whole
from sentiment_ft.report.rows import Rows, ShownRow, read_rows, read_shown
from sentiment_ft.run.layout import MARK, RUN_CONFIG_HEADER
from sentiment_ft.terminal import printable

MOST_ERRORS = 100  # read of worst_errors.jsonl; a run writes no more
Event = dict[str, Any]
PARTS = {"validation": "", "test": "test_"}  # and how the names of its files begin


@dataclass(frozen=True)
class Run:
    """What one run folder holds. summary: empty where the run has not finished. config: as in config.yaml, origins: key
    -> where its value came from, of plan.json. events: lines of metrics.jsonl with a known `event`, in order. attempts:
    lines of attempts.jsonl. judged, worst: of each part that has them. faults: what could not be read, a sentence each.
    """

    folder: Path
    summary: dict[str, Any]
    config: dict[str, Any]
    origins: dict[str, str]
    environment: dict[str, Any]
    lengths: dict[str, Any]
    events: list[Event]
    attempts: list[Event]
    judged: dict[str, Rows]
    worst: dict[str, list[ShownRow]]
    rejected: int
    faults: list[str]

    @property
    def name(self) -> str:
        return self.folder.name or "run"

    @property
    def finished(self) -> bool:
        return bool(self.summary)

    @property
    def starts(self) -> int:
        """As far as they are recorded."""
        return sum(record["event"] == "began" for record in self.attempts)

    @property
    def processes(self) -> int | None:
        """Of its last start; None where that is not recorded."""
        counts = [self.summary.get("processes")]
        counts += [record.get("processes") for record in reversed(self.attempts) if record["event"] == "began"]
        return next((count for one in counts if (count := whole(one)) is not None), None)

    def of(self, event: str) -> list[Event]:
        """Its records of one kind, in order."""
        return [record for record in self.events if record["event"] == event]

    def parts(self) -> list[tuple[str, Rows]]:
        """The judged parts, the sealed test first."""
        return [(part, self.judged[part]) for part in ("test", "validation") if part in self.judged]

    def judgement(self, part: str) -> dict[str, Any]:
        """Of summary.json: the scores of the best model on the rows of a part; empty where it has none."""
        return mapping(self.summary.get("best" if part == "validation" else "test"))


class NoRunError(UserError):
    """What was named is no run folder."""


def read(name: str | Path, summary: Mapping[str, Any] | None = None) -> Run:
    """The run in a folder; summary: what a run that is about to end will write to summary.json. Raises NoRunError."""
    folder = Path(os.path.expanduser(name))
    _check(folder)
    folder = folder.resolve()
    faults: list[str] = []
    settings = mapping(read_json(folder / "plan.json", faults).get("config"))
    judged, worst = {}, {}
    for part, prefix in PARTS.items():
        rows = read_rows(folder / f"{prefix}predictions.jsonl", faults)
        if rows is not None:
            judged[part] = rows
            worst[part] = read_shown(folder / f"{prefix}worst_errors.jsonl", faults, MOST_ERRORS)
    return Run(
        folder=folder,
        summary=dict(summary) if summary is not None else read_json(folder / "summary.json", faults),
        config=read_config(folder / MARK, faults),
        origins={
            key: origin for key, entry in settings.items() if isinstance(origin := mapping(entry).get("origin"), str)
        },
        environment=read_json(folder / "environment.json", faults),
        lengths=read_json(folder / "lengths.json", faults),
        events=[record for record in read_lines(folder / "metrics.jsonl", faults) if _is_event(record)],
        attempts=[r for r in read_lines(folder / "attempts.jsonl", faults) if r.get("event") in ("began", "ended")],
        judged=judged,
        worst=worst,
        rejected=sum(1 for _ in read_lines(folder / "rejected.jsonl", faults)),
        faults=faults,
    )


def _is_event(record: Event) -> bool:
    """Known, and of an update that can be drawn."""
    known = ("train", "eval", "checkpoint", "skipped", "out_of_memory")
    update = whole(record.get("update"))
    return record.get("event") in known and update is not None and update >= 0


def series(records: list[Event], key: str) -> list[tuple[int, float]]:
    """(update, value) of every record that has a finite number under the key."""
    return [(r["update"], value) for r in records if (value := number(r.get(key))) is not None]


def _check(folder: Path) -> None:
    where = printable(str(folder), 200)
    try:
        if not folder.exists():
            raise NoRunError("there is no such folder", where=where, way_out=_near(folder))
        if not folder.is_dir():
            raise NoRunError("is no folder", where=where, way_out=_near(folder.parent))
        if (folder / MARK).is_file():
            with (folder / MARK).open("rb") as file:
                if file.read(len(RUN_CONFIG_HEADER)) == RUN_CONFIG_HEADER.encode():
                    return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no name of a folder"
        raise NoRunError(f"cannot be read: {reason}", where=where) from None
    raise NoRunError(f"is no run folder: it has no {MARK} of a run", where=where, way_out=_near(folder))


def _near(folder: Path) -> str:
    """Run folders in it, in its folder or under runs/, those with a like name first."""
    for above in dict.fromkeys((folder, folder.parent, Path("runs"))):
        try:
            names = sorted(path.name for path in above.iterdir() if (path / MARK).is_file())
        except OSError:
            continue
        if names:
            like = difflib.get_close_matches(folder.name, names, n=3, cutoff=0.5) or names[:3]
            return "a run folder, such as " + " or ".join(printable(str(above / name), 80) for name in like)
    return "a folder that sentiment-ft train has made, such as runs/quickstart"
