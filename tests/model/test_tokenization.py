"""Tokenizers that fit their model, and how long a row may be."""

from __future__ import annotations

import json

import pytest

from sentiment_ft.errors import ConfigError, ModelError
from sentiment_ft.model import tokenization
from tests.model_folders import change_config, load_for_training, refusal


def test_positions_of_roberta_start_after_the_padding(folder):
    change_config(folder, model_type="roberta", max_position_embeddings=514, pad_token_id=1)
    assert tokenization.max_positions(str(folder)) == 512


def test_longest_row_without_word_from_the_tokenizer_is_the_positions(good):
    tokenizer = tokenization.load_tokenizer(str(good))
    tokenizer.model_max_length = int(1e30)
    assert tokenization.longest_row(tokenizer, str(good)) == 128


@pytest.mark.parametrize("length", ["x", -3, 7, 0, True, 12.5, [], float("nan")])
def test_a_length_that_is_none_is_refused(folder, length):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": length}))
    with pytest.raises(ModelError) as caught:
        tokenization.longest_row(tokenization.load_tokenizer(str(folder)), str(folder))
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(("length", "rows"), [(8, 8), (512, 128), (1e30, 128), (int(1e30), 128), (None, 128)])
def test_lengths_that_tokenizers_have(folder, length, rows):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": length}))
    assert tokenization.longest_row(tokenization.load_tokenizer(str(folder)), str(folder)) == rows


def test_rows_as_long_as_asked_and_no_longer_than_the_positions(good):
    tokenizer = tokenization.load_tokenizer(str(good))
    tokenizer.model_max_length = 16
    found = [tokenization.row_limit(tokenizer, str(good), asked) for asked in (None, 8, 100, 128)]
    assert found == [16, 8, 100, 128]
    with pytest.raises(ConfigError, match="129 is more than the model's 128 positions"):
        tokenization.row_limit(tokenizer, str(good), 129)


def test_tokenizer_of_another_model_is_refused(good):
    model, tokenizer = load_for_training(good), tokenization.load_tokenizer(str(good))
    tokenization.check_vocabulary(model, tokenizer, str(good))
    tokenizer.add_tokens(["unheard-of"])
    with pytest.raises(ModelError, match="ids up to 30522, its embedding table 30522 rows"):
        tokenization.check_vocabulary(model, tokenizer, str(good))


def test_folder_without_vocabulary(folder):
    (folder / "vocab.txt").unlink()
    assert len(tokenization.load_tokenizer(str(folder))) == 30522, "tokenizer.json is enough"
    (folder / "tokenizer.json").unlink()
    assert "has no vocabulary" in refusal(tokenization.load_tokenizer, folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"]))
    assert "its tokenizer has 6 words, the model 30,522" in refusal(tokenization.load_tokenizer, folder)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"version": "1.0"}'])
def test_damaged_tokenizer(folder, content):
    (folder / "tokenizer.json").write_text(content)
    assert str(folder) in refusal(tokenization.load_tokenizer, folder)
