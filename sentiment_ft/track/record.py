"""metrics.jsonl: the truth about a run, one flushed line per event; every other view is made from it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from sentiment_ft.errors import OutputError
from sentiment_ft.terminal import console, printable


class Mirror(Protocol):
    """Something that shows the same numbers elsewhere. Whatever it raises, the run goes on without it."""

    def log(self, record: dict[str, Any]) -> None: ...

    def finish(self, summary: dict[str, Any], *, failed: bool) -> None: ...


class NoMirror:
    """Shows them nowhere."""

    def log(self, record: dict[str, Any]) -> None:
        pass

    def finish(self, summary: dict[str, Any], *, failed: bool) -> None:
        pass


class Recorder:
    """Appends records to metrics.jsonl and hands each to the mirror, which is finished once, however the run ends."""

    def __init__(self, path: Path, mirror: Mirror) -> None:
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", where=path) from None
        self._path = path
        self._mirror = mirror
        self.records: list[dict[str, Any]] = []

    def write(self, record: dict[str, Any]) -> None:
        """Raises OutputError when the disk is full; ValueError for a NaN."""
        try:
            self._file.write(json.dumps(record, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"cannot be written: {error.strerror}", where=self._path, way_out="free space on this disk"
            ) from None
        self.records.append(record)
        self._tell(lambda: self._mirror.log(record))

    def finish(self, summary: dict[str, Any]) -> None:
        self._finish(summary, failed=False)

    def _finish(self, summary: dict[str, Any], *, failed: bool) -> None:
        self._tell(lambda: self._mirror.finish(summary, failed=failed))
        self._mirror = NoMirror()

    def _tell(self, message: Callable[[], None]) -> None:
        """The mirror is only a view: when it breaks, say so once and go on without it."""
        try:
            message()
        except Exception as error:
            self._mirror = NoMirror()
            what = printable(f"{type(error).__name__}: {error}", 200)
            kept = printable(str(self._path), 200)
            console.print(f"warning: report_to gets no more numbers ({what}); {kept} has them all", markup=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # what could not be written has been said by `write`
            self._file.close()
        self._finish({}, failed=kind is not None)


class NoRecorder:
    """The recorder of every process but the first."""

    records: list[dict[str, Any]] = []  # noqa: RUF012 - stays empty

    def write(self, record: dict[str, Any]) -> None:
        pass

    def finish(self, summary: dict[str, Any]) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
