"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from sentiment_ft.errors import OutputError
from sentiment_ft.run.destination import fresh, fresh_file
from sentiment_ft.run.folder import choose
from sentiment_ft.run.writing import staged_file, standing, write_folder, write_json, write_new_folder, write_text
from tests.tiny import contents


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


@pytest.mark.parametrize("who", ["safetensors", "tokenizers"])
def test_disk_that_is_full_is_one_error_whoever_says_it(full_disk, who):
    """They have types of their own for it."""

    def fill(staged: Path) -> None:
        if who == "safetensors":
            save_file({"weights": torch.zeros(100_000)}, staged / "weights.safetensors")
        else:
            words = {f"word{number}": number for number in range(20_000)}
            Tokenizer(WordLevel(words, "word0")).save(str(staged / "tokenizer.json"))

    with pytest.raises(OutputError, match=r"best: cannot be written: No space left on device\nway out: free space"):
        write_folder(full_disk / "best", fill)
    assert not list(full_disk.iterdir())


def test_full_disk_leaves_the_old_file(full_disk):
    write_text(full_disk / "a", "old")
    with pytest.raises(OutputError, match="No space left"):
        write_text(full_disk / "a", "x" * 1_000_000)
    with pytest.raises(OutputError, match="No space left"):
        write_folder(full_disk / "best", lambda staged: (staged / "w").write_bytes(b"x" * 1_000_000))
    assert contents(full_disk) == {"a": b"old"}
