"""From a config to the parts of a run; and the plan's count of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from sentiment_ft.config import Config
from sentiment_ft.data.counting import count_rows
from sentiment_ft.data.prepare import copy_rejected, leaks, length_analysis, prepare, source_of
from sentiment_ft.data.sources import Source
from sentiment_ft.errors import DataError, OutputError
from sentiment_ft.model import bundled
from tests.tiny import write_reviews


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(bundled.folder())


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIMENT_FT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("files")
    made = {
        name: str(write_reviews(folder / f"{name}.jsonl", rows, seed=rows))
        for name, rows in (("train", 150), ("own", 30))
    }
    lines = Path(made["train"]).read_text().splitlines()
    lines[10] = '{"text": "x", "label": "maybe"}'
    (folder / "spoilt.jsonl").write_text("\n".join(lines))
    (folder / "one.jsonl").write_text("".join(f'{{"text": "film {n}", "label": 1}}\n' for n in range(20)))
    families = [{"text": f"film {n}", "label": n % 2, "family": "ab"[n % 2]} for n in range(20)]
    (folder / "telling.jsonl").write_text("\n".join(map(json.dumps, families)))
    return made | {name: str(folder / f"{name}.jsonl") for name in ("spoilt", "one", "telling")}


SETTINGS = [
    {},
    {"validation_fraction": 0.33},
    {"validation_split": "families"},
    {"max_train_samples": 17},
    {"max_train_samples": 9_999},
    {"validation": "own"},
    {"validation": "own", "max_train_samples": 40},
    {"test": "own"},
    {"data": "spoilt", "test": "synthetic:held-out", "synthetic_rows": 50},
    {"data": "synthetic", "synthetic_rows": 60, "test": "synthetic:held-out"},
]


def configured(files: dict[str, str], settings: dict) -> Config:
    named = {"data": "train"} | settings
    return Config(**{key: files.get(value, value) if isinstance(value, str) else value for key, value in named.items()})


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_counting_equals_preparing_and_the_parts_share_no_row(tokenizer, files, settings):
    config = configured(files, settings)
    prepared = prepare(config, tokenizer)
    assert count_rows(config) == prepared.counts()
    if config.validation is None:
        shared = set(prepared.train.indices) & set(prepared.validation.indices)
        assert not shared
        if config.max_train_samples is None:
            total = len(prepared.train) + len(prepared.validation)
            assert total == prepared.receipts[0].rows_used == len(prepared.train.rows)
    for receipt, corpus in zip(prepared.receipts, prepared.corpora, strict=True):
        assert receipt.rows_read == receipt.rows_used + receipt.rows_rejected and len(corpus.rows) == receipt.rows_used
    for part in (prepared.train, prepared.validation):
        assert set(part.labels.tolist()) == {0, 1}


def test_max_train_samples_keeps_the_validation_rows(tokenizer, files):
    all_rows, few = (prepare(configured(files, {"max_train_samples": count}), tokenizer) for count in (None, 17))
    assert len(few.train) == 17 and set(few.train.indices) < set(all_rows.train.indices)
    assert np.array_equal(few.validation.indices, all_rows.validation.indices)


def test_own_validation_file_is_used_whole_and_training_too(tokenizer, files):
    prepared = prepare(configured(files, {"validation": "own"}), tokenizer)
    assert prepared.counts() == {"train": 150, "validation": 30}
    wanted = [json.loads(line)["text"] for line in Path(files["own"]).read_text().splitlines()]
    assert len(list(prepared.validation.texts())) == len(wanted) == 30
    assert prepared.validation.rows is not prepared.train.rows


def test_family_split_holds_families_out(tokenizer, files):
    prepared = prepare(configured(files, {"validation_split": "families"}), tokenizer)
    families = prepared.train.rows.families()
    held_out = {families[row] for row in prepared.validation.indices}
    assert held_out and not held_out & {families[row] for row in prepared.train.indices}


def test_part_is_a_view_by_place(tokenizer, files):
    prepared = prepare(configured(files, {}), tokenizer)
    part = prepared.validation
    for place in (0, len(part) - 1):
        row = int(part.indices[place])
        assert part.text(place) == part.rows.text(row) == list(part.texts())[place]
        assert part.input_ids(place).tolist() == part.rows.input_ids(row).tolist()
        assert part.lengths[place] == len(part.input_ids(place)) and part.labels[place] == part.rows.labels[row]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": "one"}, "all 20 rows are positive"),
        ({"validation": "one"}, "all 20 rows are positive"),
        ({"data": "telling", "validation_split": "families"}, "all 10 rows are"),
        ({"data": "spoilt", "max_rejected_share": 0.0}, "1 of 150 rows"),
        ({"test": "spoilt", "max_rejected_share": 0.001}, "1 of 150 rows"),
        ({"data": "no/such/file.csv"}, "no/such"),
    ],
    ids=str,
)
def test_rows_that_cannot_be_trained_on_are_refused(tokenizer, files, settings, said):
    with pytest.raises(DataError, match=said):
        prepare(configured(files, settings), tokenizer)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_families_that_leave_one_label_for_training_are_refused(tokenizer, tmp_path, seed):
    """Family a has both labels, b one: whichever is held out, the other part or this one cannot be used."""
    rows = [{"text": f"film {n}", "label": 1 if n < 10 else n % 2, "family": "ba"[n >= 10]} for n in range(20)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    config = Config(data=str(tmp_path / "a.jsonl"), validation_split="families", seed=seed)
    with pytest.raises(DataError, match="all 10 rows are positive"):
        prepare(config, tokenizer)


def test_leaks_are_found(tokenizer, files, tmp_path):
    found = leaks(prepare(configured(files, {"validation": "own"}), tokenizer))
    assert found.keys() == {"validation"} and found["validation"].exact == 2  # the two founding examples
    copies = {name: shutil.copy(files["own"], tmp_path / name) for name in ("validation.jsonl", "test.jsonl")}
    same = {"data": "own", "validation": str(copies["validation.jsonl"]), "test": str(copies["test.jsonl"])}
    found = leaks(prepare(configured(files, same), tokenizer))
    assert found["validation"].exact == found["test"].exact == 30


def test_length_analysis_by_hand(tokenizer, tmp_path):
    lines = [
        json.dumps({"text": " ".join(["good"] * words), "label": words % 2})
        for words in (1, 2, 3, 4, 5, 6, 7, 8, 9, 55)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    rows = prepare(Config(data=str(tmp_path / "a.jsonl"), max_length=10), tokenizer).train.rows
    found = length_analysis(rows.uncut_lengths, 10)
    assert found["rows"] == 10 and found["max_length"] == 10
    assert found["real_tokens"]["mean"] == 12.0  # [CLS] and [SEP] count: (45 + 55 + 20) / 10
    assert (found["real_tokens"]["p50"], found["real_tokens"]["p100"]) == (7.5, 57.0)
    assert (found["truncated_rows"], found["truncated_share"]) == (2, 0.2)  # 9 + 2 and 55 + 2 are more than 10


def test_rejected_rows_of_all_sources_are_joined(tokenizer, files, tmp_path):
    prepared = prepare(configured(files, {"data": "spoilt", "test": "own"}), tokenizer)
    copy_rejected(prepared.corpora, tmp_path / "rejected.jsonl")
    (line,) = (tmp_path / "rejected.jsonl").read_text().splitlines()
    assert json.loads(line)["line"] == 11 and "maybe" in json.loads(line)["reason"]


def test_cache_that_is_deleted_while_it_is_in_use(tokenizer, files, tmp_path):
    prepared = prepare(configured(files, {"max_length": 33}), tokenizer)
    shutil.rmtree(prepared.corpora[0].folder)
    with pytest.raises(OutputError, match="deleted while it was in use"):
        copy_rejected(prepared.corpora, tmp_path / "rejected.jsonl")


def test_columns_and_labels_are_for_the_sources_that_have_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / name / "pos").mkdir(parents=True)
        (tmp_path / name / "neg").mkdir()
    cuts = {"negative_max_rating": 2, "positive_min_rating": 4}
    mixed = Config(data="stars.csv", test="one", **cuts)
    assert source_of(mixed, "one") == Source("one") and source_of(mixed, "stars.csv").positive_min_rating == 4
    idle = Config(data="one", validation="two", test="synthetic", **cuts)
    assert [source_of(idle, name).positive_min_rating for name in ("one", "two")] == [4, 4], "refused later"


def test_sources_of_a_config():
    of_file = source_of(Config(data="a.csv", seed=7, label_map={"b": 1, "a": 0}, text_column="t"), "a.csv")
    assert (of_file.seed, of_file.text_column) == (7, "t")
    assert of_file.label_map == (("a", 0), ("b", 1)), "in an order that does not depend on the recipe's"
    config = Config(synthetic_rows=1000, seed=7)
    assert source_of(config, "synthetic").synthetic_rows == 1000
    assert source_of(config, "synthetic:held-out").synthetic_rows == 200, "a test set is a fifth"
    judged = config.model_copy(update={"data": "synthetic:held-out"})
    assert source_of(judged, "synthetic:held-out").synthetic_rows == 200, "for `eval` too: the rows of the run's test"
