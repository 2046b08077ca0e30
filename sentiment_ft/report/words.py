"""How numbers, times and names are written on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from sentiment_ft.report.blocks import plain
from sentiment_ft.track.card import shown
from sentiment_ft.track.summary_table import duration

_FOLDERS = re.compile(r"(?:(?<=[\s=:,;'\"(\[])|^)(?:~|[A-Za-z]:)?[/\\](?:[^\s:,;'\"/\\]+[/\\])+")


def percent(share: float | None, decimals: int = 1) -> str:
    """0.815 -> 81.5%; below 1 never rounded up to 100% (0.9998 -> 99.9+%); None -> a dash."""
    if share is None:
        return "–"
    text = f"{share:.{decimals}%}"
    return f"{100 - 10**-decimals:.{decimals}f}+%" if share < 1 and text == f"{1:.{decimals}%}" else text


def percents(ends: Sequence[float]) -> str:
    """[0.78, 0.844] -> 78.0% to 84.4%."""
    return f"{percent(ends[0])} to {percent(ends[1])}"


def size(count: float) -> str:
    """Bytes for people: 268880890 -> 256.4 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    raise AssertionError


def moment(seconds: float) -> str:
    """0.0204 -> 20 ms; from a second on as `duration` writes it."""
    return f"{1000 * seconds:.0f} ms" if seconds < 0.9995 else duration(seconds)


def counted(count: int, noun: str) -> str:
    """1, "row" -> 1 row; 2, "row" -> 2 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def value_of(value: object, width: int = 200) -> str:
    """A value of the config or of the environment: text as it is, of a local path its last part, the rest as JSON."""
    if isinstance(value, str):
        return local(value, width)
    try:
        return plain(json.dumps(value, ensure_ascii=False, default=str), width)
    except (ValueError, RecursionError):
        return "…"


def local(text: str, width: int = 200) -> str:
    """A name or an argument; of a path only its last part: reports are shared, home folders are not."""
    head, equals, tail = text.partition("=") if text.startswith("-") or re.match(r"[a-z_]+=", text) else ("", "", text)
    tail = shown(tail.rstrip("/\\")) if "/" in tail or "\\" in tail else tail
    return plain(head + equals + tail, width)


def without_folders(text: str, width: int = 300) -> str:
    """A message, without the folders of the paths in it."""
    return plain(_FOLDERS.sub("", text), width)
