"""metrics.jsonl: the truth about a run, one flushed line per event; every other view is made from it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sentiment_ft.errors import EXIT_BUG, EXIT_DONE, OutputError, UserError
from sentiment_ft.terminal import console, printable
from sentiment_ft.track.mirror import Mirror, Record


class Recorder:
    """Appends records to metrics.jsonl and tells the mirrors, which are finished once, however the run ends.

    Where the disk is full, lines wait in memory until there is space again. A resumed run goes on where `cut_at`, in
    bytes, says: what it wrote after the checkpoint it trains again; the record of the checkpoint itself stays.
    place: of that, (update, judged), for a file that has lost lines: there bytes tell nothing.
    """

    def __init__(
        self, path: Path, mirrors: Sequence[Mirror] = (), *,
        cut_at: int | None = None, place: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.records: list[Record] = []
        lost = cut_at is not None and not path.exists()
        if lost:
            console.print(
                f"warning: {printable(str(path), 200)} is gone: it goes on without the records so far", markup=False
            )
        try:
            self._file = path.open("w+b" if cut_at is None or lost else "r+b", buffering=0)
            if cut_at is not None:
                written = self._file.read(os.fstat(self._file.fileno()).st_size) or b""
                content, after = written[:cut_at], written[cut_at:]
                content = content[: content.rfind(b"\n") + 1]  # after a power cut the last line may be torn
                if len(content) < cut_at and not lost:
                    said = f"warning: {printable(str(path), 200)} is shorter than its checkpoint says: records are lost"
                    console.print(said, markup=False)
                if place is not None:
                    content = b"".join(line for line in content.splitlines(True) if not _is_later(line, place))
                    content += b"".join(line for line in after.splitlines(True) if _is_of_checkpoint(line, place))
                    self._file.seek(0)
                    self._file.write(content)
                self._file.truncate(self._file.seek(len(content)))
                self.records = _records(content)
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", where=path) from None
        self._path = path
        self._mirrors = list(mirrors)
        self._pending = b""
        self._warned = False
        self._lock = threading.Lock()  # the thread that saves flushes, too
        self._tell(lambda mirror: mirror.begin(self.records))

    def size(self) -> int:
        """Bytes of all records so far, written or not."""
        return self._file.tell() + len(self._pending)

    def write(self, record: Record) -> None:
        """Raises ValueError for a NaN."""
        line = _line(record)
        with self._lock:
            self.records.append(record)
            self._pending += line
        try:
            self._flush()
        except OSError as error:
            if not self._warned:
                where = printable(str(self._path), 200)
                said = f"warning: {where} cannot be written: {error.strerror}; its lines wait until there is space"
                console.print(said, markup=False)
                self._warned = True
        self._tell(lambda mirror: mirror.log())

    def sync(self) -> None:
        """Bring all records to the disk. Raises OSError."""
        self._write_again_if_gone()
        self._flush()
        os.fsync(self._file.fileno())

    def _write_again_if_gone(self) -> None:
        """Somebody may have deleted the file, or put another into its place. Raises OSError."""
        with self._lock:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(self._path.stat(follow_symlinks=False), os.fstat(self._file.fileno())):
                    return
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
            again = os.fdopen(os.open(self._path, flags, 0o666), "r+b", buffering=0)
            self._file.close()
            self._file = again
            self._pending = b"".join(map(_line, self.records))

    def _flush(self) -> None:
        with self._lock:
            while self._pending:
                self._pending = self._pending[self._file.write(self._pending) or 0 :]
            self._warned = False

    def complete(self) -> None:
        """Bring all records to the disk. Raises OutputError."""
        try:
            self.sync()
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", where=self._path) from None

    def finish(self, summary: dict[str, Any]) -> None:
        """Tell the mirrors that the run is done."""
        self._finish(summary, EXIT_DONE)

    def _finish(self, summary: dict[str, Any], code: int) -> None:
        self._tell(lambda mirror: mirror.finish(summary, code=code))
        self._mirrors = []

    def _tell(self, message: Callable[[Mirror], None]) -> None:
        """A mirror is only a view: when it breaks, say so once and go on without it."""
        for mirror in list(self._mirrors):
            try:
                message(mirror)
            except Exception as error:
                self._mirrors.remove(mirror)
                what = printable(f"{type(error).__name__}: {error}", 200)
                kept = printable(str(self._path), 200)
                said = f"warning: {type(mirror).__name__} gets no more numbers ({what}); {kept} has them all"
                console.print(said, markup=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # has been said by `write`
            self._flush()
        with contextlib.suppress(OSError):
            self._file.close()
        if isinstance(error, UserError):
            code = error.exit_code
        elif isinstance(error, KeyboardInterrupt):
            code = 128 + signal.SIGINT
        else:
            code = EXIT_DONE if error is None else EXIT_BUG
        self._finish({}, code)


def _line(record: Record) -> bytes:
    return json.dumps(record, allow_nan=False).encode() + b"\n"


def read_records(path: Path) -> list[Record]:
    """Of a metrics.jsonl; none where there is none. Raises OutputError."""
    if path.exists() and not path.is_file():
        raise OutputError("is no plain file", where=path, way_out="move it away")
    try:
        return _records(path.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutputError(f"cannot be read: {error.strerror}", where=path) from None


def _records(content: bytes) -> list[Record]:
    """Of a file that may have been edited: what is no record is left out."""
    found = []
    for line in content.splitlines():
        with contextlib.suppress(ValueError, RecursionError, OverflowError):
            record = json.loads(line)
            if isinstance(record, dict) and _is_one(record):
                found.append(record)
    return found


def _is_later(line: bytes, place: tuple[int, int]) -> bool:
    """Whether a line records what came after a checkpoint."""
    return any(
        record["update"] > (place[1] if record["event"] == "eval" else place[0])
        for record in _records(line)
        if isinstance(record.get("update"), int)
    )


def _is_of_checkpoint(line: bytes, place: tuple[int, int]) -> bool:
    """Whether it is the record of the checkpoint itself or of one before it: each is told of when it is on the disk."""
    saved = [record.get("update") for record in _records(line) if record["event"] == "checkpoint"]
    return line.endswith(b"\n") and any(isinstance(update, int) and update <= place[0] for update in saved)


def _is_one(record: Record) -> bool:
    """Whether the pictures can be drawn from it."""
    if record.get("event") not in ("train", "eval"):
        return isinstance(record.get("event"), str)
    numbers = {key: value for key, value in record.items() if key not in ("event", "rows_digest") and value is not None}
    return {"update", "epoch"} <= numbers.keys() and all(
        isinstance(value, int | float) and math.isfinite(value) for value in numbers.values()
    )


class NoRecorder:
    """The recorder of every process but the first."""

    records: list[Record] = []  # noqa: RUF012 - stays empty

    def size(self) -> int:
        return 0

    def sync(self) -> None:
        pass

    def write(self, record: Record) -> None:
        pass

    def complete(self) -> None:
        pass

    def finish(self, summary: dict[str, Any]) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
