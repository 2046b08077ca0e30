"""Parameters counted from files: the same number as the model has."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import pytest
from transformers import BertConfig, BertForSequenceClassification

from sentiment_ft.model import bundled
from sentiment_ft.model.size import bert_parameters, parameters, stored_parameters
from tests.tiny import write_model


@pytest.mark.parametrize(
    ("changed", "labels"),
    [
        ({}, 2),
        ({"vocab_size": 101}, 3),
        ({"hidden_size": 48, "num_attention_heads": 4}, 2),
        ({"num_hidden_layers": 5, "intermediate_size": 7}, 2),
        ({"max_position_embeddings": 33, "type_vocab_size": 1}, 5),
    ],
)
def test_formula_equals_the_model(changed, labels):
    small = {
        "vocab_size": 50,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 40,
    }
    config = BertConfig(**(small | changed), num_labels=labels)
    model = BertForSequenceClassification(config)
    assert bert_parameters(config.to_dict(), labels) == sum(parameter.numel() for parameter in model.parameters())


def test_known_models():
    base = {
        "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072,
        "max_position_embeddings": 512, "type_vocab_size": 2,
    }  # fmt: skip
    assert bert_parameters(base) == 109_483_778  # bert-base-uncased with a two-class head
    assert parameters(bundled.folder()) == 22_713_216 + 2 * 385  # all-MiniLM-L6-v2: 22.7 M, and the head


def test_header_of_safetensors_is_summed(tmp_path):
    folder = write_model(tmp_path)
    assert stored_parameters(folder / "model.safetensors") == parameters(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "other"}))
    assert parameters(folder) == stored_parameters(folder / "model.safetensors")


@pytest.mark.parametrize("content", [b"", b"1234", struct.pack("<Q", 2**60), struct.pack("<Q", 9) + b"not JSON!"])
def test_what_is_no_safetensors_file(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        stored_parameters(path)
    (tmp_path / "config.json").write_text('{"model_type": "other"}')
    assert parameters(tmp_path) is None


@pytest.mark.parametrize(
    "config", [None, "{", "[]", '{"model_type": "bert"}', '{"model_type": "bert", "hidden_size": "x"}']
)
def test_config_that_does_not_tell(tmp_path, config):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    assert parameters(tmp_path) is None


def test_needs_no_torch():
    code = "import sys, sentiment_ft.model.size; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
