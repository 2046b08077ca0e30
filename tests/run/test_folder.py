"""Run folders: never overwritten silently, nothing half-written, nothing deleted that is not a run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sentiment_ft.errors import ModelError, OutputError
from sentiment_ft.run import folder as run_folder
from sentiment_ft.run.folder import (
    choose,
    create,
    fresh,
    fresh_file,
    make,
    newest_model,
    staged_file,
    write_folder,
    write_json,
    write_text,
)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def old_run(tmp_path) -> Path:
    folder = tmp_path / "run"
    create(folder, "seed: 1\n", overwrite=False)
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
    create(old_run, "seed: 2\n", overwrite=True)
    assert contents(old_run) == {"config.yaml": b"seed: 2\n"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_that_is_no_run_is_never_deleted(tmp_path, overwrite):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError):
        choose(str(tmp_path), "x", overwrite=overwrite)
    with pytest.raises(OutputError):
        create(tmp_path, "seed: 1\n", overwrite=overwrite)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_folder_taken_by_another_run_after_it_was_chosen_is_left_alone(tmp_path):
    folder = choose(str(tmp_path / "run"), "x", overwrite=False)
    create(folder, "seed: 1\n", overwrite=False)  # the other run was faster
    with pytest.raises(OutputError, match="another run"):
        create(folder, "seed: 2\n", overwrite=False)
    assert contents(folder) == {"config.yaml": b"seed: 1\n"}


def test_empty_folder_is_as_good_as_none(tmp_path):
    assert choose(str(tmp_path), "x", overwrite=False) == fresh(str(tmp_path)) == tmp_path
    create(tmp_path, "seed: 1\n", overwrite=False)
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
        create(choose(str(link), "x", overwrite=True), "seed: 2\n", overwrite=True)
    assert contents(old_run) == before and link.is_symlink()


def test_overwriting_does_not_follow_links_inside_the_run(old_run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    (old_run / "link").symlink_to(elsewhere)
    create(old_run, "seed: 2\n", overwrite=True)
    assert (elsewhere / "precious").exists()


def test_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    below = tmp_path / "file" / "run"
    for attempt in (
        lambda: create(choose(str(below), "x", overwrite=False), "seed: 1\n", overwrite=False),
        lambda: make(below),
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
    create(tmp_path / "run", "seed: 1\n", overwrite=False)
    assert choose(str(tmp_path / "run"), "x", overwrite=True) == tmp_path / "run"
    assert run_folder.MARK == "config.yaml"
