"""Rows on disk: cleaned, labelled and tokenised once, then memory-mapped by everyone.

One folder per content: rows.arrow (see `rows`), rejected.jsonl, receipt.json with the SHA-256 of both and its own. The
key hashes the content of the source, the cleaning, the tokenizer and max_length - never a time stamp, which a rewritten
file can share. A folder is written aside and renamed, so it is there whole or not at all; one that was damaged since is
made again. Memory is bounded by one chunk of rows.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from sentiment_ft.data import encoding
from sentiment_ft.data.accounting import count_reason
from sentiment_ft.data.rows import Rows, RowsWriter
from sentiment_ft.data.sources import Rejected, Source, fingerprint, read
from sentiment_ft.errors import DataError, OutputError
from sentiment_ft.terminal import printable

FORMAT = 3  # raise when the columns or the receipt change
TRIES = 5  # renames into place, each against a damaged folder that another process may replace at the same time
STALE_S = 24 * 3600.0

Report = Callable[[int], None]  # told the rows read so far


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of every row of a source: rows_read = rows_used + rows_rejected."""

    source: str
    rows_used: int
    rows_rejected: int
    rejected_by_reason: dict[str, int] = field(default_factory=dict)
    first_rejected_at: str | None = None

    @property
    def rows_read(self) -> int:
        return self.rows_used + self.rows_rejected


@dataclass(frozen=True, slots=True)
class Corpus:
    """A cached source: its rows, its receipt, its folder."""

    rows: Rows
    receipt: Receipt
    folder: Path
    reused: bool


def cache_root() -> Path:
    """SENTIMENT_FT_CACHE, else $XDG_CACHE_HOME/sentiment_ft, else ~/.cache/sentiment_ft."""
    chosen = os.environ.get("SENTIMENT_FT_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sentiment_ft"


def load(source: Source, tokenizer: Any, max_length: int, report: Report | None = None) -> Corpus:
    """The cached rows of a source; read, cleaned and tokenised first where they are not cached yet.

    Raises DataError for what cannot be read or changes while it is read, OutputError when the cache cannot be written.
    """
    content = fingerprint(source)
    parts = f"{FORMAT}:{content}:{encoding.fingerprint(tokenizer)}:{max_length}"
    key = hashlib.sha256(parts.encode()).hexdigest()[:32]
    folder = cache_root() / "rows" / key
    cached = _open(folder, reused=True)
    if cached is not None:
        return cached
    staged: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent)
        staged = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=folder.parent))
        _write(staged, source, tokenizer, max_length, report)
        if fingerprint(source) != content:  # the new rows would be served for the old content for ever
            raise DataError(
                "changed while it was read", where=printable(source.name, 200), way_out="try again when it is complete"
            )
        return _move_in(staged, folder)
    except OSError as error:
        if error.filename is None or str(cache_root()) in str(error.filename) or error.errno in (28, 122):
            raise OutputError(
                f"the token cache cannot be written: {error.strerror or error}",
                where=cache_root(),
                way_out="free space there, or another folder: SENTIMENT_FT_CACHE=DIR",
            ) from None
        raise
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)


def _move_in(staged: Path, folder: Path) -> Corpus:
    """Give a finished folder its name. Where another process was as fast, its rows are the same and may be in use:
    they are taken. Only what does not open is replaced.
    """
    corpus = _open(staged, reused=False)  # before the rename: from then on another process could move it aside
    for _ in range(TRIES):
        if corpus is None:
            break
        try:
            staged.rename(folder)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return replace(corpus, folder=folder)
        found = _open(folder, reused=True)
        if found is not None:
            return found
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        with contextlib.suppress(OSError):  # another process moved it first
            folder.rename(aside)
            if _open(aside, reused=True) is not None:  # it was replaced between our look and our rename
                aside.rename(folder)
        shutil.rmtree(aside, ignore_errors=True)
    raise OutputError(
        "the token cache cannot be written: what is written there comes back damaged",
        where=folder,
        way_out="another folder: SENTIMENT_FT_CACHE=DIR",
    )


def _sweep(parent: Path) -> None:
    """Remove what killed processes left: half-written folders that nobody has touched for a day."""
    for path in parent.glob(".*-*"):
        with contextlib.suppress(OSError):  # another process sweeps as well
            touched = max(part.stat().st_mtime for part in (path, *path.iterdir()))
            if touched < time.time() - STALE_S:
                shutil.rmtree(path, ignore_errors=True)


def _open(folder: Path, *, reused: bool) -> Corpus | None:
    try:
        written = json.loads((folder / "receipt.json").read_text("utf-8"))
        if written["sha256"] != _digests(folder, written["receipt"]):
            return None
        receipt = Receipt(**written["receipt"])
        rows = Rows(folder / "rows.arrow")
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException):
        return None  # absent or damaged: made again
    return Corpus(rows, receipt, folder, reused)


def _write(folder: Path, source: Source, tokenizer: Any, max_length: int, report: Report | None) -> None:
    reasons: Counter[str] = Counter()
    first: str | None = None
    with (
        RowsWriter(folder / "rows.arrow", tokenizer, max_length) as rows,
        (folder / "rejected.jsonl").open("w", encoding="utf-8") as rejected,
    ):
        for item in read(source):
            if isinstance(item, Rejected):
                rejected.write(json.dumps(asdict(item), ensure_ascii=True) + "\n")
                count_reason(reasons, item.reason)
                first = first or f"{item.file}:{item.line}"
            elif rows.add(item) and report is not None:
                report(rows.written + reasons.total())
    receipt = Receipt(source.name, rows.written, reasons.total(), dict(reasons.most_common()), first)
    written = {"receipt": asdict(receipt), "sha256": _digests(folder, asdict(receipt))}
    (folder / "receipt.json").write_text(json.dumps(written), "utf-8")


def _digests(folder: Path, receipt: object) -> dict[str, str]:
    """SHA-256 of the data files and of the receipt as JSON. A row flipped on disk would train in silence; a gigabyte
    takes 0.7 s.
    """
    digests = {"receipt": hashlib.sha256(json.dumps(receipt, sort_keys=True).encode()).hexdigest()}
    for name in ("rows.arrow", "rejected.jsonl"):
        with (folder / name).open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests
