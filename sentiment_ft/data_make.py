"""Synthetic reviews written to a file, in constant memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from sentiment_ft.errors import ConfigError
from sentiment_ft.run.destination import fresh_file, path_of
from sentiment_ft.run.writing import staged_file
from sentiment_ft.synthetic.reviews import SyntheticRow, Which, generate
from sentiment_ft.terminal import console, printable
from sentiment_ft.track.progress import bar

REPORT_EVERY = 10_000  # rows between two movements of the bar: about half a second


def make(output: Path, *, rows: int, seed: int, families: Which, overwrite: bool, quiet: bool) -> None:
    """Write reviews as .jsonl, .csv or .tsv: columns text, label (0, 1), family. Raises OutputError."""
    writers = {".jsonl": _write_jsonl, ".csv": _write_csv, ".tsv": _write_tsv}
    writer = writers.get(output.suffix.lower())
    if writer is None:
        ending = f"the ending '{printable(output.suffix, 20)}'" if output.suffix else "a name without ending"
        raise ConfigError(
            f"cannot tell the format from {ending}",
            where=printable(str(output), 200),
            way_out=f"end it in {', '.join(writers)}",
        )
    path = path_of(str(output))
    if not (overwrite and path.is_file()):
        path = fresh_file(str(output), way_out="another name, or --overwrite to replace a file")
    with bar("writing rows", rows, quiet=quiet) as shown, staged_file(path, new=not overwrite) as file:
        writer(_counted(generate(rows, seed, families), shown.update), file)
    if not quiet:
        console.print(
            f"{printable(str(path), 200)}: {rows:,} rows, half positive, seed {seed}, families: {families}",
            markup=False,
        )


def _counted(rows: Iterator[SyntheticRow], report: object) -> Iterator[SyntheticRow]:
    assert callable(report)
    for number, row in enumerate(rows, 1):
        yield row
        if number % REPORT_EVERY == 0:
            report(number)


def _write_jsonl(rows: Iterator[SyntheticRow], file: TextIO) -> None:
    for row in rows:
        file.write(json.dumps({"text": row.text, "label": row.label, "family": row.family}, ensure_ascii=False) + "\n")


def _write_csv(rows: Iterator[SyntheticRow], file: TextIO, delimiter: str = ",") -> None:
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(("text", "label", "family"))
    writer.writerows((row.text, row.label, row.family) for row in rows)


def _write_tsv(rows: Iterator[SyntheticRow], file: TextIO) -> None:
    _write_csv(rows, file, "\t")
