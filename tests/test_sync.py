"""What `sync` writes down beside what others do in the run folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sentiment_ft import sync
from sentiment_ft.errors import ConfigError, ModelError, OutputError
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
    with tracked.alone(run), pytest.raises(OutputError, match="run: a sync is sending what is there"):
        create(choose(str(run), "x", overwrite=True), CONFIG, overwrite=True)
    assert tracked.read(run) == Tracked("mine")


@pytest.mark.parametrize(
    ("faults", "asked"),
    [
        ({"a": "no project"}, "abcd"),
        ({"a": "no key", "b": "no key"}, "ab"),
        ({"b": "no key", "c": "no key"}, "abc"),
        ({"a": "no key", "c": "no key"}, "abcd"),
    ],
)
def test_one_run_that_is_refused_does_not_end_the_others(tmp_path, monkeypatch, capsys, faults, asked):
    monkeypatch.chdir(tmp_path)
    sent: list[str] = []

    def send(folder: Path) -> tuple[int, str]:
        sent.append(folder.name)
        if folder.name in faults:
            raise ModelError(f"W&B: {faults[folder.name]}", where=str(folder))
        return 1, "https://w"

    monkeypatch.setattr(sync, "send", send)
    for name in "abcd":
        create(tmp_path / "runs" / name, CONFIG, overwrite=False)
        tracked.write(tmp_path / "runs" / name, Tracked(name))
        os.utime(tmp_path / "runs" / name / "config.yaml", ns=(ord(name), ord(name)))
    create(tmp_path / "next", CONFIG, overwrite=False)
    with pytest.raises(ModelError, match=faults[max(faults)]):
        sync.run((), quiet=False)
    assert "".join(sent) == asked
    said = capsys.readouterr().err
    assert said.count("error: ") == len(faults) - 1 and said.count("has all") == len(set(asked) - set(faults))


def test_a_name_that_is_no_run_does_not_keep_the_others(run, monkeypatch, capsys):
    monkeypatch.setattr(sync, "send", lambda folder: (1, "https://w"))
    with pytest.raises(ConfigError, match="there is no such run"):
        sync.run((str(run.parent / "none"), str(run)), quiet=False)
    assert f"{run}: W&B has all 1 records" in capsys.readouterr().err


def test_a_run_at_work_is_told_and_passed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    create(tmp_path / "runs" / "a", CONFIG, overwrite=False)
    tracked.write(tmp_path / "runs" / "a", Tracked("a"))
    create(tmp_path / "next", CONFIG, overwrite=False)
    held = lock(tmp_path / "runs" / "a")
    assert held is not None
    sync.run((), quiet=False)
    os.close(held)
    assert capsys.readouterr().err == "runs/a: a run is at work there, which sends for itself\n"


def test_what_cannot_be_looked_at_is_not_taken_for_a_run_at_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    create(tmp_path / "runs" / "a", CONFIG, overwrite=False)
    tracked.write(tmp_path / "runs" / "a", Tracked("a"))
    create(tmp_path / "next", CONFIG, overwrite=False)
    (tmp_path / "runs" / "a" / ".lock").unlink()
    (tmp_path / "runs" / "a" / ".lock").symlink_to("nowhere")
    with pytest.raises(OutputError, match=r"runs/a/\.lock: cannot be opened"):
        sync.run((), quiet=False)


def test_an_id_that_cannot_be_read_is_not_replaced(run):
    (run / "tracking.json").write_text("{")
    with pytest.raises(OutputError, match=r"run/tracking\.json: cannot be understood"):
        sync.send(run)
    assert (run / "tracking.json").read_text() == "{"


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
