"""Rows as an Arrow IPC file: written a chunk at a time, read by memory-mapping.

Columns: text, label, file, line, family, input_ids, length and uncut_length in real tokens.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sentiment_ft.data import encoding
from sentiment_ft.data.sources import Row

CHUNK = 8192  # rows per Arrow batch: at 300 tokens a row about 10 MB held at once
CHUNK_CHARACTERS = 16_000_000  # or fewer rows, where they are long
_SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("label", pa.int8()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("family", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("length", pa.int32()),
        ("uncut_length", pa.int32()),
    ]
)


class RowsWriter:
    """Tokenises the rows it is given and writes them, CHUNK at a time."""

    def __init__(self, path: Path, tokenizer: Any, max_length: int) -> None:
        with contextlib.ExitStack() as opened:
            sink = opened.enter_context(pa.OSFile(str(path), "wb"))
            self._writer = opened.enter_context(pa.ipc.new_file(sink, _SCHEMA))
            self._opened = opened.pop_all()
        self._tokenizer, self._max_length = tokenizer, max_length
        self._pending: list[Row] = []
        self._characters = 0
        self.written = 0

    def __enter__(self) -> RowsWriter:
        return self

    def add(self, row: Row) -> bool:
        """True when that filled a chunk, which is then on its way to the file."""
        self._pending.append(row)
        self._characters += len(row.text)
        if len(self._pending) < CHUNK and self._characters < CHUNK_CHARACTERS:
            return False
        self._flush()
        return True

    def _flush(self) -> None:
        self._writer.write_batch(_batch(self._pending, self._tokenizer, self._max_length))
        self.written += len(self._pending)
        self._pending.clear()
        self._characters = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._opened:
            if kind is None and self._pending:
                self._flush()


class Rows:
    """Random access to cached rows without loading them; closes with the process."""

    def __init__(self, path: Path) -> None:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        self._batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        self._starts = list(itertools.accumulate((batch.num_rows for batch in self._batches), initial=0))
        self.labels: NDArray[np.int8] = self._column("label", np.int8)
        self.uncut_lengths: NDArray[np.int32] = self._column("uncut_length", np.int32)
        self.lengths: NDArray[np.int32] = self._column("length", np.int32)
        self._ids = [batch.column("input_ids") for batch in self._batches]
        self._offsets = [ids.offsets.to_numpy() for ids in self._ids]
        self._values = [ids.values.to_numpy() for ids in self._ids]

    def __len__(self) -> int:
        return len(self.labels)

    def _column(self, name: str, dtype: Any) -> NDArray[Any]:
        parts = [batch.column(name).to_numpy() for batch in self._batches]
        return np.concatenate(parts) if parts else np.empty(0, dtype)

    def _place(self, row: int) -> tuple[int, int]:
        """Number of the batch that holds the row, and the row's place in it."""
        chunk = bisect.bisect_right(self._starts, row) - 1
        return chunk, row - self._starts[chunk]

    def input_ids(self, row: int) -> NDArray[np.int32]:
        """Ids of one row, special tokens included: a view of the mapped file."""
        chunk, place = self._place(row)
        offsets = self._offsets[chunk]
        ids: NDArray[np.int32] = self._values[chunk][offsets[place] : offsets[place + 1]]
        return ids

    def text(self, row: int) -> str:
        text: str = self._cell("text", row)
        return text

    def line(self, row: int) -> int:
        line: int = self._cell("line", row)
        return line

    def file(self, row: int) -> str:
        file: str = self._cell("file", row)
        return file

    def _cell(self, name: str, row: int) -> Any:
        chunk, place = self._place(row)
        return self._batches[chunk].column(name)[place].as_py()

    def texts(self, rows: Sequence[int] | NDArray[np.int64] | None = None) -> Iterator[str]:
        """The texts of the given rows (None: all), in that order."""
        return map(self.text, map(int, range(len(self)) if rows is None else rows))

    def families(self) -> list[str | None]:
        return [name for batch in self._batches for name in batch.column("family").to_pylist()]


def _storable(text: str) -> str:
    """Arrow strings are UTF-8; the name of a file may be any bytes, and JSON may hold half a character."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _batch(rows: Sequence[Row], tokenizer: Any, max_length: int) -> pa.RecordBatch:
    ids, uncut = encoding.encode(tokenizer, [row.text for row in rows], max_length)
    lengths = np.fromiter(map(len, ids), np.int32, len(ids))
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32)
    columns: list[Any] = [
        pa.array([row.text for row in rows], pa.string()),
        pa.array([row.label for row in rows], pa.int8()),
        pa.array([_storable(row.file) for row in rows], pa.string()),
        pa.array([row.line for row in rows], pa.int64()),
        pa.array([None if row.family is None else _storable(row.family) for row in rows], pa.string()),
        pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(ids))),
        pa.array(lengths),
        pa.array(uncut, pa.int32()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
