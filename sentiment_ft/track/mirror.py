"""What shows the numbers of a run elsewhere: a view that may be slow, down or gone, and never costs the run a thing."""

from __future__ import annotations

from typing import Any, Protocol

Record = dict[str, Any]


class Mirror(Protocol):
    """Whatever one raises, the run goes on without it."""

    def begin(self, records: list[Record]) -> None:
        """Show what is recorded so far. records: the list that the run goes on adding to."""

    def log(self) -> None:
        """There is a new record."""

    def finish(self, summary: dict[str, Any], *, code: int) -> None:
        """The run has ended. summary: the content of summary.json, empty where there is none. code: its exit code."""
