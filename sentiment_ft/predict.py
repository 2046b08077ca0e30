"""The `predict` verb: texts in, labels out; one record for each text, in order, in bounded memory."""

from __future__ import annotations

import codecs
import csv
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sentiment_ft.data.lines import read_lines
from sentiment_ft.data.records import EXCERPT_CHARACTERS, Rejected, cleaned, excerpt
from sentiment_ft.data.sources import Row, Source, read
from sentiment_ft.errors import ConfigError, DataError
from sentiment_ft.predictor import CHUNK, Prediction, Predictor
from sentiment_ft.run.destination import fresh_file
from sentiment_ft.run.find import newest_model
from sentiment_ft.run.writing import staged_file, standing
from sentiment_ft.terminal import console, printable, standard_output
from sentiment_ft.track.progress import Bar, bar


def from_arguments(texts: Iterable[str]) -> Iterator[Prediction]:
    """Texts to be predicted, cleaned as in training; the empty ones and those that are not UTF-8 with their error."""
    return (_argument(line, text) for line, text in enumerate(texts, 1))


def _argument(line: int, text: str) -> Prediction:
    """Under a locale without UTF-8 Python hands on the bytes of an argument as lone surrogates: decoded here."""
    try:
        return _cleaned(line, text.encode("utf-8", "surrogateescape").decode("utf-8"))
    except UnicodeError:
        return Prediction(line, printable(text, EXCERPT_CHARACTERS), error="not UTF-8")


def from_standard_input() -> Iterator[Prediction]:
    """One text a line. Raises DataError."""
    for line in read_lines(None):
        yield (
            _cleaned(line.number, line.text)
            if line.fault is None
            else Prediction(line.number, printable(line.text, EXCERPT_CHARACTERS), error=line.fault)
        )


def from_file(source: Source) -> Iterator[Prediction]:
    """The rows of a csv, tsv, jsonl, parquet or txt file, or of a folder of them, then with the file; a bad one with
    its error.

    Raises DataError: at once for a file that is missing or gives no first row, while iterating for the rest.
    """
    rows = read(source)
    first = list(itertools.islice(rows, 1))
    several = os.path.isdir(os.path.expanduser(source.name))
    return (_record(row, row.file if several else None) for row in itertools.chain(first, rows))


def _record(row: Row | Rejected, file: str | None) -> Prediction:
    if isinstance(row, Row):
        return Prediction(row.line, row.text, file=file)
    return Prediction(row.line, row.excerpt, error=row.reason, file=file)


def _cleaned(line: int, text: str) -> Prediction:
    usable, fault = cleaned(text)
    return Prediction(line, usable) if fault is None else Prediction(line, excerpt(text), error=fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Those of the verb, but for the texts. chosen: the format; None: by the output."""

    model: str | None
    file: str | None
    text_column: str | None
    output: str | None
    chosen: str | None
    max_length: int | None
    batch: int
    mixed_precision: str
    quiet: bool


def run(texts: Sequence[str], options: Options) -> None:
    """The `predict` verb. Raises UserError; writes nothing unless every record could be written."""
    _check_one_input(texts, options)
    style = options.chosen or _style_of(options.output)
    destination = None if options.output is None else fresh_file(options.output)
    on_terminal = destination is None and standard_output().isatty()
    records = _records(texts, options.file, options.text_column)
    name = str(newest_model()) if options.model is None else standing(options.model)
    if name != options.model and not options.quiet:
        console.print(f"model: {printable(name)}", markup=False)
    predictor = Predictor(name, precision=options.mixed_precision, batch=options.batch, max_length=options.max_length)
    tally = Tally()
    quiet = options.quiet or bool(texts)
    with bar("predicting", None, quiet=quiet or on_terminal) as shown:
        predictions = tally.over(predictor.predict(records), shown)
        if destination is None:
            write(predictions, standard_output(), style)
        else:
            with staged_file(destination, new=True) as staged:
                write(predictions, staged, style)
    tally.close(quiet=quiet)


def _check_one_input(texts: Sequence[str], options: Options) -> None:
    """Raises ConfigError."""
    if texts and options.file is not None:
        raise ConfigError("texts and --file are both given", where="predict", way_out="give one of them")
    closed = sys.stdin is None  # as by `<&-`
    if not texts and options.file is None and (closed or sys.stdin.isatty()):
        raise ConfigError(
            "no text",
            where="predict",
            way_out='sentiment-ft predict "What a lovely film!", or --file FILE, or pipe lines in',
        )
    if options.text_column is not None and options.file in (None, "-"):
        raise ConfigError("only a --file has columns", where="--text-column", way_out="leave it out, or --file FILE")


def _records(texts: Sequence[str], file: str | None, text_column: str | None) -> Iterator[Prediction]:
    if texts:
        return from_arguments(texts)
    if file is None or file == "-":
        return from_standard_input()
    return from_file(Source(file, text_column=text_column, labelled=False))


def write(predictions: Iterable[Prediction], target: TextIO, style: str) -> None:
    """Records as they come: text for people, jsonl (ASCII where the target cannot hold more), or csv with a header."""
    if style == "csv":
        columns = ["line", "label", "confidence", "p_negative", "p_positive", "error", "text", "file"]
        writer = csv.writer(target)
        writer.writerow(columns)
        for prediction in predictions:
            found = prediction.to_json()
            shares = found.get("probabilities", {})
            writer.writerow(
                [
                    found["line"],
                    found.get("label"),
                    found.get("confidence"),
                    shares.get("negative"),
                    shares.get("positive"),
                    found.get("error"),
                    found["text"],
                    found.get("file"),
                ]
            )
        return
    ascii_only = codecs.lookup(target.encoding or "utf-8").name != "utf-8"
    for prediction in predictions:
        found = prediction.to_json()
        if style == "jsonl":
            target.write(json.dumps(found, ensure_ascii=ascii_only, allow_nan=False) + "\n")
        elif "error" in found:
            where = f"{printable(found['file'])} " if "file" in found else ""
            target.write(f"error             {where}line {found['line']}: {printable(found['error'])}\n")
        else:
            target.write(f"{found['label']:8}  {found['confidence']:.4f}  {printable(found['text'], 200)}\n")


def _style_of(output: str | None) -> str:
    if output is None:
        return "text" if standard_output().isatty() else "jsonl"
    style = {".csv": "csv", ".jsonl": "jsonl", ".txt": "text"}.get(Path(output).suffix.lower())
    if style is None:
        raise ConfigError(
            f"cannot tell the format from '{printable(output, 80)}'",
            where="--output",
            way_out="end it in .jsonl or .csv, or give --format",
        )
    return style


@dataclass(slots=True)
class Tally:
    """Records written, and those of them without a label."""

    done: int = 0
    unusable: int = 0

    def over(self, predictions: Iterable[Prediction], shown: Bar) -> Iterator[Prediction]:
        """The same records, counted as they pass."""
        for prediction in predictions:
            yield prediction
            self.done += 1
            self.unusable += prediction.error is not None
            if self.done % CHUNK == 0:
                shown.update(self.done)
        shown.update(self.done)

    def close(self, *, quiet: bool) -> None:
        """Say how many could not be used. Raises DataError when that is all of them."""
        if self.done and self.unusable == self.done:
            what = "the text could not be used" if self.done == 1 else f"none of the {self.done:,} texts could be used"
            raise DataError(what, way_out="`error` in the records says why")
        if self.unusable and not quiet:
            count = f"{self.unusable:,} of {self.done:,}"
            console.print(f"{count} texts could not be used: `error` in their records says why")
