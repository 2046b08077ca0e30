"""attempts.jsonl: a line when a run starts, and one that says how that ended."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from sentiment_ft.errors import OutputError, Preempted
from sentiment_ft.run import attempts


def lines(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / attempts.FILE).read_text("utf-8").splitlines()]


def noted(folder, error: BaseException | None = None, *, main: bool = True) -> None:
    accelerator = SimpleNamespace(is_main_process=main, num_processes=2)
    update = iter([3, 9])
    with attempts.noted(folder, accelerator, lambda: next(update)):
        if error is not None:
            raise error


@pytest.mark.parametrize(
    ("error", "code", "why"),
    [
        (Preempted("ended by SIGTERM after update 9"), 75, "ended by SIGTERM after update 9"),
        (OutputError("cannot be written"), 6, "cannot be written"),
        (ZeroDivisionError("secret"), 1, "ZeroDivisionError"),
        (KeyboardInterrupt(), 1, "KeyboardInterrupt"),
    ],
)
def test_each_end_is_noted_and_the_error_goes_on(tmp_path, error, code, why):
    noted(tmp_path)
    with pytest.raises(type(error)):
        noted(tmp_path, error)
    first, done, again, ended = lines(tmp_path)
    assert (first["event"], first["update"], first["processes"]) == ("began", 3, 2) and first["at"].endswith("Z")
    assert (done["event"], done["update"], done["code"], done["why"]) == ("ended", 9, 0, "done")
    assert again["event"] == "began"
    assert (ended["code"], ended["why"]) == (code, why)


def test_one_that_cannot_write_costs_the_run_nothing(tmp_path):
    (tmp_path / attempts.FILE).mkdir()
    noted(tmp_path)


def test_other_processes_write_nothing(tmp_path):
    noted(tmp_path, main=False)
    assert not list(tmp_path.iterdir())
