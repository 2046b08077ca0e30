"""Run folders: never overwritten silently, nothing half-written, nothing deleted that is not a run."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sentiment_ft.config import Config
from sentiment_ft.errors import ModelError, OutputError
from sentiment_ft.recipe import dump
from sentiment_ft.run import folder as run_folder
from sentiment_ft.run.destination import fresh, fresh_file
from sentiment_ft.run.folder import RUN_CONFIG_HEADER, choose, create, newest_model
from sentiment_ft.run.writing import staged_file, standing, write_folder, write_json, write_new_folder, write_text

ONE, TWO = (f"{RUN_CONFIG_HEADER} for a test\nseed: {seed}\n" for seed in (1, 2))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


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


def test_what_a_killed_run_left_aside_is_replaced(old_run):
    for name in (".best.new", ".best.old", "wandb", "best"):
        (old_run / name).mkdir()
        (old_run / name / "file").write_text("x")
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
    """Both have found the folder free, and both are past every look at it, when the first of them writes."""
    monkeypatch.chdir(tmp_path)
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


def test_output_file_must_be_new_in_a_folder_that_is_there(tmp_path):
    assert fresh_file(str(tmp_path / "a.jsonl")) == tmp_path / "a.jsonl"
    with pytest.raises(OutputError, match="mkdir -p"):
        fresh_file(str(tmp_path / "none" / "a.jsonl"))
    (tmp_path / "a.jsonl").symlink_to("nowhere")
    with pytest.raises(OutputError, match="exists already"):
        fresh_file(str(tmp_path / "a.jsonl"))


def test_escapes_in_a_folder_name_are_not_printed(tmp_path):
    ugly = tmp_path / "a\x1b[31m\nb"
    ugly.mkdir()
    (ugly / "x").write_text("x")
    with pytest.raises(OutputError) as caught:
        choose(str(ugly), "x", overwrite=True)
    assert "\x1b" not in str(caught.value) and r"a\x1b[31m\x0ab" in str(caught.value)


def test_staged_file_is_whole_or_absent(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old\r\nlines\n")
    assert path.read_bytes() == b"old\r\nlines\n"
    with pytest.raises(ZeroDivisionError), staged_file(path) as file:
        file.write("new, but" * 10_000)
        assert path.read_bytes() == b"old\r\nlines\n", "a reader sees the old file meanwhile"
        _ = 1 / 0
    assert contents(tmp_path) == {"a.txt": b"old\r\nlines\n"}


def test_json_with_nan_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"é": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"é": 1} and len(contents(tmp_path)) == 1


def test_lone_surrogates_can_be_written(tmp_path):
    write_text(tmp_path / "a", "x\udcff")
    assert (tmp_path / "a").read_text() == r"x\udcff"


def test_folder_is_swapped_whole(tmp_path):
    best = tmp_path / "best"
    write_folder(best, lambda staged: (staged / "one").write_text("1"))
    write_folder(best, lambda staged: (staged / "two").write_text("2"))
    assert contents(tmp_path) == {"best/two": b"2"}


def test_old_folder_survives_a_fault_while_the_new_one_is_filled(tmp_path):
    best = tmp_path / "best"
    write_folder(best, lambda staged: (staged / "one").write_text("1"))

    def fail(staged: Path) -> None:
        (staged / "two").write_text("2")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_folder(best, fail)
    assert contents(tmp_path) == {"best/one": b"1"}
    assert os.listdir(tmp_path) == ["best"]


def test_old_folder_survives_a_fault_of_the_swap(tmp_path, monkeypatch):
    best = tmp_path / "best"
    write_folder(best, lambda staged: (staged / "one").write_text("1"))
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name == ".best.new":
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OutputError, match="Input/output error"):
        write_folder(best, lambda staged: (staged / "two").write_text("2"))
    assert contents(tmp_path) == {"best/one": b"1"}


KILLED_WITHIN_THE_SWAP = """
import os, sys
from pathlib import Path
from sentiment_ft.run.writing import write_folder
real = Path.rename
def rename(self, target):
    if self.name == ".best.new":
        os._exit(9)
    return real(self, target)
