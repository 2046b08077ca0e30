import json
import os
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentiment_ft import hub as front
from sentiment_ft.data import hub
from sentiment_ft.data.sources import Rejected, Row, Source, fingerprint, read
from sentiment_ft.errors import ConfigError, DataError


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def labelled(source):
    """[(text, label)] of the rows, reasons of the rejected."""
    items = list(read(source))
    rows = [(item.text, item.label) for item in items if isinstance(item, Row)]
    return rows, [item.reason for item in items if isinstance(item, Rejected)]


# files


def test_rows_of_a_file_are_clean_and_know_their_place(tmp_path):
    path = write(tmp_path / "a.csv", 'review,Sentiment,family\n"Great!<br />\nYes",Positive,f1\nbad,neg,\n')
    assert list(read(Source(str(path)))) == [
        Row("Great! Yes", 1, 2, str(path), "f1"),
        Row("bad", 0, 4, str(path), None),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"text": "", "label": 1}, "no text"),
        ({"text": "<br /> \u200b", "label": 1}, "no text"),
        ({"text": None, "label": 1}, "no text"),
        ({"text": float("nan"), "label": 1}, "no text"),
        ({"label": 1}, "no text"),
        ({"text": ["a"], "label": 1}, "text is not a string: list"),
        ({"text": 5, "label": 1}, "text is not a string: int"),
        ({"text": "x" * 100_001, "label": 1}, "text too long: 100,001 characters, at most 100,000"),
        ({"text": "a"}, "no label"),
        ({"text": "a", "label": -1}, "no label"),
        ({"text": "a", "label": 7}, "unknown label '7'"),
        ({"text": "a", "label": [1]}, "unknown label '[1]'"),
    ],
)
def test_bad_rows_are_accounted_for(tmp_path, line, reason):
    good = json.dumps({"text": "fine", "label": "pos"})
    path = write(tmp_path / "a.jsonl", f"{good}\n{json.dumps(line)}\n{good}\n")
    assert labelled(Source(str(path))) == ([("fine", 1)] * 2, [reason])


