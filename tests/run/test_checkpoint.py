"""Checkpoints that are there whole or not at all: what is written, what is refused, what is deleted."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import stat
from collections import Counter
from pathlib import Path

import pytest

from sentiment_ft.run import checkpoint
from sentiment_ft.run.checkpoint import MANIFEST, MAX_MANIFEST_BYTES, Checkpoint, Damaged
from tests.tiny import contents

FILES = {"model": b"weights " * 40, "optimizer": bytes(range(256)), "empty": b"", "best/model": b"best weights " * 20}


def fill(staged: Path, files: dict[str, bytes]) -> dict[str, checkpoint.File]:
    for name, content in files.items():
        (staged / name).parent.mkdir(exist_ok=True)
        (staged / name).write_bytes(content)
    return {name: checkpoint.seal(staged / name) for name in files}


def save(parent: Path, update: int = 10, files: dict[str, bytes] = FILES) -> Checkpoint:
    staged = checkpoint.stage(parent, update)
    return checkpoint.commit(staged, fill(staged, files))


@pytest.fixture
def parent(tmp_path) -> Path:
    return tmp_path / "checkpoints"


@pytest.fixture
def saved(parent) -> Path:
    return save(parent).folder


def body_of(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text().splitlines()[0])


def forge(folder: Path, line: str | bytes) -> None:
    """Write a manifest whose own hash is right, whatever it says."""
    line = line if isinstance(line, bytes) else line.encode()
    (folder / MANIFEST).write_bytes(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n")


def damage(folder: Path) -> None:
    (folder / "model").write_bytes(b"W" + FILES["model"][1:])


# --- whole ----------------------------------------------------------------------------------------------------------


def test_round_trip(parent):
    committed = save(parent, 150)
    assert committed.folder == parent / "0001-update-150" and (committed.number, committed.update) == (1, 150)
    assert os.listdir(parent) == ["0001-update-150"]
    files = contents(committed.folder)
    assert files.pop(MANIFEST).isascii() and files == FILES
    for name, content in FILES.items():
        assert committed.files[name] == checkpoint.File(len(content), hashlib.sha256(content).hexdigest())
    assert checkpoint.verify(committed.folder) == checkpoint.read(committed.folder) == committed
    assert checkpoint.newest(parent, pytest.fail) == committed


def test_numbers_go_on_from_the_highest_there_is_and_are_no_text(parent):
    save(parent, 50)
    assert save(parent, 20).folder.name == "0002-update-20", "an update may be lower: of a run that went back"
    (parent / "9999-update-1").mkdir()
    latest = save(parent, 7)
    assert latest.folder.name == "10000-update-7", "a damaged one's number is not given again"
    assert checkpoint.newest(parent, pytest.fail) == latest


def test_when_no_number_is_left_it_is_an_error_of_the_disk(parent):
    """Somebody has made such a folder: a run goes on, with a warning."""
    (parent / "999999999999-update-1").mkdir(parents=True)
    with pytest.raises(OSError, match="no number is left"):
        save(parent, 50)


@pytest.mark.parametrize("links", [True, False])
def test_an_older_one_becomes_the_newest(parent, monkeypatch, links):
    oldest, newer = save(parent, 50), save(parent, 100)
    assert checkpoint.renew(newer) == newer and len(os.listdir(parent)) == 2, "it is the newest already"
    if not links:
        monkeypatch.setattr(os, "link", lambda *names: (_ for _ in ()).throw(OSError(1, "Operation not permitted")))
    again = checkpoint.renew(oldest)
    assert again.folder.name == "0003-update-50" and again.files == oldest.files
    assert checkpoint.newest(parent, pytest.fail) == checkpoint.verify(again.folder)
    assert sorted(os.listdir(parent)) == ["0001-update-50", "0002-update-100", "0003-update-50"]


def test_newest_tells_each_newer_one_that_is_damaged(parent):
    first, second, third, fourth = (save(parent, update) for update in (10, 20, 30, 40))
    for other in (first, third):
        damage(other.folder)
    (fourth.folder / MANIFEST).unlink()
    told = []
    assert checkpoint.newest(parent, told.append) == second
    assert [one.where for one in told] == [fourth.folder / MANIFEST, third.folder / "model"]
    assert str(told[1]) == f"{third.folder / 'model'}: has not the content that the manifest says"
    damage(second.folder)
    assert checkpoint.newest(parent, told.append) is None and told[-1].where == first.folder / "model"


def test_newest_of_nothing_is_none(parent):
    assert checkpoint.newest(parent, pytest.fail) is None
    parent.mkdir()
    for name in ("best", ".0001-update-1.part", ".0001-update-1.old", "1-update-1", "0001-update-1.zip"):
        (parent / name).mkdir()
    assert checkpoint.newest(parent, pytest.fail) is None


def test_read_looks_at_the_manifest_alone(saved):
    damage(saved)
    assert checkpoint.read(saved).files.keys() == FILES.keys()


# --- refused --------------------------------------------------------------------------------------------------------


def as_link(path: Path) -> None:
    """Put a link to the same content in its place: only that it is a link can be refused."""
    elsewhere = path.parents[1] / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_file(path: Path) -> None:
    shutil.rmtree(path)
    path.touch()


@pytest.mark.parametrize(
    ("name", "change", "where", "what"),
    [
        ("model", as_link, "model", "is not a plain file"),
        (MANIFEST, as_link, MANIFEST, "is not a plain file"),
        ("best", as_link, "best", "is not a folder"),
        ("", as_link, "", "is not a folder"),
        ("model", as_fifo, "model", "is not a plain file"),
        (MANIFEST, as_fifo, MANIFEST, "is not a plain file"),
        ("model", as_folder, "model", "is not a plain file"),
        ("best", as_file, "best", "is not a folder"),
        ("", as_file, "", "is not a folder"),
        ("model", Path.unlink, "model", "cannot be read: No such file or directory"),
        (MANIFEST, Path.unlink, MANIFEST, "cannot be read: No such file or directory"),
        ("best", shutil.rmtree, "best/model", "cannot be read: No such file or directory"),
        ("", shutil.rmtree, MANIFEST, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_plain_file_or_folder_in_its_place(saved, name, change, where, what):
    change(saved / name)
    with pytest.raises(Damaged) as refusal:
        checkpoint.verify(saved)
    assert (refusal.value.where, refusal.value.what) == (saved / where, what)
    assert checkpoint.newest(saved.parent, lambda _: None) is None


def test_whatever_belongs_to_somebody_else(saved, monkeypatch):
    """As root, who may give files away, on real owners too; else by another answer to who we are."""
    looks, foreign = [], None

    def who() -> int:
        looks.append(None)
        return saved.stat().st_uid + (len(looks) - 1 == foreign)

    monkeypatch.setattr(os, "geteuid", who)
    checkpoint.verify(saved)
    expected = len(looks)
    assert expected == 2 + len(FILES) + 1, "the folder, the manifest, each file, best/"
    for foreign in range(expected):  # noqa: B007
        looks.clear()
        with pytest.raises(Damaged, match="belongs to another user"):
            checkpoint.verify(saved)
    monkeypatch.undo()
    for name in ("", MANIFEST, "best", *FILES) if os.geteuid() == 0 else ():
        os.chown(saved / name, 4711, -1)
        with pytest.raises(Damaged, match=r"belongs to another user \(uid 4711\)"):
            checkpoint.verify(saved)
        os.chown(saved / name, 0, -1)


def test_manifest_of_another_checkpoint(parent):
    first, second = save(parent, 10), save(parent, 20)
    shutil.copy(first.folder / MANIFEST, second.folder / MANIFEST)
    with pytest.raises(Damaged, match="is of another checkpoint"):
        checkpoint.verify(second.folder)


@pytest.mark.parametrize("name", ["0002-update-10", "0001-update-11"])
def test_folder_under_another_name(saved, name):
    with pytest.raises(Damaged, match="is of another checkpoint"):
        checkpoint.verify(saved.rename(saved.with_name(name)))


@pytest.mark.parametrize("name", ["best", "1-update-10", "0001-update-", ".0001-update-10.part", "0001-update-10\n"])
def test_folder_that_is_not_named_like_a_checkpoint(saved, name):
    with pytest.raises(Damaged, match="is not named like a checkpoint"):
        checkpoint.verify(saved.rename(saved.with_name(name)))


def test_manifest_of_another_version(saved):
    forge(saved, json.dumps(body_of(saved) | {"format": checkpoint.FORMAT + 1}))
    with pytest.raises(Damaged, match="another version"):
        checkpoint.verify(saved)


@pytest.mark.parametrize(
    "name",
    [
        "../model", "{outside}", ".hidden", "best/.hidden", ".best/model", "best/../model", "a/b/model", "best//model",
        "./model", "..", ".", "", "best/", "model\n", "model\0", "mo del", "mödel", "m" * 201, MANIFEST,
    ],
)  # fmt: skip
def test_file_names_that_no_checkpoint_has(saved, name):
    """What they lead to is there and has the bytes that the manifest says: only the name can be refused."""
    (saved.parent / "model").write_bytes(FILES["model"])
    for inner in (".best", "a/b"):
        (saved / inner).mkdir(parents=True)
    for inner in (".hidden", "best/.hidden", ".best/model", "a/b/model", "mo del"):
        (saved / inner).write_bytes(FILES["model"])
    body = body_of(saved)
    body["files"][name.format(outside=saved.parent / "model")] = body["files"]["model"]
    forge(saved, json.dumps(body))
    with pytest.raises(Damaged, match="names a file that no checkpoint has"):
        checkpoint.verify(saved)


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"[]", b"{}", b"{", b"\xff", b"[" * 100_000, b'{"files":' * 50_000, b"9" * 5_000]
    + [b'{"format": 1, "number": 1, "update": 10, "files": %s}' % files for files in (b"[]", b'{"model": 1}')]
    + [b'{"format": 1, "number": 1, "files": {}}', b'{"format": 1, "number": 1, "update": 10}']
    + [b'{"format": 1, "number": 1, "update": 10, "files": {"model": {"bytes": 1}}}']
    + [b'{"format": 1, "number": 1, "update": 10, "files": {"model": {"bytes": 1, "sha256": "", "mode": 1}}}'],
    ids=lambda line: repr(line)[:60],
)
def test_what_is_no_manifest(saved, line):
    """Deep nesting too: it must not end the program that looks for a checkpoint."""
    forge(saved, line)
    with pytest.raises(Damaged, match="is not a manifest"):
        checkpoint.verify(saved)


def test_manifest_that_is_too_large_is_not_read_to_its_end(saved):
    line = json.dumps(body_of(saved))
    forge(saved, line + " " * (MAX_MANIFEST_BYTES // 2))
    checkpoint.verify(saved)
    forge(saved, line + " " * MAX_MANIFEST_BYTES)
    with pytest.raises(Damaged, match="is too large"):
        checkpoint.verify(saved)


def mutated(rng: random.Random, files: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """(kind, the files that are different now) of one accident."""
    kind = rng.choice(["bits flipped", "cut", "swapped", "zeros", "appended"])
    name, other = rng.sample(sorted(files), 2)
    content = bytearray(files[name])
    start = rng.randrange(len(content) + 1)
    if kind == "bits flipped" and content:
        for _ in range(rng.choice([1, 1, 2, 8])):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del content[start:]
    elif kind == "swapped":
        return kind, {name: files[other], other: files[name]}
    elif kind == "zeros":
        end = rng.randint(start, len(content))
        content[start:end] = bytes(end - start)
    elif kind == "appended":
        content += rng.choice([b"\n", b"\0", b" ", bytes(content), rng.randbytes(rng.randint(1, 64))])
    return kind, {name: bytes(content)}


def test_every_mutation_is_damage(saved):
    whole, rng, undetected, counts = contents(saved), random.Random(20), [], Counter()
    while counts.total() < 2000:
        kind, changed = mutated(rng, whole)
        if all(whole[name] == content for name, content in changed.items()):
            continue
        for name, content in changed.items():
            (saved / name).write_bytes(content)
        try:
            checkpoint.verify(saved)
            undetected.append((kind, sorted(changed)))
        except Damaged:
            pass
        for name in changed:
            (saved / name).write_bytes(whole[name])
        counts[kind, min(changed)] += 1
    assert not undetected
    assert len(counts) >= 20 and counts["bits flipped", MANIFEST] > 20, "every kind, in every file"
    checkpoint.verify(saved)


# --- deleted --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [1, 2, 3, 4, 9])
def test_prune_keeps_the_newest(parent, keep):
    every = [save(parent, update) for update in range(10, 50, 10)]
    (parent / "notes").mkdir()
    checkpoint.prune(parent, every[-1], keep)
    assert sorted(os.listdir(parent)) == [*sorted(one.folder.name for one in every[-keep:]), "notes"]


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_prune_keeps_the_newest_that_is_whole(parent, keep):
    every = [save(parent, update) for update in range(10, 60, 10)]
    for broken in every[3:]:
        damage(broken.folder)
    found = checkpoint.newest(parent, lambda _: None)
    assert found == every[2]
    checkpoint.prune(parent, found, keep)
    assert len(os.listdir(parent)) == keep
    assert checkpoint.newest(parent, lambda _: None) == found


def test_prune_that_fails_leaves_them_whole(parent, monkeypatch):
    every = [save(parent, update) for update in (10, 20, 30)]

    def rename(self: Path, target: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="Input/output"):
        checkpoint.prune(parent, every[-1], 1)
    assert [checkpoint.verify(one.folder) for one in every] == every


def test_leftovers_of_killed_processes_are_swept_and_nothing_else(parent):
    kept = save(parent)
    for name in (".0002-update-20.part", ".0003-update-9.old", ".12345-update-0.part"):
        shutil.copytree(kept.folder, parent / name)
    strangers = {".hidden", "notes", ".0002-update-20.part2", ".1-update-2.old", "0001-update-10.old"}
    for name in strangers:
        (parent / name).mkdir()
    staged = checkpoint.stage(parent, 20)
    assert staged.name == ".0002-update-20.part" and not list(staged.iterdir())
    assert set(os.listdir(parent)) == strangers | {kept.folder.name, staged.name}
    checkpoint.sweep(parent)
    assert set(os.listdir(parent)) == strangers | {kept.folder.name}


# --- errors and power cuts ------------------------------------------------------------------------------------------


def test_rename_that_fails_leaves_the_others(parent, monkeypatch):
    old = save(parent)
    before = contents(parent)
    staged = checkpoint.stage(parent, 20)
    files = fill(staged, FILES)

    def rename(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename)
        with pytest.raises(OSError, match="No space left"):
            checkpoint.commit(staged, files)
    assert checkpoint.newest(parent, pytest.fail) == old
    checkpoint.discard(staged)
    assert contents(parent) == before
    assert checkpoint.newest(parent, pytest.fail) == old and save(parent, 20).number == 2


def test_each_fsync_that_fails_is_an_error_and_leaves_the_others(parent, monkeypatch):
    old = save(parent)
    before, real, calls, failing = contents(old.folder), os.fsync, [], None

    def sync(descriptor: int) -> None:
        calls.append(None)
        if len(calls) - 1 == failing:
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    second = save(parent, 20)
    expected = len(calls)
    assert expected == len(FILES) + 4, "the files, the manifest, best/, the checkpoint, the folder that it is in"
    shutil.rmtree(second.folder)
    for failing in range(expected):
        calls.clear()
        with pytest.raises(OSError, match="Input/output"):
            save(parent, 20)
        found = checkpoint.newest(parent, pytest.fail)
        assert contents(old.folder) == before
        if failing == expected - 1:
            assert found == second, "whole, but a power cut may take it away"
        else:
            assert found == old


def test_file_system_that_cannot_sync_folders(parent, monkeypatch):
    real = os.fsync

    def sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    saved = save(parent)
    assert checkpoint.newest(parent, pytest.fail) == saved


def test_all_is_on_the_disk_before_it_has_its_name_and_the_name_before_it_is_said(parent, monkeypatch):
    """A power cut keeps what was synced, and of the rest whatever it likes."""
    events, real_sync, real_rename = [], os.fsync, Path.rename

    def sync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        events.append((found.st_ino, found.st_size if stat.S_ISREG(found.st_mode) else None))
        real_sync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        events.append("named")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "rename", rename)
    folder = save(parent).folder
    assert events[0] == (parent.parent.stat().st_ino, None), "that the new folder of checkpoints is there"
    named = events.index("named")
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    assert {(one.st_ino, one.st_size) for one in files} <= set(events[:named]), "with all their bytes"
    last = max(index for index, event in enumerate(events[:named]) if event[1] is not None)
    assert {(path.stat().st_ino, None) for path in (folder, folder / "best")} <= set(events[last:named])
    assert (parent.stat().st_ino, None) in events[named:]
