"""Groups of parameters: each trained one exactly once, biases and LayerNorm undecayed, released from the top."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
)

from sentiment_ft.errors import ModelError
from sentiment_ft.model.parameters import depth_of, freeze_embeddings, groups

LAYERS = 3


@pytest.fixture
def model() -> BertForSequenceClassification:
    return BertForSequenceClassification(
        BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=LAYERS, num_attention_heads=2, intermediate_size=20)
    )


def placed(model, found) -> dict[str, dict]:
    """Name of a parameter -> its group."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(parameter)]: group for group in found for parameter in group["params"]}


@pytest.mark.parametrize("unfreeze_every", [0, 10])
@pytest.mark.parametrize("frozen", [False, True])
def test_every_trained_parameter_is_in_exactly_one_group(model, unfreeze_every, frozen):
    if frozen:
        freeze_embeddings(model)
    found = groups(model, 0.01, unfreeze_every)
    members = [id(parameter) for group in found for parameter in group["params"]]
    assert sorted(members) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert len(members) == len(set(members)) and all(group["params"] for group in found)


def test_biases_and_layer_norm_do_not_decay(model):
    for name, group in placed(model, groups(model, 0.01)).items():
        undecayed = name.endswith(".bias") or "LayerNorm" in name
        assert group["weight_decay"] == (0.0 if undecayed else 0.01), name


def test_release_from_the_top(model):
    for name, group in placed(model, groups(model, 0.01, unfreeze_every=10)).items():
        if name.startswith(("classifier", "bert.pooler")):
            expected = 0
        elif "embeddings" in name:
            expected = 10 * (LAYERS + 1)
        else:
            expected = 10 * (LAYERS - int(name.split(".")[3]))  # bert.encoder.layer.2...: the top one, at 10
        assert group["release"] == expected, name
    assert {group["release"] for group in groups(model, 0.01)} == {0}


def test_order_of_groups_is_that_of_release(model):
    releases = [group["release"] for group in groups(model, 0.01, 5)]
    assert releases == sorted(releases) and releases[0] == 0 and releases[-1] == 5 * (LAYERS + 1)


def test_depth_by_hand():
    assert depth_of("classifier.weight", 6) == 0
    assert depth_of("bert.encoder.layer.5.output.dense.weight", 6) == 1
    assert depth_of("bert.encoder.layer.0.output.dense.weight", 6) == 6
    assert depth_of("bert.embeddings.word_embeddings.weight", 6) == 7
    assert depth_of("distilbert.transformer.layer.5.ffn.lin1.weight", 6) == 1


def test_frozen_embeddings_are_all_tables_and_nothing_else(model):
    freeze_embeddings(model)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name, _ in model.named_parameters() if name.startswith("bert.embeddings.")}
    assert len(frozen) == 5


def test_distilbert_has_layers_too():
    model = DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=50, dim=16, n_layers=2, n_heads=2, hidden_dim=20)
    )
    releases = {name: group["release"] for name, group in placed(model, groups(model, 0.01, 1)).items()}
    assert releases["pre_classifier.weight"] == 0 and releases["distilbert.embeddings.word_embeddings.weight"] == 3
    assert releases["distilbert.transformer.layer.1.ffn.lin1.weight"] == 1


def test_model_without_layers_cannot_be_released_one_by_one():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    model.config = BertConfig()  # type: ignore[assignment]
    assert len(groups(model, 0.01)) == 2
    with pytest.raises(ModelError, match="no numbered layers"):
        groups(model, 0.01, 5)
