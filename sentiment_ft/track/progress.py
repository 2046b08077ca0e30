"""How long work is shown: a rich bar on a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from sentiment_ft.terminal import console

LINE_EVERY_S = 10.0  # plain lines: often enough to see it live, rare enough for a log


class Bar(Protocol):
    def update(self, done: int, note: str = "") -> None: ...


class _Silent:
    def update(self, done: int, note: str = "") -> None:
        pass


class _Plain:
    def __init__(self, what: str, total: int | None) -> None:
        self._what, self._total, self._said = what, total, time.monotonic()
        self._first: tuple[int, float] | None = None  # a resumed run does not begin at 0

    def update(self, done: int, note: str = "") -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = (done, now)
        if now - self._said >= LINE_EVERY_S or done == self._total:
            self._said = now
            of = f"/{self._total}" if self._total is not None else ""
            console.print(f"{self._what} {done}{of}  {self._left(done, now)}{note}".rstrip(), markup=False)

    def _left(self, done: int, now: float) -> str:
        """By the pace so far; nothing where there is none yet."""
        if self._first is None or self._total is None or not self._first[0] < done < self._total:
            return ""
        seconds = (now - self._first[1]) / (done - self._first[0]) * (self._total - done)
        return f"{timedelta(seconds=round(seconds))} left  "


class _TwoLines(Progress):
    """The note has a line of its own: at 80 columns it would not fit beside the bar."""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if task.fields["note"]:
                yield Text(f"  {task.fields['note']}", no_wrap=True, overflow="ellipsis")


class _Clock(ProgressColumn):
    """0:00:25, 0:00:54 left; only the first where the end is not known."""

    _gone, _left = TimeElapsedColumn(), TimeRemainingColumn()

    def render(self, task: Task) -> Text:
        gone = self._gone.render(task)
        return gone if task.time_remaining is None else Text.assemble(gone, ", ", self._left.render(task), " left")


class _Rich:
    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total, note="")

    def update(self, done: int, note: str = "") -> None:
        self._progress.update(self._task, completed=done, note=note)


@contextmanager
def bar(what: str, total: int | None, *, quiet: bool) -> Iterator[Bar]:
    """Progress of one piece of long work. `total` None: not known before the end."""
    if quiet:
        yield _Silent()
    elif not console.is_terminal:
        yield _Plain(what, total)
    else:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(16),
            MofNCompleteColumn(),
            _Clock(Column(no_wrap=True)),
        )
        with _TwoLines(*columns, console=console, transient=True) as progress:
            yield _Rich(progress, what, total)