Path.rename = rename
write_folder(Path(sys.argv[1]), lambda staged: (staged / "file").write_text("new"))
"""


@pytest.fixture
def killed(tmp_path) -> Path:
    """The place of a folder whose writer was killed when it had moved the old one away."""
    best = tmp_path / "best"
    write_folder(best, lambda staged: (staged / "file").write_text("old"))
    assert subprocess.run([sys.executable, "-c", KILLED_WITHIN_THE_SWAP, str(best)]).returncode == 9
    assert not best.exists()
    return best


def test_reader_finds_the_folder_of_a_writer_killed_within_the_swap(killed):
    assert Path(standing(str(killed)), "file").read_text() == "old"
    assert Path(standing(f"{killed}/"), "file").read_text() == "old"
    for name in ("bundled", "org/name", "", ".", "/", str(killed.parent), str(killed.parent / "none")):
        assert standing(name) == name


def test_next_writer_brings_back_the_folder_of_one_killed_within_the_swap(killed):
    def fail(staged: Path) -> None:
        assert (killed / "file").read_text() == "old"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_folder(killed, fail)
    assert contents(killed.parent) == {"best/file": b"old"}
    assert standing(str(killed)) == str(killed)


def test_files_are_on_the_disk_before_the_folder_is_swapped_in(tmp_path, monkeypatch):
    synced, real = set(), os.fsync

    def sync(descriptor: int) -> None:
        assert not (tmp_path / "best").exists()
        synced.add(os.fstat(descriptor).st_ino)
        real(descriptor)

    def fill(staged: Path) -> None:
        (staged / "weights").write_text("w")
        (staged / "plots").mkdir()
        (staged / "plots" / "a.png").write_text("p")

    monkeypatch.setattr(os, "fsync", sync)
    write_folder(tmp_path / "best", fill)
    assert synced == {path.stat().st_ino for path in (tmp_path / "best").rglob("*") if path.is_file()}


def test_file_that_appeared_meanwhile_is_left_alone_and_the_result_is_kept(tmp_path):
    path = tmp_path / f"{'n' * 250}.csv"
    (tmp_path / f"{'n' * 249}-2.csv").write_text("also taken")
    with (
        pytest.raises(OutputError, match=r"appeared while this ran[\s\S]*finished result is in \S+nn-3\.csv"),
        staged_file(path, new=True) as file,
    ):
        path.write_text("theirs")
        file.write("ours")
    assert sorted(contents(tmp_path).values()) == [b"also taken", b"ours", b"theirs"]
    assert path.read_text() == "theirs"


@pytest.mark.parametrize("taken", [False, True])
def test_new_file_where_there_are_no_hard_links(tmp_path, monkeypatch, taken):
    def fail(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", fail)
    path = tmp_path / "a.csv"
    with contextlib.suppress(OutputError), staged_file(path, new=True) as file:
        if taken:
            path.write_text("theirs")
        file.write("ours")
    expected = {"a.csv": b"theirs", "a-2.csv": b"ours"} if taken else {"a.csv": b"ours"}
    assert contents(tmp_path) == expected


def test_name_of_the_greatest_length(tmp_path):
    name = "n" * 255
    write_text(tmp_path / name, "x")
    write_new_folder(tmp_path / ("m" * 255), lambda staged: (staged / "a").write_text("x"))
    assert set(contents(tmp_path)) == {name, f"{'m' * 255}/a"}
    for attempt in (fresh, fresh_file, lambda name: choose(name, "x", overwrite=False)):
        with pytest.raises(OutputError, match="File name too long"):
            attempt(str(tmp_path / ("n" * 256)))


def test_new_folder(tmp_path, monkeypatch):
    fill = lambda staged: (staged / "a").write_text("ours")  # noqa: E731
    write_new_folder(tmp_path / "deep" / "new", fill)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    inode = (tmp_path / "empty").stat().st_ino
    write_new_folder(fresh(str(tmp_path / "link")), fill)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "empty").stat().st_ino == inode
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_new_folder(fresh("."), fill)
    assert os.listdir() == ["a"], "whoever stands in the folder sees the files"
    assert sorted(os.listdir(tmp_path)) == ["deep", "empty", "here", "link"]
    assert set(contents(tmp_path)) == {"deep/new/a", "empty/a", "here/a"}


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("what", ["file in it", "file"])
def test_new_folder_deletes_nothing_that_appeared_meanwhile(tmp_path, before, what):
    folder = tmp_path / "judged"
    if before:
        folder.mkdir()

    def fill(staged: Path) -> None:
        (staged / "a").write_text("ours")
        if what == "file in it":
            folder.mkdir(exist_ok=True)
            (folder / "a").write_text("theirs")
        elif not before:
            folder.write_text("theirs")
        else:
            (folder / "b").write_text("theirs")

    with pytest.raises(OutputError, match=r"finished result is in .*judged-2"):
        write_new_folder(folder, fill)
    assert sorted(contents(tmp_path).values()) == [b"ours", b"theirs"]
    assert contents(tmp_path)["judged-2/a"] == b"ours" and sorted(os.listdir(tmp_path)) == ["judged", "judged-2"]


@pytest.mark.parametrize("write", [write_folder, write_new_folder])
def test_files_of_a_folder_can_be_read_by_whom_the_umask_lets(tmp_path, write):
    def fill(staged: Path) -> None:
        (staged / "weights").write_text("w")
        (staged / "weights").chmod(0o600)

    before = os.umask(0o027)
    try:
        write(tmp_path / "best", fill)
    finally:
        os.umask(before)
    assert (tmp_path / "best" / "weights").stat().st_mode & 0o777 == 0o640


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


def test_disk_that_is_full_is_one_error_whoever_says_it(tmp_path):
    class SafetensorError(Exception):
        pass

    def fill(staged: Path) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(OutputError, match="No space left"):
        write_folder(tmp_path / "best", fill)
    assert not list(tmp_path.iterdir())


def test_full_disk_leaves_the_old_file(full_disk):
    write_text(full_disk / "a", "old")
    with pytest.raises(OutputError, match="No space left"):
        write_text(full_disk / "a", "x" * 1_000_000)
    with pytest.raises(OutputError, match="No space left"):
        write_folder(full_disk / "best", lambda staged: (staged / "w").write_bytes(b"x" * 1_000_000))
    assert contents(full_disk) == {"a": b"old"}


def test_newest_model_is_of_the_newest_finished_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="no finished run"):
        newest_model()
    for age, name in enumerate(("new", "old")):
        (tmp_path / "runs" / name / "best").mkdir(parents=True)
        summary = tmp_path / "runs" / name / "summary.json"
        summary.write_text("{}")
        os.utime(summary, ns=(0, 10**18 - age))
    (tmp_path / "runs" / "broken" / "best").mkdir(parents=True)
    assert newest_model() == Path("runs/new/best")


def test_mark_is_written_first_so_that_a_broken_run_can_be_overwritten(tmp_path):
    create(tmp_path / "run", ONE, overwrite=False)
    assert choose(str(tmp_path / "run"), "x", overwrite=True) == tmp_path / "run"
    assert run_folder.MARK == "config.yaml"