def test_words_that_pandas_takes_for_missing_are_texts(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\nNaN,1\nNA,0\nnull,1\nNone,0\n")
    assert labelled(Source(str(path))) == ([("NaN", 1), ("NA", 0), ("null", 1), ("None", 0)], [])


def test_nan_in_parquet_is_no_text(tmp_path):
    pq.write_table(pa.table({"text": ["NaN", None, "x"], "label": [1.0, 0.0, float("nan")]}), tmp_path / "a.parquet")
    assert labelled(Source(str(tmp_path / "a.parquet"))) == ([("NaN", 1)], ["no text", "no label"])


def test_predicting_needs_no_label_but_keeps_it(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,1\nb,\nc,what\n")
    assert labelled(Source(str(path), labelled=False)) == ([("a", 1), ("b", None), ("c", None)], [])
    path = write(tmp_path / "a.txt", "one\ntwo\n")
    assert labelled(Source(str(path), labelled=False)) == ([("one", None), ("two", None)], [])
    with pytest.raises(DataError, match="a txt file has no labels"):
        read(Source(str(path)))


def test_cuts_choose_the_rating_column(tmp_path):
    rows = [
        {"label": 0, "rating": 9, "text": "a"},
        {"label": 1, "rating": 2, "text": "b"},
        {"label": 1, "rating": 5, "text": "c"},
    ]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    source = Source(str(path), negative_max_rating=4, positive_min_rating=7)
    assert labelled(source) == ([("a", 1), ("b", 0)], ["rating 5 lies between 4 and 7"])
    assert labelled(Source(str(path)))[0] == [("a", 0), ("b", 1), ("c", 1)]


def test_a_contradiction_is_told_before_anything_is_read():
    with pytest.raises(ConfigError, match="two labels"):
        read(Source("no-such-file.csv", label_map=(("Good", 1), ("good", 0))))


def test_columns_missing_in_a_file(tmp_path):
    path = write(tmp_path / "a.csv", "txt,label\na,1\n")
    with pytest.raises(DataError, match="no text column") as caught:
        list(read(Source(str(path))))
    assert caught.value.where == str(path)


def test_a_key_that_comes_late_is_a_column(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\n{"text": "b", "label": 1}\n')
    assert labelled(Source(str(path))) == ([("b", 1)], ["no label"])


# folders


def test_a_folder_is_read_in_order_of_names(tmp_path):
    write(tmp_path / "b.jsonl", '{"review": "two", "stars": 0}\n')
    write(tmp_path / "a.csv", "text,label\none,1\n")
    write(tmp_path / "README.txt", "not a review\n")
    write(tmp_path / ".hidden.csv", "x\n")
    assert labelled(Source(str(tmp_path))) == ([("one", 1), ("two", 0)], [])
    assert labelled(Source(str(tmp_path), labelled=False)) == ([("one", 1), ("two", 0)], [])


def test_the_layout_of_aclimdb(tmp_path):
    write(tmp_path / "train/pos/0_9.txt", "Good.<br />\nYes")
    write(tmp_path / "train/neg/0_2.txt", "Bad")
    write(tmp_path / "train/neg/1_1.txt", b"clich\xe9")
    write(tmp_path / "train/neg/2_1.txt", "")
    write(tmp_path / "train/unsup/0_0.txt", "unlabelled")
    rows, reasons = labelled(Source(str(tmp_path / "train")))
    assert rows == [("Bad", 0), ("Good. Yes", 1)]
    assert reasons == ["not UTF-8: byte 0xe9 at byte 6 of the file", "no text"]
    with pytest.raises(DataError) as caught:
        read(Source(str(tmp_path)))
    assert caught.value.way_out == f"did you mean {tmp_path / 'train'}?"


@pytest.mark.parametrize(
    "given",
    [
        {"text_column": "y"},
        {"label_column": "y"},
        {"label_map": (("x", 1),)},
        {"negative_max_rating": 0.0, "positive_min_rating": 4.0},
    ],
)
def test_columns_and_labels_of_reviews_in_folders_are_refused(tmp_path, given):
    write(tmp_path / "pos/1.txt", "Good")
    write(tmp_path / "neg/1.txt", "Bad")
    with pytest.raises(ConfigError, match=f"{next(iter(given))} is given, and a folder with pos/ and neg/") as caught:
        list(read(Source(str(tmp_path), **given)))
    assert caught.value.where == str(tmp_path)


def test_a_packed_table_in_a_folder_is_not_left_out_in_silence(tmp_path):
    write(tmp_path / "a.csv", "text,label\none,1\n")
    write(tmp_path / "a.csv.gz", "x")
    write(tmp_path / "notes.tar.gz", "x")
    assert labelled(Source(str(tmp_path))) == ([("one", 1)], []), "its unpacked self is there"
    write(tmp_path / "b.jsonl.GZ", "x")
    with pytest.raises(DataError, match="a packed table, which would be left out") as caught:
        read(Source(str(tmp_path)))
    assert str(tmp_path / "b.jsonl.GZ") in str(caught.value)


def test_a_folder_whose_rows_are_in_folders_below_names_them(tmp_path):
    write(tmp_path / "train/b.csv", "text,label\ntwo,0\n")
    write(tmp_path / ".hidden/c.csv", "text,label\nthree,0\n")
    write(tmp_path / "notes/read.txt", "x")
    write(tmp_path / "mac/._b.csv", "x")
    with pytest.raises(DataError) as caught:
        read(Source(str(tmp_path)))
    assert caught.value.way_out == f"did you mean {tmp_path / 'train'}?"
    write(tmp_path / "dev/b.csv", "text,label\ntwo,0\n")
    with pytest.raises(DataError) as caught:
        read(Source(str(tmp_path)))
    assert caught.value.way_out.startswith(f"name one of {tmp_path / 'dev'}, {tmp_path / 'train'} (--data")
    write(tmp_path / "a.csv", "text,label\none,1\n")
    assert labelled(Source(str(tmp_path))) == ([("one", 1)], []), "its own tables are what a folder stands for"


def test_a_folder_without_rows(tmp_path):
    with pytest.raises(DataError, match="no file that can be read"):
        read(Source(str(tmp_path)))
    write(tmp_path / "a.txt", "x\n")
    with pytest.raises(DataError, match="only txt files"):
        read(Source(str(tmp_path)))


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(DataError, match="not a regular file"):
        read(Source(str(tmp_path / "a.csv")))


def test_imdb_ratings_agree_with_its_labels(shared_data):
    path = str(shared_data / "imdb" / "test.jsonl")
    by_label, by_rating = labelled(Source(path)), labelled(Source(path, negative_max_rating=4, positive_min_rating=7))
    assert by_label == by_rating and len(by_label[0]) == 2_084 and not by_label[1]
    assert not any("<br" in text for text, _ in by_label[0])


# synthetic


def test_synthetic_rows():
    rows = list(read(Source("synthetic", synthetic_rows=20)))
    assert [row.line for row in rows] == list(range(1, 21))
    assert sum(row.label for row in rows) == 10 and all(row.family for row in rows)
    held_out = list(read(Source("synthetic:held-out", synthetic_rows=20)))
    assert not {row.family for row in rows} & {row.family for row in held_out}


# fingerprint


def test_fingerprint_is_of_the_content_not_the_time(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\naa,1\n")
    stamp = path.stat()
    before = fingerprint(Source(str(path)))
    write(path, "text,label\nbb,1\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert path.stat().st_size == stamp.st_size
    assert fingerprint(Source(str(path))) != before
    write(path, "text,label\naa,1\n")
    assert fingerprint(Source(str(path))) == before


@pytest.mark.parametrize(
    "change",
    [
        {"text_column": "text"},
        {"label_column": "label"},
        {"label_map": (("a", 1),)},
        {"negative_max_rating": 4.0},
        {"positive_min_rating": 7.0},
        {"labelled": False},
    ],
)
def test_fingerprint_of_a_file_follows_the_fields_that_matter(tmp_path, change):
    source = Source(str(write(tmp_path / "a.csv", "text,label\naa,1\n")))
    assert fingerprint(replace(source, **change)) != fingerprint(source)
    assert fingerprint(replace(source, seed=7, synthetic_rows=7)) == fingerprint(source)


@pytest.mark.parametrize("change", [{"seed": 7}, {"synthetic_rows": 7}, {"name": "synthetic:all"}])
def test_fingerprint_of_synthetic_rows(change):
    assert fingerprint(replace(Source("synthetic"), **change)) != fingerprint(Source("synthetic"))
    assert fingerprint(Source("synthetic", text_column="x")) == fingerprint(Source("synthetic"))


def test_fingerprint_follows_the_versions(monkeypatch):
    before = fingerprint(Source("synthetic"))
    monkeypatch.setattr("sentiment_ft.data.sources.CLEANING_VERSION", 99)
    changed = fingerprint(Source("synthetic"))
    monkeypatch.setattr("sentiment_ft.synthetic.reviews.GENERATOR_VERSION", 99)
    assert len({before, changed, fingerprint(Source("synthetic"))}) == 3


def test_fingerprint_sees_files_added_and_swapped(tmp_path):
    write(tmp_path / "a.csv", "text,label\none,1\n")
    one = fingerprint(Source(str(tmp_path)))
    write(tmp_path / "b.csv", "text,label\ntwo,1\n")
    two = fingerprint(Source(str(tmp_path)))
    write(tmp_path / "a.csv", "text,label\ntwo,1\n")
    write(tmp_path / "b.csv", "text,label\none,1\n")
    assert len({one, two, fingerprint(Source(str(tmp_path)))}) == 3


# hub


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("hub:imdb", ("imdb", None, "train")),
        ("hub:stanfordnlp/imdb:test", ("stanfordnlp/imdb", None, "test")),
        ("hub:nyu-mll/glue@sst2:validation", ("nyu-mll/glue", "sst2", "validation")),
        ("hub:glue@sst2", ("glue", "sst2", "train")),
        ("hub:imdb:train[:10%]", ("imdb", None, "train[:10%]")),
    ],
)
def test_hub_names(written, expected):
    name = hub.parse_name(written)
    assert (name.name, name.config, name.split) == expected


@pytest.mark.parametrize("written", ["hub:", "hub:a/b/c", "hub:../x", "hub:a b", "hub:imdb:"])
def test_names_that_are_none(written):
    with pytest.raises(DataError, match="names no data set") as caught:
        read(Source(written))
    assert "hub:NAME" in caught.value.way_out


@pytest.fixture
def fake_hub(monkeypatch):
    """`datasets.load_dataset` that gives real Datasets made here and records its arguments."""
    import datasets

    calls = []
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])})
    data = {"text": ["bad<br />one", "good", "?"], "label": [1, 0, -1]}

    def load_dataset(*arguments, **options):
        calls.append((arguments, options))
        return datasets.Dataset.from_dict(data, features=features)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(hub, "_check_reachable", lambda *_: True)
    return data, calls


