"""`data make` and `data show`: what is written is read back, and every row is accounted for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sentiment_ft import cli
from sentiment_ft.synthetic.reviews import generate


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path.parent / f"{tmp_path.name}-cache"))


def call(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli.main, list(map(str, ("data", *arguments))))
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def account(*arguments: object) -> dict:
    return json.loads(call("show", *arguments, "--json"))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "CSV"])
def test_what_is_made_is_read_back(ending, model):
    call("make", f"r.{ending}", "--rows", 61, "--seed", 9)
    rows = list(generate(61, 9, "train"))
    found = account(f"r.{ending}", "-m", model, "--samples", 61)
    assert [(row["text"], row["label"]) for row in found["samples"]] == [(row.text, row.label) for row in rows]
    assert found["rows_read"] == found["rows_used"] == 61 and found["rows_rejected"] == 0
    assert sum(found["families"].values()) == 61
    assert found["families"] == {name: sum(row.family == name for row in rows) for name in found["families"]}
    assert os.listdir() == [f"r.{ending}"]


def test_the_same_seed_makes_the_same_bytes_and_families_differ():
    for name, *options in [("a",), ("b",), ("c", "--seed", 1), ("d", "--families", "held-out")]:
        call("make", f"{name}.jsonl", "--rows", 40, *options)
    a, b, c, d = (Path(f"{name}.jsonl").read_bytes() for name in "abcd")
    assert a == b and a != c
    families = [{json.loads(line)["family"] for line in content.splitlines()} for content in (a, d)]
    assert not families[0] & families[1]


def test_nothing_is_overwritten_unless_asked(tmp_path, monkeypatch):
    (tmp_path / "r.csv").write_text("mine")
    (tmp_path / "dangling.csv").symlink_to("nowhere")
    call("make", "r.csv", "--rows", 10, code=6)
    call("make", "dangling.csv", "--rows", 10, code=6)
    assert (tmp_path / "r.csv").read_text() == "mine" and not (tmp_path / "nowhere").exists()
    call("make", "r.csv", "--rows", 10, "--overwrite")
    assert (tmp_path / "r.csv").read_text().startswith("text,label,family\n")
    (tmp_path / "folder.csv").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    call("make", "~/r.csv", "--rows", 10, code=6)
    call("make", "~/r.csv", "--rows", 12, "--overwrite")
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 13
    call("make", "folder.csv", "--rows", 10, "--overwrite", code=6)


def test_file_that_appears_meanwhile_is_not_overwritten_unless_asked(tmp_path, monkeypatch):
    def rows(*_: object):
        (tmp_path / "r.csv").write_text("theirs")
        return generate(10, 1, "train")

    monkeypatch.setattr("sentiment_ft.data_make.generate", rows)
    call("make", "r.csv", "--rows", 10, code=6)
    assert (tmp_path / "r.csv").read_text() == "theirs"
    assert (tmp_path / "r-2.csv").read_text().startswith("text,label,family\n")
    call("make", "r.csv", "--rows", 10, "--overwrite")
    assert (tmp_path / "r.csv").read_text().startswith("text,label,family\n")


def test_names_of_files_and_families_cannot_move_the_cursor(model, tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "cache\x9b\u202e"))
    rows = [{"text": f"good {row}", "label": row % 2, "family": "f\x9b\u202e"} for row in range(4)] + [{"text": "x"}]
    (tmp_path / "r\x9b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for more in ((), ("--json",)):
        shown = call("show", "r\x9b.jsonl", "-m", model, *more)
        assert not {"\x9b", "\u202e"} & set(shown) and "202e" in shown


@pytest.mark.parametrize("name", ["r.xlsx", "r", "r.json"])
def test_unknown_endings_write_nothing(name, tmp_path):
    call("make", name, "--rows", 10, code=2)
    assert os.listdir(tmp_path) == []


def test_every_row_is_accounted_for(model, tmp_path):
    lines = [{"text": f"good {row}", "label": row % 2} for row in range(20)]
    lines += [{"text": "", "label": 1}] * 3 + [{"text": "meh", "label": "neutral"}] * 2 + [{"text": "x"}]
    text = "".join(json.dumps(line) + "\n" for line in lines) + "broken {\n"
    (tmp_path / "r.jsonl").write_text(text)
    found = account("r.jsonl", "-m", model, "--max-length", 8)
    assert found["rows_read"] == 27 == found["rows_used"] + found["rows_rejected"]
    assert found["rejected_by_reason"] == {
        "no text": 3,
        "unknown label 'neutral'": 2,
        "no label": 1,
        "broken JSON": 1,
    }
    assert found["labels"] == {"negative": 10, "positive": 10}
    rejected = [json.loads(line) for line in Path(found["rejected_file"]).read_text().splitlines()]
    assert [record["line"] for record in rejected] == list(range(21, 28))
    shown = call("show", "r.jsonl", "-m", model, "--max-length", 8)
    assert "27 read = 20 used + 7 rejected" in shown and "3 x no text" in shown
    assert any(line.endswith(found["rejected_file"]) for line in shown.splitlines()), "the path stays in one piece"


def test_lengths_are_those_of_the_tokenizer(model, tmp_path):
    texts = ["good", "good film", "good " * 30, "bad"]
    (tmp_path / "r.csv").write_text("text,label\n" + "".join(f"{text},{row % 2}\n" for row, text in enumerate(texts)))
    found = account("r.csv", "-m", model, "--max-length", 16)["lengths"]
    tokens = [1 + 2, 2 + 2, 30 + 2, 1 + 2]  # words, [CLS] and [SEP]
    assert found["rows"] == 4 and found["truncated_share"] == 0.25
    assert found["real_tokens"]["mean"] == np.mean(tokens)
    assert found["real_tokens"]["p50"] == np.median(tokens) and found["real_tokens"]["p100"] == 32


def test_samples(model):
    assert len(account("synthetic", "-m", model, "-o", "synthetic_rows=50", "--samples", 5)["samples"]) == 5
    assert account("synthetic", "-m", model, "-o", "synthetic_rows=50", "--samples", 0)["samples"] == []
    assert len(account("synthetic", "-m", model, "-o", "synthetic_rows=10", "--samples", 99)["samples"]) == 10


def test_overrides_reach_the_reading(model, tmp_path):
    (tmp_path / "r.csv").write_text("title,stars\nA,1\nB,2\nC,4\nD,5\nE,3\n")
    cuts = ("-o", "negative_max_rating=2", "-o", "positive_min_rating=4", "-o", "text_column=title")
    found = account("r.csv", "-m", model, *cuts)
    assert found["labels"] == {"negative": 2, "positive": 2} and found["rows_rejected"] == 1


def test_too_many_bad_rows_are_refused_when_a_limit_is_given(model, tmp_path):
    (tmp_path / "r.csv").write_text("text,label\ngood,1\nbad,0\n,1\n")
    call("show", "r.csv", "-m", model, "--max-rejected-share", 0.1, code=3)
    assert account("r.csv", "-m", model, "--max-rejected-share", 0.4)["rows_rejected"] == 1


def test_the_second_look_is_the_same(model, tmp_path):
    call("make", "r.csv", "--rows", 30)
    assert account("r.csv", "-m", model) == account("r.csv", "-m", model)


@pytest.mark.parametrize("verb", [("data", "show", "a.csv"), ("plan", "--no-model", "-d", "a.csv")])
def test_columns_and_labels_have_flags_of_their_own_in_every_verb_that_reads(verb):
    Path("a.csv").write_text("title,words,verdict\nx,fine,5\nx,fair,4\nx,poor,1\nx,bad,1\n")
    columns = ("--text-column", "words", "--label-column", "verdict")
    for labels in (("--label-map", "{5: 1, 4: 1, 1: 0}"), ("--negative-max-rating", 2, "--positive-min-rating", 4)):
        result = CliRunner().invoke(cli.main, list(map(str, (*verb, *columns, *labels, "--json"))))
        found = json.loads(result.stdout)
        assert (found["rows_used"] if verb[0] == "data" else sum(found["rows"].values())) == 4
