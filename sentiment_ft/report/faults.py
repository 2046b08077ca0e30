"""What went wrong and how often the run began: skipped updates, memory that ran out, starts and ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sentiment_ft.report.blocks import Cell, Line, Section, Table, Text, plain
from sentiment_ft.report.files import number, whole
from sentiment_ft.report.record import Event, Run
from sentiment_ft.report.words import without_folders
from sentiment_ft.track.summary_table import duration

MOST_LINES = 100  # of a table


def faults(run: Run) -> Section:
    """Updates that were skipped, memory that ran out, starts and ends. Never absent: none is news as well."""
    lines: list[Line] = []
    for record in run.events:
        if record["event"] == "skipped":
            scale = number(record.get("loss_scale"))
            what = "left out: its numbers were not finite" + (
                f" (loss scale {scale:g})" if scale not in (None, 1) else ""
            )
            lines.append([f"{record['update']:,}", Cell("skipped update", "bad"), what])
        elif record["event"] == "out_of_memory":
            rest = ", ".join(
                f"{plain(key, 40).replace('_', ' ')} {value:,}"
                for key, value in list(record.items())[:8]
                if key != "update" and whole(value) is not None
            )
            lines.append(
                [
                    f"{record['update']:,}",
                    Cell("out of memory", "bad"),
                    f"went on with {rest}" if rest else "went on in smaller steps",
                ]
            )
    blocks: list[Any] = []
    if lines:
        note = f"The first {MOST_LINES} of {len(lines):,}." if len(lines) > MOST_LINES else ""
        blocks.append(Table("What went wrong", [">update", "what", "and then"], lines[:MOST_LINES], note=note))
    starts = _attempts(run.attempts, finished=run.finished)
    if starts:
        note = f"The last {MOST_LINES} of {len(starts):,}." if len(starts) > MOST_LINES else ""
        blocks.append(
            Table(
                "Starts and ends",
                [">start", "began (UTC)", ">at update", ">processes", ">lasted", ">until update", "how it ended"],
                starts[-MOST_LINES:],
                note=note,
            )
        )
    for fault in run.faults:
        blocks.append(Text(fault, "warning"))
    if not lines and len(starts) <= 1 and not run.faults:
        blocks.insert(0, Text("No update was skipped, memory did not run out, and no restart is recorded."))
    return Section("faults", "Faults and restarts", blocks)


def _attempts(attempts: list[Event], *, finished: bool) -> list[Line]:
    """A line for each start. A start without an end before the next one was killed."""
    pairs: list[tuple[Event, Event | None]] = []
    for record in attempts:
        if record["event"] == "began":
            pairs.append((record, None))
        elif pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], record)
    lines: list[Line] = []
    for place, (began, ended) in enumerate(pairs):
        since, until = _time(began), _time(ended) if ended else None
        lasted = duration((until - since).total_seconds()) if since and until and until >= since else "–"
        if ended is not None:
            code = whole(ended.get("code"))
            why = without_folders(str(ended.get("why") or "")) or ("done" if code == 0 else "")
            how = Cell(why + (f" (code {code})" if code else ""), "" if code in (0, 75) else "bad")
        elif place + 1 < len(pairs):
            how = Cell("ended without a word (killed)", "bad")
        else:
            how = Cell("done" if finished else "at work, or ended without a word", "" if finished else "muted")
        at = f"{since:%Y-%m-%d %H:%M:%S}" if since else "–"
        cells = [_count(began, "update"), _count(began, "processes"), lasted, _count(ended or {}, "update")]
        lines.append([str(place + 1), at, *cells, how])
    return lines


def _time(record: Event) -> datetime | None:
    at = record.get("at")
    try:
        found = datetime.fromisoformat(at) if isinstance(at, str) else None
        return found if found is None or found.tzinfo else None
    except ValueError:
        return None


def _count(record: Event, key: str) -> str:
    value = whole(record.get(key))
    return "–" if value is None else f"{value:,}"
