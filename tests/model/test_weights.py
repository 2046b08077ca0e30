"""Checkpoints that are not all of the model."""

from __future__ import annotations

import pytest
import torch

from sentiment_ft.model import classifier
from tests.model_folders import change_config, load_for_training, refusal, rewrite


@pytest.mark.parametrize("dropped", ["classifier.", ".layer.1.", "bert."])
@pytest.mark.parametrize("action", [classifier.load_for_use, load_for_training])
def test_weights_that_are_missing_are_not_drawn_at_random(folder, dropped, action):
    rewrite(folder, lambda weights: {key: value for key, value in weights.items() if dropped not in key})
    message = refusal(action, folder)
    assert str(folder) in message and "lacks" in message and dropped in message


@pytest.mark.parametrize("dropped", ["classifier.", "pooler.", "layer.0.attention.self.query.weight"])
def test_an_encoder_may_lack_the_head_and_the_pooler_only(folder, dropped):
    """As a base encoder is stored: no prefix, no head; and with the head of another task."""
    change_config(folder, architectures=["BertModel"])
    rewrite(folder, lambda weights: {
        key.removeprefix("bert."): value for key, value in weights.items()
        if dropped not in key and "classifier" not in key
    } | {"cls.predictions.bias": torch.zeros(3)})  # fmt: skip
    if dropped.startswith("layer"):
        assert f"lacks 1 of its weights (bert.encoder.{dropped})" in refusal(load_for_training, folder)
    else:
        assert load_for_training(folder).classifier.weight.shape == (2, 32)


@pytest.mark.parametrize("action", [classifier.load_for_use, load_for_training])
def test_weights_of_another_architecture_or_depth(folder, action):
    change_config(folder, num_hidden_layers=1)
    assert "16 weights of layers that config.json does not announce (bert.encoder.layer.1." in refusal(action, folder)
    change_config(folder, num_hidden_layers=2, model_type="gpt2")
    assert "lacks 29 of its weights" in refusal(action, folder)


@pytest.mark.parametrize("action", [classifier.load_for_use, load_for_training])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(folder, action, number):
    name = "bert.encoder.layer.1.output.dense.weight"
    rewrite(folder, lambda weights: weights | {name: weights[name].index_fill(0, torch.tensor(3), number)})
    assert f"holds numbers that are not finite ({name})" in refusal(action, folder)