def test_hub_rows_take_the_names_of_the_labels(fake_hub):
    assert labelled(Source("hub:some/reviews@plain:test")) == ([("bad one", 0), ("good", 1)], ["no label"])
    assert fake_hub[1] == [(("some/reviews", "plain"), {"split": "test", "streaming": False})]


def test_hub_fingerprint_is_of_the_rows(fake_hub):
    before = fingerprint(Source("hub:some/reviews"))
    assert fingerprint(Source("hub:some/reviews")) == before
    fake_hub[0]["text"][0] = "other"
    assert fingerprint(Source("hub:some/reviews")) != before


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (ValueError("Unknown split \"dev\". Should be one of ['train']."), "Unknown split"),
        (RuntimeError("Dataset scripts are no longer supported"), "scripts are no longer supported"),
        (ConnectionError("Couldn't reach"), "cannot be reached"),
    ],
)
def test_hub_faults_are_told_without_a_traceback(fake_hub, monkeypatch, error, what):
    import datasets

    def fails(*_, **__):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", fails)
    with pytest.raises(DataError, match=what) as caught:
        read(Source("hub:imdb"))
    assert caught.value.where == "hub:imdb" and caught.value.way_out


@pytest.fixture
def fresh_hub(monkeypatch):
    """Nothing remembered about the hub, no switch and no proxy."""
    for name in ("HF_HUB_OFFLINE", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    remembered = (front.reachable, hub._check_reachable)
    for answer in remembered:
        answer.cache_clear()
    yield
    for answer in remembered:
        answer.cache_clear()


def test_nobody_at_the_hubs_address_is_told_before_a_library_asks(fresh_hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: pytest.fail("asked"))
    with pytest.raises(DataError, match="hub cannot be reached: no connection within 3 s"):
        read(Source("hub:stanfordnlp/imdb"))


def test_the_hub_is_asked_once_for_a_name(fresh_hub, monkeypatch):
    asked = []

    class Api:
        def dataset_info(self, name, timeout):
            asked.append((name, timeout))

    monkeypatch.setattr(front, "reachable", lambda: True)
    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    assert hub._check_reachable("imdb", "hub:imdb") and hub._check_reachable("imdb", "hub:imdb")
    assert asked == [("imdb", 5.0)]


def test_an_unreachable_hub_is_told_in_seconds(fresh_hub, monkeypatch):
    """A proxy is believed at first, so the library has to find out."""
    import huggingface_hub

    api = huggingface_hub.HfApi
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api(endpoint="http://127.0.0.1:9"))  # nobody listens there
    monkeypatch.setattr(front, "reachable", lambda: True)
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: pytest.fail("would retry for 23 s"))
    with pytest.raises(DataError, match="hub cannot be reached") as caught:
        read(Source("hub:stanfordnlp/imdb"))
    assert "HF_HUB_OFFLINE=1" in caught.value.way_out


def test_offline_and_not_in_the_cache(fresh_hub, monkeypatch):
    def fails(*_, **__):
        raise ConnectionError("Couldn't reach")

    monkeypatch.setattr("datasets.load_dataset", fails)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match="not in the local cache, and HF_HUB_OFFLINE forbids"):
        read(Source("hub:stanfordnlp/imdb"))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("synthetic:held-in", "no such synthetic rows"),
        ("x" * 5000 + ".csv", "File name too long"),
        ("a\0b.csv", "embedded null byte"),
        ("", "not a regular file|no file that can be read|no such file"),
    ],
)
def test_names_of_nothing(tmp_path, monkeypatch, name, what):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=what):
        read(Source(name))
    with pytest.raises(DataError):
        fingerprint(Source(name))


def test_a_folder_with_the_name_of_a_data_set_is_not_taken_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imdb").mkdir()
    with pytest.raises(DataError, match="there is a file or folder 'imdb' here"):
        read(Source("hub:imdb"))
