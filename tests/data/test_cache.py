"""The cache of tokenised rows: made once per content, whole or absent, the same rows as read directly."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from sentiment_ft.data import cache
from sentiment_ft.data import rows as table
from sentiment_ft.data.rows import Rows
from sentiment_ft.data.sources import Row, Source, read
from sentiment_ft.errors import DataError, OutputError
from sentiment_ft.model import bundled
from tests.tiny import write_reviews


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(bundled.folder())


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(folder))
    return folder


@pytest.fixture
def reviews(tmp_path) -> Path:
    return write_reviews(tmp_path / "reviews.jsonl", 40)


@pytest.fixture
def mixed(tmp_path) -> Path:
    """20 rows to use, 2 of an unknown label, 1 without text, 1 that is no JSON."""
    lines = [json.dumps({"text": f"film number {number}", "label": number % 2}) for number in range(20)]
    lines[3:3] = ['{"text": "x", "label": "maybe"}', "{", '{"text": "", "label": 1}']
    lines.append('{"text": "y", "label": "maybe"}')
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(lines))
    return path


def everything(rows: Rows) -> list[tuple]:
    return [
        (rows.text(row), int(rows.labels[row]), rows.file(row), rows.line(row), family, rows.input_ids(row).tolist())
        for row, family in enumerate(rows.families())
    ]


def left_over(root: Path) -> list[str]:
    return [path.name for path in root.rglob("*") if path.name.startswith(".")]


def no_tokenising(monkeypatch) -> None:
    monkeypatch.setattr(cache.encoding, "encode", lambda *arguments: pytest.fail("tokenised again"))


@pytest.mark.parametrize(("chunk", "characters"), [(7, 10**6), (20, 10**6), (8192, 10**6), (8192, 150), (8192, 1)])
def test_rows_are_those_of_the_source_at_any_chunk(tokenizer, reviews, monkeypatch, root, chunk, characters):
    monkeypatch.setattr(table, "CHUNK", chunk)
    monkeypatch.setattr(table, "CHUNK_CHARACTERS", characters)
    corpus = cache.load(Source(str(reviews)), tokenizer, 24)
    expected = [
        (
            row.text,
            row.label,
            row.file,
            row.line,
            row.family,
            tokenizer(row.text, truncation=True, max_length=24)["input_ids"],
        )
        for row in read(Source(str(reviews)))
        if isinstance(row, Row)
    ]
    rows = corpus.rows
    assert everything(rows) == expected and len(rows) == 40 and not corpus.reused
    assert {(7, 10**6): 6, (20, 10**6): 2, (8192, 10**6): 1, (8192, 1): 40}.get((chunk, characters)) in (
        None,
        len(rows._batches),
    )
    assert characters != 150 or len({batch.num_rows for batch in rows._batches[:-1]}) > 1, "chunks of one size only"
    assert rows.lengths.tolist() == [len(row[-1]) for row in expected]
    assert rows.uncut_lengths.tolist() == [len(tokenizer(row[0])["input_ids"]) for row in expected]
    assert rows.lengths.max() == 24 < rows.uncut_lengths.max(), "something must have been cut"
    assert list(rows.texts([39, 0, 7])) == [expected[39][0], expected[0][0], expected[7][0]]
    assert list(rows.texts()) == [row[0] for row in expected]
    assert not left_over(root)


def test_rows_written_with_another_chunk_are_read(tokenizer, reviews, monkeypatch):
    monkeypatch.setattr(table, "CHUNK", 7)
    content = everything(cache.load(Source(str(reviews)), tokenizer, 24).rows)
    monkeypatch.setattr(table, "CHUNK", 9)
    again = cache.load(Source(str(reviews)), tokenizer, 24)
    assert again.reused and everything(again.rows) == content


def test_second_load_does_not_tokenise(tokenizer, reviews, monkeypatch):
    first = cache.load(Source(str(reviews)), tokenizer, 24)
    no_tokenising(monkeypatch)
    second = cache.load(Source(str(reviews)), tokenizer, 24)
    assert second.reused and everything(second.rows) == everything(first.rows) and second.receipt == first.receipt


def test_second_source_is_found_by_a_tokenizer_that_was_not_used_yet(tokenizer, reviews, monkeypatch):
    used = AutoTokenizer.from_pretrained(bundled.folder())
    sources = [Source(str(reviews)), Source("synthetic", synthetic_rows=12)]
    for source in sources:
        cache.load(source, used, 24)
    no_tokenising(monkeypatch)
    assert cache.load(sources[1], AutoTokenizer.from_pretrained(bundled.folder()), 24).reused


def test_another_length_label_map_or_tokenizer_is_read_anew(tokenizer, reviews):
    cache.load(Source(str(reviews)), tokenizer, 24)
    assert not cache.load(Source(str(reviews)), tokenizer, 25).reused
    swapped = cache.load(Source(str(reviews), label_map=(("0", 1), ("1", 0))), tokenizer, 24)
    plain = cache.load(Source(str(reviews)), tokenizer, 24)
    assert not swapped.reused and plain.reused
    assert np.array_equal(swapped.rows.labels, 1 - plain.rows.labels)
    other = AutoTokenizer.from_pretrained(bundled.folder())
    other.add_tokens(["wonderfulest"])
    assert not cache.load(Source(str(reviews)), other, 24).reused


def test_file_rewritten_at_the_same_size_and_time_is_read_anew(tokenizer, reviews):
    before = reviews.stat()
    first = cache.load(Source(str(reviews)), tokenizer, 24)
    reviews.write_bytes(reviews.read_bytes().replace(b'"label": 0', b'"label": 1'))
    os.utime(reviews, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (reviews.stat().st_size, reviews.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    second = cache.load(Source(str(reviews)), tokenizer, 24)
    assert 0 < first.rows.labels.sum() < second.rows.labels.sum() == 40


def test_receipt_adds_up(tokenizer, mixed):
    corpus = cache.load(Source(str(mixed)), tokenizer, 24)
    receipt = corpus.receipt
    assert (receipt.rows_used, receipt.rows_rejected, receipt.rows_read) == (20, 4, 24)
    assert len(corpus.rows) == 20 and sum(receipt.rejected_by_reason.values()) == 4
    assert receipt.rejected_by_reason["unknown label 'maybe'"] == 2
    assert receipt.first_rejected_at == f"{mixed}:4"
    lines = [json.loads(line) for line in (corpus.folder / "rejected.jsonl").read_text().splitlines()]
    assert [line["line"] for line in lines] == [4, 5, 6, 24]
    assert sorted(corpus.rows.line(row) for row in range(20)) == [1, 2, 3, *range(7, 24)]
    assert cache.load(Source(str(mixed)), tokenizer, 24).receipt == receipt, "the same when it is found"


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.unlink()  # what is mapped must not change below its reader
    if how != "absent":
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "other": b"[1, 2]"}[how])


@pytest.mark.parametrize("how", ["absent", "empty", "cut", "other"])
@pytest.mark.parametrize("name", ["rows.arrow", "receipt.json"])
def test_damaged_cache_is_made_again(tokenizer, reviews, name, how, root):
    first = cache.load(Source(str(reviews)), tokenizer, 24)
    content = everything(first.rows)
    damage(first.folder / name, how)
    second = cache.load(Source(str(reviews)), tokenizer, 24)
    assert not second.reused and everything(second.rows) == content
    assert cache.load(Source(str(reviews)), tokenizer, 24).reused and not left_over(root)


def test_one_flipped_bit_is_found(tokenizer, reviews):
    first = cache.load(Source(str(reviews)), tokenizer, 24)
    content, path = everything(first.rows), first.folder / "rows.arrow"
    whole = bytearray(path.read_bytes())
    place = whole.index(int(first.rows.input_ids(3)[1]).to_bytes(4, "little"))
    whole[place] ^= 1
    path.write_bytes(whole)
    second = cache.load(Source(str(reviews)), tokenizer, 24)
    assert not second.reused and everything(second.rows) == content


def test_missing_rejected_rows_and_wrong_count_are_made_again(tokenizer, reviews):
    first = cache.load(Source(str(reviews)), tokenizer, 24)
    (first.folder / "rejected.jsonl").unlink()
    assert not cache.load(Source(str(reviews)), tokenizer, 24).reused
    receipt = json.loads((first.folder / "receipt.json").read_text())
    (first.folder / "receipt.json").write_text(
        json.dumps(receipt | {"receipt": receipt["receipt"] | {"rows_used": 41}})
    )
    assert cache.load(Source(str(reviews)), tokenizer, 24).receipt.rows_used == 40


@pytest.mark.parametrize("changed", [
    {"rows_rejected": 0}, {"rejected_by_reason": {}}, {"rejected_by_reason": 5}, {"source": None}, {"rows_used": "20"},
])  # fmt: skip
def test_changed_receipt_is_made_again(tokenizer, mixed, changed):
    first = cache.load(Source(str(mixed)), tokenizer, 24)
    path = first.folder / "receipt.json"
    written = json.loads(path.read_text())
    path.write_text(json.dumps(written | {"receipt": written["receipt"] | changed}))
    second = cache.load(Source(str(mixed)), tokenizer, 24)
    assert not second.reused and second.receipt == first.receipt


def test_source_that_changes_while_it_is_read_leaves_nothing(tokenizer, reviews, monkeypatch, root):
    old = reviews.read_text()

    def changing(source):
        reviews.write_text('{"text": "fine", "label": 1}\n')
        return read(source)

    monkeypatch.setattr(cache, "read", changing)
    with pytest.raises(DataError, match="changed while it was read") as caught:
        cache.load(Source(str(reviews)), tokenizer, 24)
    assert str(reviews) in str(caught.value) and not list((root / "rows").iterdir())
    monkeypatch.setattr(cache, "read", read)
    reviews.write_text(old)
    assert len(cache.load(Source(str(reviews)), tokenizer, 24).rows) == 40


@pytest.mark.parametrize("fault", [DataError("broken"), ZeroDivisionError(), KeyboardInterrupt()])
def test_reader_that_raises_leaves_nothing(tokenizer, reviews, monkeypatch, root, fault):
    def broken(source):
        for number, row in enumerate(read(source)):
            if number == 20:
                raise fault
            yield row

    monkeypatch.setattr(cache, "read", broken)
    monkeypatch.setattr(table, "CHUNK", 7)
    with pytest.raises(type(fault)):
        cache.load(Source(str(reviews)), tokenizer, 24)
    assert not list((root / "rows").iterdir())
    monkeypatch.setattr(cache, "read", read)
    assert not cache.load(Source(str(reviews)), tokenizer, 24).reused


def test_progress_counts_the_rows_read(tokenizer, mixed, monkeypatch):
    monkeypatch.setattr(table, "CHUNK", 5)
    said: list[int] = []
    cache.load(Source(str(mixed)), tokenizer, 24, said.append)
    assert said == [8, 13, 18, 23]


def test_empty_source_is_an_empty_corpus(tokenizer, tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nfine,maybe\n")
    corpus = cache.load(Source(str(tmp_path / "a.csv")), tokenizer, 24)
    assert len(corpus.rows) == 0 and corpus.rows.families() == [] and corpus.receipt.rows_rejected == 1


def test_names_and_families_that_are_no_unicode_are_kept_as_escapes(tokenizer, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"\xff.jsonl")).write_text('{"text": "fine", "label": 1, "family": "\\ud800"}\n')
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    rows = cache.load(Source(str(folder)), tokenizer, 24).rows
    assert rows.file(0).endswith(r"\udcff.jsonl") and rows.families() == [r"\ud800"]


def test_cache_that_cannot_be_written(tokenizer, reviews, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match="token cache cannot be written: Not a directory"):
        cache.load(Source(str(reviews)), tokenizer, 24)


def test_full_disk_leaves_nothing_and_says_where(tokenizer, tmp_path, monkeypatch, full_disk):
    many = write_reviews(tmp_path / "many.jsonl", 800)
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(full_disk))
    with pytest.raises(OutputError, match=r"small-disk: the token cache cannot be written: .*No space left"):
        cache.load(Source(str(many)), tokenizer, 64)
    assert not list((full_disk / "rows").iterdir())


def test_root_of_the_cache(monkeypatch, tmp_path):
    assert cache.cache_root() == tmp_path / "cache"
    monkeypatch.delenv("SENTIMENT_FT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache.cache_root() == Path("/x/sentiment_ft")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_root() == Path.home() / ".cache" / "sentiment_ft"


def test_who_comes_second_takes_what_the_first_wrote(tokenizer, reviews, monkeypatch, root):
    """Both found nothing and both read: what the first renamed into place must stay, it may be in use."""
    real = cache._write
    inner: list[cache.Corpus] = []

    def overtaken(*arguments):
        monkeypatch.setattr(cache, "_write", real)
        inner.append(cache.load(Source(str(reviews)), tokenizer, 24))  # the other process, in the midst of ours
        real(*arguments)

    monkeypatch.setattr(cache, "_write", overtaken)
    outer = cache.load(Source(str(reviews)), tokenizer, 24)
    assert not inner[0].reused and outer.reused and outer.folder == inner[0].folder
    assert everything(outer.rows) == everything(inner[0].rows) and not left_over(root)


def test_rename_that_meets_another_folder_is_no_fault(tokenizer, reviews, monkeypatch, root):
    real = Path.rename

    def overtaken(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", real)
        cache.load(Source(str(reviews)), tokenizer, 24)  # between the look and the rename
        return real(self, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    assert len(cache.load(Source(str(reviews)), tokenizer, 24).rows) == 40 and not left_over(root)


def test_what_another_process_just_put_there_is_not_removed(tokenizer, reviews, monkeypatch, root):
    """Both found a damaged folder. The other replaces it between our look at it and our rename."""
    first = cache.load(Source(str(reviews)), tokenizer, 24)
    content = everything(first.rows)
    damage(first.folder / "rows.arrow", "cut")
    real, calls, inner, files = tempfile.mkdtemp, [], [], []

    def overtaken(**options):
        calls.append(options)
        if len(calls) == 2:  # the second is for the damaged folder
            inner.append(cache.load(Source(str(reviews)), tokenizer, 24))
            files.append((inner[0].folder / "rows.arrow").stat().st_ino)
        return real(**options)

    monkeypatch.setattr(tempfile, "mkdtemp", overtaken)
    outer = cache.load(Source(str(reviews)), tokenizer, 24)
    assert not inner[0].reused and outer.reused
    assert (outer.folder / "rows.arrow").stat().st_ino == files[0], "the other's file, not a second one"
    assert everything(outer.rows) == everything(inner[0].rows) == content and not left_over(root)


def test_rows_stay_when_their_folder_is_moved_aside_at_once(tokenizer, reviews, monkeypatch):
    real = Path.rename

    def robbed(self: Path, target: Path) -> Path:
        moved = real(self, target)
        shutil.rmtree(target)
        return moved

    monkeypatch.setattr(Path, "rename", robbed)
    assert len(everything(cache.load(Source(str(reviews)), tokenizer, 24).rows)) == 40


def test_place_that_stays_damaged_is_given_up(tokenizer, reviews, monkeypatch, root):
    def occupied(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOTEMPTY, "Directory not empty", str(self))

    monkeypatch.setattr(Path, "rename", occupied)
    with pytest.raises(OutputError, match="comes back damaged"):
        cache.load(Source(str(reviews)), tokenizer, 24)
    assert not left_over(root)


def test_what_killed_processes_left_goes_after_a_day(tokenizer, reviews, root):
    long_ago = time.time() - 2 * 24 * 3600
    for name in (".dead-a", ".dead-empty", ".slow-b", ".new-c"):
        (root / "rows" / name).mkdir(parents=True)
        if name != ".dead-empty":
            (root / "rows" / name / "rows.arrow").write_bytes(b"x")
    os.utime(root / "rows" / ".dead-a" / "rows.arrow", (long_ago, long_ago))
    for name in (".dead-a", ".dead-empty", ".slow-b"):
        os.utime(root / "rows" / name, (long_ago, long_ago))
    cache.load(Source(str(reviews)), tokenizer, 24)
    assert sorted(left_over(root)) == [".new-c", ".slow-b"], "one is written to this minute"


def test_threads_at_once_agree(tokenizer, reviews, root):
    found: list[list[tuple]] = []

    def load() -> None:
        own = AutoTokenizer.from_pretrained(bundled.folder())
        found.append(everything(cache.load(Source(str(reviews)), own, 24).rows))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(rows == found[0] for rows in found) and not left_over(root)


@pytest.mark.slow
def test_processes_at_once_agree(reviews, root):
    code = (
        "import sys\nfrom transformers import AutoTokenizer\nfrom sentiment_ft.data import cache\n"
        "from sentiment_ft.data.sources import Source\nfrom sentiment_ft.model import bundled\n"
        "tokenizer = AutoTokenizer.from_pretrained(bundled.folder())\n"
        "sys.stdin.readline()\n"
        "for length in range(8, 28):\n"
        "    rows = cache.load(Source(sys.argv[1]), tokenizer, length).rows\n"
        "    print(length, len(rows), int(rows.lengths.sum()), rows.text(39))\n"
    )
    start = [sys.executable, "-c", code, str(reviews)]
    processes = [
        subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert said[0][0] == said[1][0] == said[2][0] and said[0][0].count("\n") == 20
    assert len(list((root / "rows").iterdir())) == 20 and not left_over(root)
