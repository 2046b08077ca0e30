"""Text to ids: the tokenizer's own cut, and a fingerprint of all that decides it."""

from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from sentiment_ft.data import encoding
from sentiment_ft.data.encoding import encode, fingerprint, pieces
from sentiment_ft.model import bundled


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(bundled.folder())


@given(
    texts=st.lists(
        st.text(max_size=60) | st.lists(st.sampled_from(["good", "unwatchable", "!", "é"]), max_size=40).map(" ".join),
        min_size=1,
        max_size=4,
    ),
    max_length=st.integers(8, 32),
)
def test_cut_is_the_tokenizers_own(tokenizer, texts, max_length):
    ids, uncut = encode(tokenizer, texts, max_length)
    own = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    assert [row.tolist() for row in ids] == own
    assert uncut == [len(tokenizer(text)["input_ids"]) for text in texts]
    assert all(row.dtype == np.int32 for row in ids)


@given(lengths=st.lists(st.integers(0, 12), max_size=12), characters=st.integers(1, 20))
def test_pieces_are_the_texts_in_order_and_as_few_as_fit(lengths, characters):
    texts = ["x" * length for length in lengths]
    found = list(pieces(texts, characters))
    assert [text for piece in found for text in piece] == texts and all(found)
    for piece, following in itertools.pairwise(found):
        assert sum(map(len, [*piece, following[0]])) > characters
    assert all(sum(map(len, piece)) <= characters or len(piece) == 1 or not any(piece[1:]) for piece in found)


def test_encoding_goes_by_pieces(tokenizer, monkeypatch):
    texts = [f"a good film number {number} of many" for number in range(9)]
    whole = encode(tokenizer, texts, 8)
    calls = []
    monkeypatch.setattr(encoding, "MAX_CHARACTERS", 70)

    def counting(some: list[str], **settings: object) -> object:
        calls.append(len(some))
        return tokenizer(some, **settings)

    ids, uncut = encode(counting, texts, 8)
    assert calls == [2, 2, 2, 2, 1]
    assert [row.tolist() for row in ids] == [row.tolist() for row in whole[0]] and uncut == whole[1]


def test_by_hand(tokenizer):
    ids, uncut = encode(tokenizer, ["good " * 100, "good", ""], 8)
    cls, sep, good = 101, 102, 2204
    assert [row.tolist() for row in ids] == [[cls, *[good] * 6, sep], [cls, good, sep], [cls, sep]]
    assert uncut == [102, 3, 2]


def test_fingerprint_does_not_change_with_use(tokenizer):
    fresh = AutoTokenizer.from_pretrained(bundled.folder())
    before = fingerprint(fresh)
    for options in ({"truncation": True, "max_length": 9}, {"padding": "max_length", "max_length": 20}, {}):
        fresh("good", **options)
        assert fingerprint(fresh) == before
    assert fingerprint(tokenizer) == before


def test_fingerprint_changes_with_what_decides_the_ids(tokenizer, tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(bundled.folder() / name, tmp_path / name)
    path = tmp_path / "tokenizer.json"
    settings = json.loads(path.read_text())
    assert settings["normalizer"]["lowercase"] is True
    settings["normalizer"]["lowercase"] = False
    path.write_text(json.dumps(settings))
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config | {"do_lower_case": False}))
    assert fingerprint(AutoTokenizer.from_pretrained(tmp_path)) != fingerprint(tokenizer)
