"""Which files a path stands for: itself, the tables of a folder, or reviews in pos/ and neg/, one a file (the aclImdb
layout).
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from sentiment_ft.data.formats import FORMATS, PACKED, check_file, format_of
from sentiment_ft.data.records import MAX_LINE_BYTES, Record, Rejected, rejected
from sentiment_ft.errors import DataError
from sentiment_ft.terminal import printable

REVIEW_FOLDERS = {"neg": 0, "pos": 1}


@dataclass(frozen=True, slots=True)
class Files:
    """Files in the order they are read. reviews: each is one review, and its folder is the label."""

    paths: list[Path]
    reviews: bool


def find_files(path: Path, *, labelled: bool) -> Files:
    """The files of a path, sorted by name. Plain txt files are read only without labels, and in a folder only when it
    has no tables: a README.txt beside a table is not a review.

    Folders below are not read. Raises DataError when there is nothing to read, and for a packed table: to leave it out
    would train on a part of the rows.
    """
    if not os.path.isdir(path):  # Path.is_dir raises for a name that is too long
        check_file(path)
        if labelled and format_of(path) == "txt":
            raise DataError(
                "a txt file has no labels",
                where=printable(str(path)),
                way_out="use csv, tsv, jsonl or Parquet with a label column, or a folder with pos/ and neg/",
            )
        return Files([path], reviews=False)
    try:
        if is_review_folder(path):
            reviews = [
                file
                for name in REVIEW_FOLDERS
                for file in sorted((path / name).iterdir())
                if file.suffix.lower() == ".txt"
            ]
            if not reviews:
                raise DataError("pos/ and neg/ hold no .txt files", where=path, way_out="check the path")
            return Files(reviews, reviews=True)
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(
            f"the folder cannot be read: {error.strerror}", where=path, way_out="check its permissions"
        ) from None
    if packed := _packed_table(entries):
        raise DataError(
            "the folder has a packed table, which would be left out",
            where=printable(str(packed)),
            way_out="unpack it first, or move it away",
        )
    readable = [entry for entry in entries if entry.suffix.lower() in FORMATS and entry.is_file()]
    tables = [entry for entry in readable if entry.suffix.lower() != ".txt"]
    if tables or (readable and not labelled):
        return Files(tables or readable, reviews=False)
    raise DataError(
        "the folder has only txt files, which have no labels"
        if readable
        else "the folder has no file that can be read",
        where=printable(str(path)),
        way_out=_inside(entries) or f"put files of {', '.join(FORMATS)} there, or pos/ and neg/",
    )


def _packed_table(entries: list[Path]) -> Path | None:
    """reviews.csv.gz or the like, but not beside its unpacked self."""
    names = {entry.name for entry in entries}
    return next(
        (
            entry
            for entry in entries
            if entry.suffix.lower() in PACKED
            and Path(entry.stem).suffix.lower() in FORMATS.keys() - {".txt"}
            and entry.stem not in names
        ),
        None,
    )


def _inside(entries: list[Path]) -> str | None:
    """The folders below that hold rows, as a way out: people name data/ when they mean data/train/."""
    found = [printable(str(entry)) for entry in entries if entry.is_dir() and _holds_rows(entry)]
    if len(found) > 1:
        return f"name one of {', '.join(found[:5])} (--data, --validation and --test take one each)"
    return f"did you mean {found[0]}?" if found else None


def _holds_rows(folder: Path) -> bool:
    with contextlib.suppress(OSError):  # one that cannot be listed has none that could be read
        return is_review_folder(folder) or any(
            path.suffix.lower() in FORMATS.keys() - {".txt"} and not path.name.startswith(".") and path.is_file()
            for path in folder.iterdir()
        )
    return False


def is_review_folder(path: Path) -> bool:
    return all((path / name).is_dir() for name in REVIEW_FOLDERS)


def read_review(path: Path) -> Record | Rejected:
    """One review file as a record with the columns text and label; line breaks in it are white space."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_LINE_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path, way_out="check its permissions") from None
    text = raw.decode("utf-8-sig", "replace")
    if len(raw) > MAX_LINE_BYTES:
        return rejected(str(path), 1, f"text too long: more than {MAX_LINE_BYTES // 2**20} MiB", text)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return rejected(
            str(path), line, f"not UTF-8: byte 0x{raw[error.start]:02x} at byte {error.start + 1} of the file", text
        )
    return Record({"text": text, "label": REVIEW_FOLDERS[path.parent.name]}, str(path), 1)
