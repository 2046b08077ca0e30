"""Files of a run folder, read without trust: they may be edited, torn, huge, or of another make.

What is not there is absent (None, or no line). What is there and cannot be read is absent as well, and a sentence that
says so goes to `faults`, which the report shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sentiment_ft import yaml_text
from sentiment_ft.terminal import printable

MAX_FILE_BYTES = 20_000_000  # of a JSON or YAML file: a real summary has 6 kB
MAX_LINE_BYTES = 2_000_000  # of a line of a jsonl file: a review of a million characters still fits
UNREADABLE = (ValueError, RecursionError, OverflowError)  # what `json.loads` raises for a hostile text


def read_json(path: Path, faults: list[str]) -> dict[str, Any]:
    """The mapping that a JSON file holds; empty without one."""
    content = _content(path, faults)
    if content is None:
        return {}
    try:
        found = json.loads(content, parse_constant=_no_number)
    except UNREADABLE as error:
        faults.append(f"{path.name} is no JSON that can be read ({printable(str(error), 100)}): left out")
        return {}
    if not isinstance(found, dict):
        faults.append(f"{path.name} holds no mapping: left out")
        return {}
    return found


def read_config(path: Path, faults: list[str]) -> dict[str, Any]:
    """Keys and values of config.yaml, unchecked: a run of another version has other keys."""
    content = _content(path, faults)
    try:
        found = yaml_text.parse(content.decode("utf-8", "replace")) if content is not None else {}
    except yaml_text.UNREADABLE:
        found = None
    if isinstance(found, dict):
        return {str(key): value for key, value in found.items()}
    faults.append(f"{path.name} is no list of keys and values: left out")
    return {}


def read_lines(path: Path, faults: list[str]) -> Iterator[dict[str, Any]]:
    """The mappings of a jsonl file, one a line. Lines that hold none are counted in a fault, at the end."""
    wrong = 0
    try:
        if not path.is_file():  # a pipe would be waited for
            return
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES):
                if not line.endswith(b"\n") and len(line) == MAX_LINE_BYTES:
                    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                        pass
                    line = b"too long"
                found = _mapping(line)
                if found is not None:
                    yield found
                elif line.strip():
                    wrong += 1
    except OSError as error:
        faults.append(f"{path.name} cannot be read: {error.strerror}")
    if wrong:
        faults.append(f"{path.name}: {wrong:,} line{'s' if wrong > 1 else ''} of it cannot be read: left out")


def number(value: object) -> float | None:
    """A number, or None: JSON may hold anything where a number belongs. Nothing that is measured is beyond 1e100, and
    sums of what is smaller stay finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e100 else None


def whole(value: object) -> int | None:
    """A whole number of at most 15 digits, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15 else None


def mapping(value: object) -> dict[str, Any]:
    """The mapping itself, or an empty one where something else stands in its place."""
    return value if isinstance(value, dict) else {}


def _mapping(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line, parse_constant=_no_number)
    except UNREADABLE:
        return None
    return found if isinstance(found, dict) else None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _content(path: Path, faults: list[str]) -> bytes | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        faults.append(f"{path.name} cannot be read: {error.strerror}")
        return None
    if len(content) > MAX_FILE_BYTES:
        faults.append(f"{path.name} is larger than {MAX_FILE_BYTES:,} bytes: left out")
        return None
    return content
