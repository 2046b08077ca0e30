"""Lines of a text file, strictly UTF-8 and bounded in memory; a line with a fault is yielded with it, and reading goes
on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sentiment_ft.data.records import MAX_LINE_BYTES
from sentiment_ft.errors import DataError

_FOREIGN_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}  # byte order marks; UTF-32 begins like UTF-16
_UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end. fault: why it cannot be used; its text is then an approximation or only the
    beginning.
    """

    number: int  # from 1
    text: str
    fault: str | None = None


def read_lines(path: Path | None) -> Iterator[Line]:
    """Every line that LF or CR LF ends, of standard input where path is None.

    Raises DataError when the file cannot be read, is UTF-16, or ends its lines in CR alone.
    """
    try:
        # Standard input by its number: as /dev/stdin a socket, Node's way to make a pipe, cannot be opened.
        with open(0, "rb", closefd=False) if path is None else path.open("rb") as file:
            number = 0
            while raw := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if number == 1:
                    raw = _without_mark(raw, path or "standard input")
                if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                    while (rest := file.readline(2**20)) and not rest.endswith(b"\n"):
                        pass
                    start = raw[:400].decode("utf-8", "replace")
                    yield Line(number, start, f"line too long: more than {MAX_LINE_BYTES // 2**20} MiB")
                else:
                    yield _decoded(number, raw.removesuffix(b"\n").removesuffix(b"\r"))
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}",
            where=path or "standard input",
            way_out="check the path and its permissions",
        ) from None


def _without_mark(first: bytes, path: Path | str) -> bytes:
    if name := _FOREIGN_MARKS.get(first[:2]):
        raise DataError(
            f"the file is {name}, not UTF-8",
            where=path,
            way_out=f"convert it: iconv -f {name} -t UTF-8 FILE > NEW_FILE",
        )
    first = first.removeprefix(_UTF8_MARK)
    if b"\r" in first.rstrip(b"\r\n") and not first.endswith(b"\n"):
        raise DataError("lines end in CR alone", where=path, way_out=r"convert it: tr '\r' '\n' < FILE > NEW_FILE")
    return first


def _decoded(number: int, raw: bytes) -> Line:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1
        return Line(
            number, raw.decode("utf-8", "replace"), f"not UTF-8: byte 0x{raw[error.start]:02x} at column {column}"
        )
    if "\0" in text:
        return Line(number, text, f"NUL byte: at column {text.index(chr(0)) + 1}")
    return Line(number, text)
