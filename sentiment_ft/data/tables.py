"""Rows of csv and tsv files: quoted as in RFC 4180, or plain tabs as GLUE writes them.

Texts stay as written: "NA", "null" and "" are strings here, never missing values.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from sentiment_ft.data.lines import Line, read_lines
from sentiment_ft.data.records import MAX_TEXT_CHARACTERS, Record, Rejected, rejected
from sentiment_ft.errors import DataError
from sentiment_ft.terminal import printable

SAMPLE_LINES = 20_000  # lines read to see whether a tsv file is quoted; all of 20,000 SST-2 lines are 1.1 MB
_CLOSED = re.compile(r'"(?:[^"]|"")*"')

Fields = tuple[Line, list[str], str | None]  # line it begins on, fields, fault


def read_table(path: Path, *, tabs: bool) -> Iterator[Record | Rejected]:
    """Records of a csv file (delimiter: the commonest of , ; and tab in the header) or of a tsv file, quoted or not.

    Raises DataError when the header cannot be used.
    """
    header_line = next((line for line in read_lines(path) if line.text.strip()), None)
    if header_line is None:
        return
    delimiter = "\t" if tabs else max(",;\t", key=header_line.text.count)
    quoted = not tabs or is_quoted(path)
    records = _quoted(read_lines(path), delimiter) if quoted else _plain(read_lines(path), delimiter)
    line, names, fault = next(records)
    names = [name.strip() for name in names]
    if fault is not None:
        raise DataError(
            f"the header cannot be read: {fault}", where=f"{path}:{line.number}", way_out="mend its first line"
        )
    if twice := next((name for name in names if name and names.count(name) > 1), None):
        raise DataError(
            f"column '{printable(twice, 40)}' is there twice",
            where=f"{path}:{line.number}",
            way_out="rename one in the first line",
        )
    for line, fields, fault in records:
        if fault is None and len(fields) != len(names):
            fault = f"wrong number of fields: {len(fields)} instead of {len(names)}"
        if fault is None:
            yield Record(dict(zip(names, fields, strict=True)), str(path), line.number)
        else:
            yield rejected(str(path), line.number, fault, line.text)


def is_quoted(path: Path) -> bool:
    """Whether a tsv file follows the csv rules for quotes: most fields that begin with a quote are closed as the rules
    ask.

    A field that is open at the end of its line speaks for quoting only if the lines, read plainly, have a wrong number
    of fields: then a text with a line break or a tab is the likelier story than a stray quote.
    """
    width, follows, stray, owed = (
        0,
        0,
        0,
        False,
    )  # owed: the last line had an open field, and its own number of fields was right
    for line in islice(read_lines(path), SAMPLE_LINES):
        if not width:
            width = line.text.count("\t") + 1 if line.text.strip() else 0
            continue
        right_width = line.text.count("\t") + 1 == width
        if owed:
            follows, stray = (follows, stray + 1) if right_width else (follows + 1, stray)
            owed = False
        if '"' not in line.text:
            continue
        for field in line.text.split("\t"):
            if not field.startswith('"'):
                continue
            if _CLOSED.fullmatch(field):
                follows += 1
            elif field.count('"') % 2 == 0:
                stray += 1  # "great" he said
            elif right_width:
                owed = True
            else:
                follows += 1
    return follows > stray + owed


def _plain(lines: Iterator[Line], delimiter: str) -> Iterator[Fields]:
    for line in lines:
        if line.fault is not None or line.text.strip():
            yield line, line.text.split(delimiter), line.fault


def _quoted(lines: Iterator[Line], delimiter: str) -> Iterator[Fields]:
    """One csv reader per record over a feed of lines, so that after a broken record reading resumes at the line that
    follows its first one: an unclosed quote costs one row, not the rest of the file.
    """
    returned: deque[Line] = deque()  # lines that a broken record had swallowed

    def feed(taken: list[Line]) -> Iterator[str]:
        characters = 0
        while characters <= MAX_TEXT_CHARACTERS:
            line = returned.popleft() if returned else next(lines, None)
            if line is None:
                return
            taken.append(line)
            characters += len(line.text) + 1
            yield line.text + "\n"

    width = None
    while True:
        taken: list[Line] = []
        fault = None
        fields: list[str] = []
        try:
            fields = next(csv.reader(feed(taken), delimiter=delimiter, strict=True, skipinitialspace=True), [])
        except csv.Error as error:
            fault = _explained(str(error), many=len(taken) > 1)
        if not taken:
            return
        first = taken[0]
        if len(taken) == 1 and first.fault is None and not first.text.strip():
            continue
        width = width or len(fields)
        if len(taken) > 1 and (fault is not None or len(fields) != width):
            returned.extendleft(reversed(taken[1:]))
            fault = first.fault or fault or _explained("", many=True)
        else:
            faulty = next((line for line in taken if line.fault is not None), None)
            fault = faulty.fault if faulty is not None else fault
        yield first, fields, fault


def _explained(error: str, *, many: bool) -> str:
    """The csv module's words, made a reason."""
    if many or "unexpected end of data" in error:
        return f"unclosed quote: a field that begins here has no proper end within {MAX_TEXT_CHARACTERS:,} characters"
    if "field larger" in error:
        return f"text too long: a field of more than {csv.field_size_limit():,} characters"
    if "new-line character" in error:
        return "stray carriage return: inside a field without quotes"
    return f"broken quotes: {error}"
