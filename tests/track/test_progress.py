"""Progress: a bar on a terminal, sparse lines elsewhere, nothing when quiet; and nothing of it is markup."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from sentiment_ft.track import progress


@pytest.fixture
def shown(monkeypatch):
    """Replace the console by one that writes into a string; returns how to read it."""

    def make(*, terminal: bool) -> io.StringIO:
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=terminal, highlight=False, soft_wrap=True, width=120)
        monkeypatch.setattr(progress, "console", console)
        return stream

    return make


def test_plain_lines_come_every_ten_seconds_and_at_the_end(shown, monkeypatch):
    stream, now = shown(terminal=False), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.bar("training", 40, quiet=False) as bar:
        for done in range(1, 41):
            now[0] += 1
            bar.update(done, "loss [0.5]")
    left = {10: "0:00:30 left  ", 20: "0:00:20 left  ", 30: "0:00:10 left  ", 40: ""}
    assert stream.getvalue().splitlines() == [f"training {d}/40  {left[d]}loss [0.5]" for d in left]
    assert "\x1b" not in stream.getvalue()


def test_what_is_left_of_a_resumed_run_is_reckoned_by_its_own_pace(shown, monkeypatch):
    stream, now = shown(terminal=False), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.bar("training", 1000, quiet=False) as bar:
        for done in range(900, 915):
            bar.update(done)
            now[0] += 1
    assert stream.getvalue() == "training 910/1000  0:01:30 left\n"


def test_plain_lines_of_work_without_a_known_end(shown, monkeypatch):
    stream, now = shown(terminal=False), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.bar("reading rows", None, quiet=False) as bar:
        bar.update(5)
        now[0] = 11
        bar.update(7)
    assert stream.getvalue() == "reading rows 7\n"


def test_bar_on_a_terminal_is_taken_away_at_the_end(shown):
    stream = shown(terminal=True)
    with progress.bar("training", 2, quiet=False) as bar:
        bar.update(1, "loss 0.5")
        bar.update(2, "loss 0.4")
    assert "training" in stream.getvalue() and "\x1b[2K" in stream.getvalue()


def test_the_two_clocks_of_a_bar_are_told_apart(shown, monkeypatch):
    stream, now = shown(terminal=True), [0.0]
    monkeypatch.setattr(progress.console, "get_time", lambda: now[0])
    with progress.bar("training", 5, quiet=False) as bar:
        for done in (1, 2, 3):
            now[0] += 10
            bar.update(done)
    assert "0:00:30, 0:00:20 left" in re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    stream = shown(terminal=True)
    with progress.bar("reading rows", None, quiet=False) as bar:
        bar.update(1)
    assert "left" not in stream.getvalue() and "-:--" not in stream.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_says_nothing(shown, terminal):
    stream = shown(terminal=terminal)
    with progress.bar("training", 1, quiet=True) as bar:
        bar.update(1, "loss 0.5")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_error_inside_passes_through(shown, terminal):
    shown(terminal=terminal)
    with pytest.raises(ZeroDivisionError), progress.bar("training", 2, quiet=False) as bar:
        bar.update(1)
        raise ZeroDivisionError
