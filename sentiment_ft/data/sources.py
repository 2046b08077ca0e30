"""The front door of the data: a source by name gives a stream of clean, labelled rows, and an account of every row it
cannot use.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sentiment_ft.data import hub
from sentiment_ft.data.folders import Files, find_files, read_review
from sentiment_ft.data.formats import read_records
from sentiment_ft.data.labels import Columns, Labels, find_columns, make_labels
from sentiment_ft.data.records import Record, Rejected, cleaned, rejected
from sentiment_ft.data.text import CLEANING_VERSION, clean
from sentiment_ft.errors import ConfigError, DataError
from sentiment_ft.synthetic import reviews
from sentiment_ft.terminal import printable

__all__ = ["Rejected", "Row", "Source", "fingerprint", "read"]

READING_VERSION = 2  # part of the cache key: raise it whenever the same files give other rows
PEEK_RECORDS = 100  # records whose keys are the columns: a JSON line may leave out what it does not have
_SYNTHETIC: dict[str, reviews.Which] = {
    "synthetic": "train",
    "synthetic:held-out": "held-out",
    "synthetic:all": "all",
}


@dataclass(frozen=True, slots=True)
class Source:
    """All that decides which rows come out."""

    name: str
    """synthetic, synthetic:held-out, synthetic:all, a file, a folder, or hub:NAME[@CONFIG][:SPLIT]."""
    text_column: str | None = None
    label_column: str | None = None
    label_map: tuple[tuple[str, int], ...] = ()
    """Label as written -> 0 or 1; replaces the labels understood by themselves."""
    negative_max_rating: float | None = None
    positive_min_rating: float | None = None
    synthetic_rows: int = 3000
    seed: int = 42
    """Of the synthetic rows."""
    labelled: bool = True
    """False, to predict: a row without a label, or with one nobody understands, is used, with label None."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row to use. text: clean and not empty. label: 0, 1, or None where none is needed."""

    text: str
    label: int | None
    line: int
    file: str
    family: str | None = None


def read(source: Source) -> Iterator[Row | Rejected]:
    """Every row of the source, in order; the same for the same source and files.

    Raises DataError for what cannot be read at all: here what a look at the name shows, while iterating what the
    content shows. Raises ConfigError when the source contradicts itself.
    """
    labels = _labels(source)
    _check_synthetic(source.name)
    if source.name in _SYNTHETIC:
        return _read_synthetic(source)
    if source.name.startswith("hub:"):
        return _rows(hub.read(hub.load(source.name), source.name), source, labels, source.name)
    path = Path(os.path.expanduser(source.name))
    return _read_files(find_files(path, labelled=source.labelled), source, labels)


def fingerprint(source: Source) -> str:
    """sha256, as hex, over the fields that matter to this kind of source, the versions of what makes the rows, and the
    content of its files. Never their times: a file rewritten within one tick, at the same size, has the same.
    """
    _check_synthetic(source.name)
    parts: list[object] = [source.name, CLEANING_VERSION, READING_VERSION]
    digest = hashlib.sha256()
    if source.name in _SYNTHETIC:
        parts += [source.synthetic_rows, source.seed, reviews.GENERATOR_VERSION]
    else:
        parts += [source.text_column, source.label_column, source.label_map, source.labelled]
        parts += [source.negative_max_rating, source.positive_min_rating]
        if source.name.startswith("hub:"):
            for record in hub.read(hub.load(source.name), source.name):
                digest.update(repr(sorted(record.columns.items())).encode("utf-8", "backslashreplace"))
        else:
            root = Path(os.path.expanduser(source.name))
            for path in find_files(root, labelled=source.labelled).paths:
                content = _content_hash(path)
                digest.update(f"{path.relative_to(root)}\0{content}\0".encode("utf-8", "backslashreplace"))
    digest.update(json.dumps(parts).encode())
    return digest.hexdigest()


def _check_synthetic(name: str) -> None:
    if name.startswith("synthetic:") and name not in _SYNTHETIC:
        raise DataError(f"no such synthetic rows: '{printable(name, 60)}'", way_out=f"one of {', '.join(_SYNTHETIC)}")


def _content_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path, way_out="check its permissions") from None


def _labels(source: Source) -> Labels:
    return make_labels(dict(source.label_map), source.negative_max_rating, source.positive_min_rating)


def _read_synthetic(source: Source) -> Iterator[Row]:
    rows = reviews.generate(source.synthetic_rows, source.seed, _SYNTHETIC[source.name])
    for line, row in enumerate(rows, 1):
        yield Row(clean(row.text), row.label, line, source.name, row.family)


def _read_files(files: Files, source: Source, labels: Labels) -> Iterator[Row | Rejected]:
    if files.reviews:
        given = ("text_column", "label_column", "label_map", "negative_max_rating")
        if idle := next((key for key in given if getattr(source, key) not in (None, ())), None):
            raise ConfigError(
                f"{idle} is given, and a folder with pos/ and neg/ has no columns: the folder of a review is its label",
                where=printable(source.name),
                way_out="leave it out",
            )
        columns = Columns("text", "label", None)
        for path in files.paths:
            record = read_review(path)
            yield record if isinstance(record, Rejected) else _row(record, columns, source.labelled, Labels())
        return
    for path in files.paths:
        yield from _rows(read_records(path, keep_blank=not source.labelled), source, labels, str(path))


def _rows(records: Iterator[Record | Rejected], source: Source, labels: Labels, where: str) -> Iterator[Row | Rejected]:
    peeked = list(itertools.islice(records, PEEK_RECORDS))
    names = list(dict.fromkeys(name for record in peeked if isinstance(record, Record) for name in record.columns))
    columns: Columns | None = None
    for record in itertools.chain(peeked, records):
        if isinstance(record, Rejected):
            yield record
            continue
        if columns is None:
            columns = find_columns(
                names or list(record.columns),
                text_column=source.text_column,
                label_column=source.label_column,
                labelled=source.labelled,
                rated=source.negative_max_rating is not None,
                where=where,
            )
        yield _row(record, columns, source.labelled, labels)


def _row(record: Record, columns: Columns, labelled: bool, labels: Labels) -> Row | Rejected:
    text = record.columns.get(columns.text)
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return rejected(record.file, record.line, "no text", "")
    if not isinstance(text, str):
        return rejected(record.file, record.line, f"text is not a string: {type(text).__name__}", str(text))
    usable, fault = cleaned(text)
    if fault is not None:
        return rejected(record.file, record.line, fault, text)
    label: int | str = "no label" if columns.label is None else labels.read(record.columns.get(columns.label))
    if labelled and isinstance(label, str):
        return rejected(record.file, record.line, label, text)
    family = record.columns.get(columns.family) if columns.family is not None else None
    return Row(
        usable,
        label if isinstance(label, int) else None,
        record.line,
        record.file,
        str(family) if family not in (None, "") else None,
    )
