"""What a run tells its launcher."""

from __future__ import annotations

import pytest

from sentiment_ft.run import attempt


@pytest.fixture
def notes(tmp_path, monkeypatch):
    monkeypatch.setenv(attempt.FOLDER, str(tmp_path))
    return tmp_path


def test_without_a_launcher_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv(attempt.FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    attempt.begun(tmp_path / "run", 3)
    attempt.ended(75)
    assert attempt.run_to_go_on() is None and not attempt.has_launcher() and list(tmp_path.iterdir()) == []
    monkeypatch.setenv(attempt.FOLDER, str(tmp_path / "gone"))
    assert attempt.run_to_go_on() is None and not attempt.has_launcher()


def test_a_later_attempt_finds_the_run_of_the_first(notes, monkeypatch):
    monkeypatch.chdir(notes)
    assert attempt.run_to_go_on() is None and attempt.last_end(notes) is None and attempt.starts(notes) == []
    attempt.begun(notes / "run", 0)
    attempt.ended(8)
    assert attempt.run_to_go_on() == attempt.run_of(notes) == str(notes / "run")
    assert attempt.last_end(notes) == 8
    attempt.forget_end(notes)
    attempt.begun(notes / "run", 40)
    assert attempt.last_end(notes) is None and attempt.starts(notes) == [0, 40]


@pytest.mark.parametrize(("said", "last"), [([7], 7), ([3, 7], 3), ([7, 3, 7], 3), ([3, 8], 8)])
def test_a_process_that_has_lost_another_knows_less_than_that_one(notes, said, last):
    for code in said:
        attempt.ended(code)
    assert attempt.last_end(notes) == last


@pytest.mark.parametrize(
    ("starts", "progress"),
    [
        ([], True),
        ([0, 0, 0], True),
        ([0, 0, 0, 0], False),
        ([0, 0, 0, 5], True),
        ([0, 5, 5, 5], True),
        ([0, 5, 5, 5, 5], False),
        ([5, 5, 5, 3], False),
    ],
)
def test_three_restarts_that_come_no_further_are_enough(starts, progress):
    assert attempt.makes_progress(starts) is progress
