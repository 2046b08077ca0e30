"""Run folders: never overwritten silently, nothing half-written, nothing deleted that is not a run."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import Mock

import pytest

from sentiment_ft.config import Config
from sentiment_ft.errors import OutputError
from sentiment_ft.recipe import dump
from sentiment_ft.run import folder as run_folder
from sentiment_ft.run.destination import fresh
from sentiment_ft.run.find import to_go_on
from sentiment_ft.run.folder import choose, create
from sentiment_ft.run.layout import MARK, RUN_CONFIG_HEADER
from sentiment_ft.run.lock import lock
from sentiment_ft.run.writing import write_folder, write_json, write_text
from tests.tiny import contents

ONE, TWO = (f"{RUN_CONFIG_HEADER} for a test\nseed: {seed}\n" for seed in (1, 2))


@pytest.fixture
def old_run(tmp_path) -> Path:
    folder = tmp_path / "run"
    create(folder, ONE, overwrite=False)
    write_json(folder / "summary.json", {"accuracy": 0.9})
    return folder


def test_first_free_name_is_chosen_and_nothing_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert choose(None, "mine", overwrite=False) == Path("runs/mine")
    assert not Path("runs").exists()
    Path("runs/mine").mkdir(parents=True)
    Path("runs/mine-2").symlink_to("nowhere")
    assert choose(None, "mine", overwrite=False) == choose(None, "mine", overwrite=True) == Path("runs/mine-3")


def test_existing_run_is_replaced_only_when_asked(old_run):
    before = contents(old_run)
    with pytest.raises(OutputError, match="not empty"):
        choose(str(old_run), "x", overwrite=False)
    assert contents(old_run) == before
    assert choose(str(old_run), "x", overwrite=True) == old_run
    assert contents(old_run) == before, "choosing deletes nothing"
    create(old_run, TWO, overwrite=True)
    assert contents(old_run) == {"config.yaml": TWO.encode()}


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_that_is_no_run_is_never_deleted(tmp_path, overwrite):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError):
        choose(str(tmp_path), "x", overwrite=overwrite)
    with pytest.raises(OutputError):
        create(tmp_path, ONE, overwrite=overwrite)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_folder_taken_by_another_run_after_it_was_chosen_is_left_alone(tmp_path):
    folder = choose(str(tmp_path / "run"), "x", overwrite=False)
    create(folder, ONE, overwrite=False)  # the other run was faster
    with pytest.raises(OutputError, match="another run"):
        create(folder, TWO, overwrite=False)
    assert contents(folder) == {"config.yaml": ONE.encode()}


def test_empty_folder_is_as_good_as_none(tmp_path):
    assert choose(str(tmp_path), "x", overwrite=False) == fresh(str(tmp_path)) == tmp_path
    create(tmp_path, ONE, overwrite=False)
    assert (tmp_path / "plots").is_dir()


@pytest.mark.parametrize("overwrite", [False, True])
def test_files_and_dangling_links_are_not_folders(tmp_path, overwrite):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "link"):
        with pytest.raises(OutputError, match="not a folder"):
            choose(str(tmp_path / name), "x", overwrite=overwrite)
        with pytest.raises(OutputError, match="not an empty folder"):
            fresh(str(tmp_path / name))
    assert (tmp_path / "file").read_text() == "x" and (tmp_path / "link").is_symlink()


def test_link_to_a_run_is_not_followed_to_delete_it(old_run, tmp_path):
    before = contents(old_run)
    link = tmp_path / "link"
    link.symlink_to(old_run)
    with pytest.raises(OutputError):
        create(choose(str(link), "x", overwrite=True), TWO, overwrite=True)
    assert contents(old_run) == before and link.is_symlink()


def test_overwriting_does_not_follow_links_inside_the_run(old_run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    (old_run / "best").symlink_to(elsewhere)
    create(old_run, TWO, overwrite=True)
    assert (elsewhere / "precious").exists() and not (old_run / "best").is_symlink()


def test_header_is_the_one_of_a_written_config():
    assert dump(Config()).startswith(RUN_CONFIG_HEADER)


@pytest.mark.parametrize("config", ["lr: 3\n", "", f"lr: 3 {RUN_CONFIG_HEADER}\n"])
def test_config_of_another_program_marks_no_run(tmp_path, config):
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / "best").mkdir()
    for attempt in (choose, lambda folder, _, overwrite: create(Path(folder), TWO, overwrite=overwrite)):
        with pytest.raises(OutputError, match="not a run folder and will not be deleted"):
            attempt(str(tmp_path), "x", overwrite=True)
    assert contents(tmp_path) == {"config.yaml": config.encode()} and (tmp_path / "best").is_dir()


def test_files_that_no_run_writes_are_named_and_nothing_is_deleted(old_run):
    (old_run / "src").mkdir()
    (old_run / "src" / "thesis.tex").write_text("years of work")
    for name in ("a\x1b", "b", "c.tmp-1", ".best.older"):
        (old_run / name).write_text("x")
    before = contents(old_run)
    for attempt in (choose, lambda folder, _, overwrite: create(Path(folder), TWO, overwrite=overwrite)):
        with pytest.raises(OutputError) as caught:
            attempt(str(old_run), "x", overwrite=True)
        assert caught.value.what == r"holds files that no run writes: .best.older, a\x1b, b and 2 more"
    assert contents(old_run) == before


@pytest.mark.parametrize(
    "name", ["best/notes.txt", "plots/mine.png", "best/checkpoint/a.bin", "logs/slurm-7.out", "tensorboard/mine/a"]
)
def test_files_of_others_among_the_model_and_the_plots_are_named_too(old_run, name):
    (old_run / name).parent.mkdir(parents=True, exist_ok=True)
    (old_run / name).write_text("x")
    model = ("best/config.json", "best/model-00001-of-00002.safetensors", "best/tokenizer.json")
    for ours in (*model, "plots/loss.png", "logs/rank-1.log", "tensorboard/events.out.tfevents.1785.host.1.0"):
        (old_run / ours).parent.mkdir(exist_ok=True)
        (old_run / ours).write_text("x")
    with pytest.raises(OutputError) as caught:
        choose(str(old_run), "x", overwrite=True)
    assert caught.value.what == f"holds files that no run writes: {'/'.join(name.split('/')[:2])}"


def test_a_run_that_cannot_lock_its_folder_leaves_nothing_there(tmp_path):
    (tmp_path / ".lock").mkdir()
    with pytest.raises(OutputError, match=r"\.lock: cannot be opened"):
        create(tmp_path, ONE, overwrite=False)
    assert os.listdir(tmp_path) == [".lock"]
    (tmp_path / ".lock").rmdir()
    descriptor = lock(tmp_path)  # a run that hangs, and whose files were deleted
    assert descriptor is not None
    with pytest.raises(OutputError, match="another run is writing there"):
        create(tmp_path, ONE, overwrite=False)
    os.close(descriptor)
    assert os.listdir(tmp_path) == [".lock"]
    assert choose(str(tmp_path), "x", overwrite=False) == create(tmp_path, ONE, overwrite=False)


def test_a_run_that_was_killed_as_it_made_its_mark_is_none(tmp_path):
    (tmp_path / MARK).touch()
    assert choose(str(tmp_path), "x", overwrite=False) == tmp_path
    assert to_go_on("auto", str(tmp_path), "x") is None
    create(tmp_path, ONE, overwrite=False)
    assert contents(tmp_path) == {MARK: ONE.encode()}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / MARK).touch()
    (tmp_path / "other" / "thesis.tex").touch()
    for overwrite in (False, True):
        with pytest.raises(OutputError):
            create(tmp_path / "other", TWO, overwrite=overwrite)
    assert contents(tmp_path / "other") == {MARK: b"", "thesis.tex": b""}


def test_what_a_killed_run_left_aside_is_replaced(old_run):
    for name in (".best.new", ".best.old", "wandb", "best"):
        (old_run / name).mkdir()
        (old_run / name / "config.json").write_text("x")
    (old_run / ".0123abcd.tmp").write_text("{")
    assert create(choose(str(old_run), "x", overwrite=True), TWO, overwrite=True) == old_run
    assert contents(old_run) == {"config.yaml": TWO.encode()}


def test_run_that_was_half_cleared_can_still_be_overwritten(old_run, monkeypatch):
    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(run_folder.shutil, "rmtree", fail)  # plots
        with pytest.raises(OutputError, match="Input/output"):
            create(old_run, TWO, overwrite=True)
    assert not (old_run / "summary.json").exists(), "the first to go: half a run is not a finished one"
    assert create(choose(str(old_run), "x", overwrite=True), TWO, overwrite=True) == old_run


def test_folder_is_not_replaced_when_it_holds_what_the_run_reads(old_run, tmp_path, monkeypatch):
    monkeypatch.chdir(old_run)
    (old_run / "best").mkdir()
    (tmp_path / "link").symlink_to(old_run / "best")
    for name in ("best", str(old_run / "best"), str(old_run), "../link", "summary.json"):
        with pytest.raises(OutputError, match="which this run reads"):
            choose(str(old_run), "x", overwrite=True, inputs=("synthetic", name))
    harmless = ("synthetic", "bundled", "hub:stanfordnlp/imdb", "bert-base-uncased", str(tmp_path), "best.csv")
    assert choose(str(old_run), "x", overwrite=True, inputs=harmless) == old_run
    assert choose("new", "x", overwrite=True, inputs=("best",)) == Path("new")


def test_run_without_a_named_folder_takes_the_next_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = choose(None, "mine-3", overwrite=False)
    made = [create(chosen, ONE, overwrite=False, run_name="mine-3") for _ in range(3)]
    assert made == [Path("runs/mine-3"), Path("runs/mine-3-2"), Path("runs/mine-3-3")]
    assert all((folder / "config.yaml").read_text() == ONE for folder in made)


@pytest.mark.parametrize("run_name", ["mine", None])
def test_two_runs_at_once_never_share_a_folder(tmp_path, monkeypatch, run_name):
    """Where the file system has no locks: both have found the folder free, and both are past every look at it, when the
    first of them writes.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
    both, real, made, refused = threading.Barrier(2), os.open, [], []

    def open_together(path: object, flags: int, mode: int = 0o777, **more: object) -> int:
        if str(path).endswith("config.yaml"):
            both.wait(20)
        return real(path, flags, mode, **more)

    def start() -> None:
        try:
            made.append(create(Path("runs/mine"), ONE, overwrite=False, run_name=run_name))
        except OutputError as error:
            refused.append(error)

    monkeypatch.setattr(os, "open", open_together)
    runs = [threading.Thread(target=start) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    if run_name is None:
        assert made == [Path("runs/mine")] and "another run" in str(*refused)
    else:
        assert sorted(made) == [Path("runs/mine"), Path("runs/mine-2")] and not refused


def test_without_locks_an_empty_mark_may_be_of_a_run_that_begins_this_moment(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / MARK).touch()
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
    with pytest.raises(OutputError, match="was taken by another run"):
        create(folder, ONE, overwrite=False)
    monkeypatch.undo()
    assert create(folder, ONE, overwrite=False) == folder, "with its lock it is of one that was killed"


def test_a_run_that_began_and_ended_before_the_lock_was_ours_is_kept(tmp_path, monkeypatch):
    folder, real = tmp_path / "run", run_folder.hold

    def hold_after_another(folder: Path, **_: object) -> None:
        (folder / MARK).write_text(TWO)
        real(folder)

    monkeypatch.setattr(run_folder, "hold", hold_after_another)
    with pytest.raises(OutputError, match="was taken by another run"):
        create(folder, ONE, overwrite=False)
    assert (folder / MARK).read_text() == TWO


def test_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    below = tmp_path / "file" / "run"
    for attempt in (
        lambda: create(choose(str(below), "x", overwrite=False), ONE, overwrite=False),
        lambda: write_text(below, "x"),
        lambda: write_folder(below, lambda staged: None),
    ):
        with pytest.raises(OutputError, match=r"cannot be written: .*(Not a directory|is not a folder)"):
            attempt()
    assert contents(tmp_path) == {"file": b"x"}


def test_home_of_nobody_is_a_name_like_any_other(monkeypatch):
    assert choose("~no-such-user/run", "x", overwrite=False) == Path("~no-such-user/run")
    assert choose("~/run", "x", overwrite=False) == Path.home() / "run"


def test_escapes_in_a_folder_name_are_not_printed(tmp_path):
    ugly = tmp_path / "a\x1b[31m\nb"
    ugly.mkdir()
    (ugly / "x").write_text("x")
    with pytest.raises(OutputError) as caught:
        choose(str(ugly), "x", overwrite=True)
    assert "\x1b" not in str(caught.value) and r"a\x1b[31m\x0ab" in str(caught.value)


RUN_THAT_WORKS_ON = """
import sys
from pathlib import Path
from sentiment_ft.run.folder import create
create(Path(sys.argv[1]), sys.argv[2], overwrite=True)
print("made", flush=True)
sys.stdin.read()
"""


def test_run_that_is_still_at_work_is_not_overwritten(old_run):
    command = [sys.executable, "-c", RUN_THAT_WORKS_ON, str(old_run), TWO]
    refused = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert "another run is writing there" in refused.stderr, "this process made the run and is at work in it"
    create(old_run.parent / "next", ONE, overwrite=False)  # its next run: the first has ended
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "made\n"
        before = contents(old_run)
        for attempt in (choose, lambda folder, _, overwrite: create(Path(folder), ONE, overwrite=overwrite)):
            with pytest.raises(OutputError, match="another run is writing there"):
                attempt(str(old_run), "x", overwrite=True)
        assert contents(old_run) == before == {"config.yaml": TWO.encode()}
        other.stdin.close()
    assert create(choose(str(old_run), "x", overwrite=True), ONE, overwrite=True) == old_run


def test_mark_is_written_first_so_that_a_broken_run_can_be_overwritten(tmp_path):
    create(tmp_path / "run", ONE, overwrite=False)
    assert choose(str(tmp_path / "run"), "x", overwrite=True) == tmp_path / "run"
    assert MARK == "config.yaml"
