"""What `sync` writes down beside what others do in the run folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sentiment_ft import sync
from sentiment_ft.errors import OutputError
from sentiment_ft.run.folder import choose, create
from sentiment_ft.run.layout import RUN_CONFIG_HEADER
from sentiment_ft.run.lock import lock
from sentiment_ft.track import tracked
from sentiment_ft.track.record import read_records
from sentiment_ft.track.tracked import Tracked

CONFIG = f"{RUN_CONFIG_HEADER}\nseed: 1\n"


@pytest.fixture
def run(tmp_path) -> Path:
    folder = tmp_path / "run"
    create(folder, CONFIG, overwrite=False)
    create(tmp_path / "next", CONFIG, overwrite=False)  # this process's run: the first has ended
    tracked.write(folder, Tracked("mine"))
    return folder


def test_only_its_own_is_written_down_and_only_while_no_run_is_at_work(run):
    sync._write_down(run, Tracked("mine", complete=True))
    assert tracked.read(run) == Tracked("mine", complete=True)
    tracked.write(run, Tracked("changed"))
    sync._write_down(run, Tracked("mine", complete=True))
    assert tracked.read(run) == Tracked("changed")
    held = lock(run)  # a run that has begun
    assert held is not None
    try:
        sync._write_down(run, Tracked("changed", complete=True))
        assert tracked.read(run) == Tracked("changed")
    finally:
        os.close(held)


def test_a_run_is_not_replaced_while_it_is_sent(run):
    with tracked.alone(run), pytest.raises(OutputError, match="wandb: a sync is sending what is there"):
        create(choose(str(run), "x", overwrite=True), CONFIG, overwrite=True)
    assert tracked.read(run) == Tracked("mine")


@pytest.mark.parametrize("kind", ["file", "link", "pipe"])
def test_what_is_no_folder_is_told(run, kind):
    path = run / "wandb"
    {"file": path.touch, "link": lambda: path.symlink_to("nowhere"), "pipe": lambda: os.mkfifo(path)}[kind]()
    with pytest.raises(OutputError, match="wandb: is no folder\nway out: move it away"), tracked.alone(run):
        pass


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(run):
    os.mkfifo(run / "metrics.jsonl")
    with pytest.raises(OutputError, match="is no plain file"):
        read_records(run / "metrics.jsonl")
    (run / "tracking.json").unlink()
    os.mkfifo(run / "tracking.json")
    assert tracked.read(run) is None
