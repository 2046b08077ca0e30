"""Records of metrics.jsonl as rows of numbers: one record, one row, all on the axis `update`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sentiment_ft.config import MAX_UPDATES
from sentiment_ft.track.mirror import Record

AXIS, PLACE = "update", "place"
# Hidden columns of every row: which event it is of (none for tables), and the place of the one before of that event.
ROW_EVENT, ROW_BEFORE = "row/event", "row/before"
NONE_BEFORE = -1.0
EVENTS = ("train", "eval", "checkpoint", "skipped", "out_of_memory")
ON_AXIS = ("train", "eval")  # the others are told of late
LARGEST = 1e300  # more is no number of ours, and beyond what others read
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,99}")
Position = dict[str, float]


def numbers(record: Record) -> dict[str, float]:
    """Every finite number of a record, as `train/loss`; without its update where that is the axis."""
    event = record["event"]
    known = (AXIS,) if event in ON_AXIS else ()
    return {
        f"{event}/{key.removeprefix('eval_')}": float(value) if isinstance(value, float) else int(value)
        for key, value in record.items()
        if key not in known and isinstance(value, int | float) and abs(value) < LARGEST and _NAME.fullmatch(key)
    }


def row(record: Record, axis: float, place: float, before: float) -> dict[str, float | str]:
    """A row of a W&B history. axis: where on the axis it stands; a checkpoint is recorded after updates that came later
    than its own. place: see `Places`; before: that of the row before of this event.
    """
    event = record["event"]
    return {AXIS: axis, **numbers(record), f"{event}/{PLACE}": place, ROW_EVENT: event, ROW_BEFORE: before}


def row_without_record(values: Mapping[str, Any], axis: float) -> dict[str, Any]:
    """Tables, pictures."""
    return {AXIS: axis, **values, ROW_EVENT: "", ROW_BEFORE: NONE_BEFORE}


class Places:
    """The place of a record among those of its event: its update, and a thousandth more for each before it at the same
    update (skipped updates). What a resumed run trains again has the places it had.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}

    def of(self, record: Record) -> float | None:
        """Asked in the order of the records; None for one without an update."""
        event, update = record["event"], record.get("update")
        if not isinstance(update, int) or _NAME.fullmatch(event) is None or not 0 <= update <= MAX_UPDATES:
            return None
        before, count = self._last.get(event, (-1, 0))
        self._last[event] = (update, count + 1 if update == before else 0)
        return update + min(self._last[event][1], 999) / 1000


def position(columns: Mapping[str, Any], *, without_newest: bool = False) -> Position:
    """Where the rows of each event end, from the newest value of each column. without_newest: the newest row itself is
    not there.
    """
    suffix = f"/{PLACE}"
    found = {
        name.removesuffix(suffix): value
        for name, value in columns.items()
        if name.endswith(suffix) and isinstance(value, int | float)
    }
    event, before = columns.get(ROW_EVENT), columns.get(ROW_BEFORE)
    if without_newest and isinstance(event, str) and event in found:
        found[event] = before if isinstance(before, int | float) else NONE_BEFORE
    return {event: place for event, place in found.items() if place > NONE_BEFORE}
