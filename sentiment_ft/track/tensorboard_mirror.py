"""The TensorBoard mirror of metrics.jsonl, through Accelerate's tracker: event files in `tensorboard/` of the run.

Each start of a run writes all of its record again and purges what earlier starts wrote: what a resume cut is gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sentiment_ft.track.mirror import Record
from sentiment_ft.track.rows import numbers

FLUSH_S = 10  # what a SIGKILL may cost a page that is open; the next start writes it again


class TensorBoardMirror:
    """folder: the run folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records: list[Record] = []
        self._shown = 0
        self._tracker: Any = None

    def begin(self, records: list[Record]) -> None:
        from accelerate.tracking import TensorBoardTracker

        self._records = records
        self._tracker = TensorBoardTracker("tensorboard", str(self._folder), purge_step=0, flush_secs=FLUSH_S)
        self._tracker.start()
        self.log()

    def log(self) -> None:
        for record in self._records[self._shown :]:
            if isinstance(record.get("update"), int):
                self._tracker.log(numbers(record), step=record["update"])
        self._shown = len(self._records)

    def finish(self, summary: dict[str, Any], *, code: int) -> None:
        self._tracker.finish()
