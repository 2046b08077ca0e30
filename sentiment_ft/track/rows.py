"""Records of metrics.jsonl as rows of numbers: one record, one row, all on the axis `update`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sentiment_ft.config import MAX_UPDATES
from sentiment_ft.track.mirror import Record

AXIS = "update"
# Hidden columns of every row: which event it is of (none for tables), and where the rows of each event end with it.
ROW_EVENT, PLACE = "row/event", "place/"
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


def row(record: Record, axis: float, places: Position) -> dict[str, float | str]:
    """A row of a W&B history. axis: where on the axis it stands; a checkpoint is recorded after updates that came later
    than its own. places: where the rows of each event end with this one, see `Places`.
    """
    return numbers(record) | _hidden(record["event"], axis, places)


def row_without_record(values: Mapping[str, Any], axis: float, places: Position) -> dict[str, Any]:
    """Tables, pictures."""
    return {**values, **_hidden("", axis, places)}


def _hidden(event: str, axis: float, places: Position) -> dict[str, float | str]:
    hidden: dict[str, float | str] = {AXIS: axis, ROW_EVENT: event}
    return hidden | {f"{PLACE}{name}": place for name, place in places.items()}


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


def position(newest: Mapping[str, Any]) -> Position:
    """Where the rows of each event end, by the newest row."""
    return {
        name.removeprefix(PLACE): value
        for name, value in newest.items()
        if name.startswith(PLACE) and isinstance(value, int | float) and not isinstance(value, bool)
    }
