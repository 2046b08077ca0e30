"""Sections to one HTML file: template, style, script and the drawing library, with nothing left to fetch.

Jinja escapes every text (autoescape), a missing name is an error (StrictUndefined), and the specifications stand in a
JSON script in which no `<`, `>` or `&` is left. A Content-Security-Policy in the page forbids every request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from sentiment_ft import __version__
from sentiment_ft.report.blocks import Chart, Grid, Section
from sentiment_ft.report.charts import CONFIG
from sentiment_ft.terminal import printable

OPENING = "<!doctype html>\n<!-- A report of sentiment_ft. The next report may replace this file. -->\n"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


@dataclass(frozen=True)
class Page:
    """title: of the page and its one h1. badge: state of the run in a word. lead: a line below the title."""

    title: str
    badge: str
    tone: str
    lead: str
    made: str
    sections: Sequence[Section]


def render(page: Page, library: str) -> str:
    """The whole file. library: as `bundle.bundle` returns it, or empty for a page without pictures."""
    specs = {chart.id: chart.spec for chart in charts_of(page.sections)}
    return OPENING + _template().render(
        page=page,
        version=__version__,
        policy=POLICY,
        style=_file("page.css"),
        script=_file("page.js"),
        library=library,
        data=script_json({"config": CONFIG, "specs": specs}),
    )


def charts_of(sections: Sequence[Section]) -> Iterator[Chart]:
    for section in sections:
        for block in section.blocks:
            yield from (one for one in (block.blocks if isinstance(block, Grid) else [block]) if isinstance(one, Chart))


def script_json(value: Any) -> str:
    """JSON that may stand in a script: no text in it can end the script or open a comment."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


@cache
def _template() -> Template:
    found = Environment(
        loader=PackageLoader("sentiment_ft.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return found.get_template("page.html.j2")


def _shown(value: Any) -> Any:
    """What an expression of the template becomes: a text without characters that hide, reverse or break others. Most
    are gone by then; a text that was forgotten is not to be the hole.
    """
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _file(name: str) -> str:
    return (resources.files("sentiment_ft.report") / name).read_text(encoding="utf-8")
