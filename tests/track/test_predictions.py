"""predictions.jsonl: every judged row once, with where it came from; the worst errors first."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from sentiment_ft.data import cache
from sentiment_ft.data.prepare import Part
from sentiment_ft.data.sources import Source
from sentiment_ft.errors import OutputError
from sentiment_ft.model import bundled
from sentiment_ft.track import predictions
from sentiment_ft.track.predictions import write_errors, write_predictions


@pytest.fixture
def part(tmp_path, monkeypatch) -> Part:
    """Rows 7, 5, 3, 1 of a file of eight; the odd ones are positive, but for row 3."""
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "cache"))
    lines = [{"text": f"é film {number}", "label": int(number % 2 and number != 3)} for number in range(8)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    tokenizer = AutoTokenizer.from_pretrained(bundled.folder())
    return Part.of(cache.load(Source(str(tmp_path / "a.jsonl")), tokenizer, 16).rows, np.array([7, 5, 3, 1]))


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_row_in_order_with_its_place(part, tmp_path):
    write_predictions(tmp_path / "p.jsonl", part, np.array([0.9, 0.2, 0.50000004, 0.5]))
    found = read(tmp_path / "p.jsonl")
    assert found[0] == {
        "id": 7, "file": str(tmp_path / "a.jsonl"), "line": 8, "text": "é film 7", "label": 1, "prediction": 1,
        "p_positive": 0.9,
    }  # fmt: skip
    assert [row["id"] for row in found] == [7, 5, 3, 1]
    assert [row["prediction"] for row in found] == [1, 0, 1, 0], "decided before rounding; one half is negative"
    assert [row["p_positive"] for row in found] == [0.9, 0.2, 0.50000004, 0.5], "digits enough to see why"
    assert [row["label"] for row in found] == [1, 1, 0, 1]
    assert "é film" in (tmp_path / "p.jsonl").read_text("utf-8")


def test_errors_are_the_wrong_rows_the_surest_first(part, tmp_path):
    write_errors(tmp_path / "e.jsonl", part, np.array([0.9, 0.2, 0.99, 0.4]))
    assert [(row["id"], row["p_positive"]) for row in read(tmp_path / "e.jsonl")] == [(3, 0.99), (5, 0.2), (1, 0.4)]


def test_only_the_worst_errors_are_kept(part, tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "WORST_ERRORS", 2)
    write_errors(tmp_path / "e.jsonl", part, np.array([0.1, 0.2, 0.99, 0.4]))
    assert [row["id"] for row in read(tmp_path / "e.jsonl")] == [3, 7]


def test_no_errors_are_an_empty_file(part, tmp_path):
    write_errors(tmp_path / "e.jsonl", part, np.array([0.9, 0.9, 0.1, 0.9]))
    assert (tmp_path / "e.jsonl").read_bytes() == b""


def test_full_disk(part, full_disk):
    with pytest.raises(OutputError, match="No space left"):
        write_predictions(full_disk / "p.jsonl", Part.of(part.rows, np.zeros(2000, np.int64)), np.full(2000, 0.5))
