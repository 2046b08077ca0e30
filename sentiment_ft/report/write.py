"""The `report` verb: reads run folders, writes one HTML file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sentiment_ft.errors import OutputError, UserError
from sentiment_ft.report import compare, record
from sentiment_ft.report.bundle import bundle
from sentiment_ft.report.page import OPENING, render
from sentiment_ft.report.single import page_of
from sentiment_ft.run.destination import check_name, path_of
from sentiment_ft.run.writing import unwritable, write_text
from sentiment_ft.terminal import console, printable

NAME, COMPARED = "report.html", "report-compare.html"


def run(names: Sequence[str], output: str | None) -> None:
    """Write the report of one run, or of several side by side, and say where. Raises UserError."""
    if len(names) > compare.MOST_RUNS:
        what = f"{len(names)} runs: at most {compare.MOST_RUNS} can be told apart"
        raise UserError(what, where="RUN", way_out=f"name {compare.MOST_RUNS} or fewer")
    runs = [record.read(name) for name in names]
    path = path_of(output) if output is not None else runs[0].folder / NAME if len(runs) == 1 else Path(COMPARED)
    check_replaceable(path)
    page = page_of(runs[0]) if len(runs) == 1 else compare.page_of(runs)
    write_text(path, render(page, bundle()))
    console.print(f"report  {printable(str(path), 200)}", markup=False)


def of_closing(folder: Path, summary: Mapping[str, Any]) -> Path:
    """Write the report of a run that is about to write its summary.json. Raises UserError."""
    path = folder / NAME
    check_replaceable(path)
    run = record.read(folder, summary)
    ends = {"event": "ended", "at": datetime.now(UTC).isoformat(), "code": 0, "update": summary.get("updates")}
    write_text(path, render(page_of(replace(run, attempts=[*run.attempts, ends])), bundle()))
    return path


def check_replaceable(path: Path) -> None:
    """Raise OutputError unless the path is free, in a folder that exists, or is a report that may be replaced."""
    check_name(path)
    where = printable(str(path), 200)
    if not os.path.lexists(path):
        if not path.parent.is_dir():
            raise OutputError("its folder does not exist", where=where, way_out="another --output")
        return
    if path.is_symlink() or not path.is_file():
        raise OutputError("exists and is no plain file", where=where, way_out="another --output")
    try:
        with path.open("rb") as file:
            ours = file.read(len(OPENING)) == OPENING.encode()
    except OSError as error:
        raise unwritable(path, error) from None
    if not ours:
        raise OutputError("exists and is no report: it will not be replaced", where=where, way_out="another --output")
