"""One streaming reader per file format. Memory is bounded by one line, or by one batch of Parquet rows."""

from __future__ import annotations

import difflib
import json
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sentiment_ft.data.lines import read_lines
from sentiment_ft.data.records import Record, Rejected, rejected
from sentiment_ft.data.tables import read_table
from sentiment_ft.errors import DataError
from sentiment_ft.terminal import printable

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".txt": "txt",
}
PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst")
PARQUET_BATCH_ROWS = 1024
_PACKED_MARKS = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip"}  # first bytes; a spreadsheet is a zip file as well
_PARQUET_MARK = b"PAR1"  # first and last bytes


def read_records(
    path: str | Path, *, format: str | None = None, keep_blank: bool = False
) -> Iterator[Record | Rejected]:
    """Every row of a file, in order: as a Record, or as a Rejected that says why it is none.

    format: csv, tsv, jsonl, parquet or txt (one text a line, column "text"); None: by the file's ending.
    keep_blank: a blank line of jsonl is a Rejected ("no text"), not skipped: each line then gives an answer, as in txt.
    Raises DataError for a file that is missing, of unknown format or another than its ending says, empty, or a header
    without rows.
    """
    path = Path(path)
    chosen = format or format_of(path)
    if check_file(path) == 0:
        raise DataError("the file is empty", where=path, way_out="check what should have written it")
    readers: dict[str, Callable[[Path], Iterator[Record | Rejected]]] = {
        "jsonl": partial(_read_jsonl, keep_blank=keep_blank),
        "parquet": _read_parquet,
        "txt": _read_txt,
    }
    if chosen in FORMATS.values() and chosen != "parquet":
        _check_is_text(path)
    if chosen in readers:
        records = readers[chosen](path)
    elif chosen in ("csv", "tsv"):
        records = read_table(path, tabs=chosen == "tsv")
    else:
        raise DataError(
            f"unknown format '{chosen}'", where=path, way_out=f"one of {', '.join(sorted(set(FORMATS.values())))}"
        )
    return _at_least_one(
        records, path, "the file has a header but no rows" if chosen in ("csv", "tsv") else "the file has no rows"
    )


def format_of(path: Path) -> str:
    """The format that a file's ending names. Raises DataError for an ending nobody reads."""
    known = FORMATS.get(path.suffix.lower())
    if known is None:
        ending = f"the ending '{printable(path.suffix, 20)}'" if path.suffix else "a name without ending"
        way_out = "unpack it first" if path.suffix.lower() in PACKED else f"use one of {', '.join(FORMATS)}"
        raise DataError(f"cannot tell the format from {ending}", where=printable(str(path)), way_out=way_out)
    return known


def _check_is_text(path: Path) -> None:
    """Raises DataError for a packed or Parquet file under another name: read as text it is nothing but faults."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(-min(4, path.stat().st_size), os.SEEK_END)
            end = file.read(4)
    except OSError:
        return  # its reader says why
    where = printable(str(path))
    for mark, kind in _PACKED_MARKS.items():
        if start.startswith(mark):
            raise DataError(f"is a {kind} file", where=where, way_out="unpack it first")
    if start == end == _PARQUET_MARK:
        raise DataError("is a Parquet file", where=where, way_out="give it the ending .parquet")


def check_file(path: Path) -> int:
    """Bytes of a regular file. Raises DataError when there is none, and names the file that may have been meant."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if isinstance(error, FileNotFoundError) and os.path.islink(path):
            raise DataError(
                "a link to nothing",
                where=printable(str(path)),
                way_out=f"it points to {printable(os.readlink(path), 200)}, which is not there",
            ) from None
        what = "no such file or folder" if isinstance(error, FileNotFoundError) else f"cannot be read: {_words(error)}"
        raise DataError(what, where=printable(str(path)), way_out=_near(path)) from None
    if not stat.S_ISREG(status.st_mode):
        raise DataError(
            "not a regular file",
            where=printable(str(path)),
            way_out="write the rows to a file first: they are read twice",
        )
    return status.st_size


def _words(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _near(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return f"the folder {printable(str(path.parent))} is not there either: check the path"
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f"did you mean {printable(str(path.parent / near[0]))}?" if near else "check the path"


def _at_least_one(records: Iterator[Record | Rejected], path: Path, otherwise: str) -> Iterator[Record | Rejected]:
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        raise DataError(otherwise, where=path, way_out="check what should have written it")


def _read_txt(path: Path) -> Iterator[Record | Rejected]:
    for line in read_lines(path):
        if line.fault is None:
            yield Record({"text": line.text}, str(path), line.number)
        else:
            yield rejected(str(path), line.number, line.fault, line.text)


def _read_jsonl(path: Path, *, keep_blank: bool) -> Iterator[Record | Rejected]:
    for line in read_lines(path):
        fault = line.fault
        if fault is None:
            if not line.text.strip():
                if keep_blank:
                    yield rejected(str(path), line.number, "no text", "")
                continue
            try:
                value = json.loads(line.text)
            except json.JSONDecodeError as error:
                fault = f"broken JSON: {error.msg} at column {error.colno}"
            except (ValueError, RecursionError) as error:  # an integer of 5,000 digits; 100,000 opening brackets
                fault = (
                    f"broken JSON: {'nested too deep' if isinstance(error, RecursionError) else 'a number too long'}"
                )
            else:
                if isinstance(value, dict):
                    yield Record(value, str(path), line.number)
                    continue
                fault = f"not a JSON object: {_JSON_NAMES.get(type(value), 'null')}"
        if line.number == 1 and line.text.lstrip().startswith("["):
            raise DataError(
                "the file is one JSON array, not one object a line",
                where=path,
                way_out=f"convert it: jq -c '.[]' {shlex.quote(path.name)} > {shlex.quote(path.stem + '.jsonl')}",
            )
        yield rejected(str(path), line.number, fault, line.text)


_JSON_NAMES: dict[type, str] = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
}


def _read_parquet(path: Path) -> Iterator[Record | Rejected]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            names = file.schema_arrow.names
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise DataError(
                    f"column '{printable(twice, 40)}' is there twice",
                    where=path,
                    way_out="write it again with one of them renamed",
                )
            flat = [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)]
            row = 0
            for batch in file.iter_batches(batch_size=PARQUET_BATCH_ROWS, columns=flat):
                for place in range(batch.num_rows):
                    row += 1
                    yield _parquet_record(batch, place, str(path), row)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"not a readable Parquet file: {printable(str(error), 200)}", where=path, way_out="write or copy it again"
        ) from None


def _parquet_record(batch: Any, place: int, file: str, row: int) -> Record | Rejected:
    try:
        return Record({name: _cell(batch.column(name)[place]) for name in batch.schema.names}, file, row)
    except UnicodeDecodeError as error:  # Parquet does not check the strings it is given
        fault = f"not UTF-8: byte 0x{error.object[error.start]:02x} at byte {error.start + 1}"
        return rejected(file, row, fault, error.object.decode("utf-8", "replace"))


def _cell(scalar: Any) -> Any:
    """None for a time that Python has no place for (the year 3,000,000): no text and no label is one."""
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        raise
    except (OverflowError, ValueError):
        return None
