"""One padded micro-batch: the same as the tokenizer's own padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from sentiment_ft.data import cache
from sentiment_ft.data import rows as table
from sentiment_ft.data.collate import collate
from sentiment_ft.data.prepare import Part
from sentiment_ft.data.sources import Source
from sentiment_ft.model import bundled


@pytest.fixture
def part(tmp_path, monkeypatch) -> tuple[Part, AutoTokenizer]:
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path))
    monkeypatch.setattr(table, "CHUNK", 7)
    tokenizer = AutoTokenizer.from_pretrained(bundled.folder())
    rows = cache.load(Source("synthetic", synthetic_rows=30), tokenizer, 24).rows
    return Part.of(rows, np.arange(29, -1, -2)), tokenizer  # every other row, from the end


def test_batch_is_what_the_tokenizer_pads(part):
    part, tokenizer = part
    places = np.array([0, 14, 3, 3, 7])
    batch = collate(part, places, 0, torch.device("cpu"))
    texts = [part.text(place) for place in places]
    own = tokenizer(texts, padding="longest", truncation=True, max_length=24, return_tensors="pt")
    assert torch.equal(batch["input_ids"], own["input_ids"])
    assert torch.equal(batch["attention_mask"], own["attention_mask"])
    assert batch["labels"].tolist() == part.labels[places].tolist() and batch["labels"].dtype == torch.int64
    assert batch["attention_mask"].sum() == part.lengths[places].sum()


def test_padding_id_is_the_models(part):
    part, _ = part
    places = np.array([int(part.lengths.argmin()), int(part.lengths.argmax())])
    batch = collate(part, places, 77, torch.device("cpu"))
    padding = batch["attention_mask"] == 0
    assert padding.any() and (batch["input_ids"][padding] == 77).all()
    assert batch["input_ids"].shape == (2, part.lengths.max())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_same_on_a_gpu(part):
    part, _ = part
    there, here = (collate(part, np.arange(8), 0, torch.device(kind)) for kind in ("cuda", "cpu"))
    assert all(torch.equal(there[key].cpu(), here[key]) for key in here)
