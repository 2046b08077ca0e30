"""The average of the weights, beside numbers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sentiment_ft.model import average
from sentiment_ft.model.average import Average, NoAverage


def parameter(values, dtype=torch.float32) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(values, dtype=dtype))


def test_recursion_by_hand_with_the_decay_of_every_look(monkeypatch):
    monkeypatch.setattr(average, "EVERY", 2)
    weight = parameter([1.0, 2.0])
    found = Average([weight], decay=0.5)  # of two updates: 0.25
    expected = np.array([1.0, 2.0])
    for update in range(1, 9):
        with torch.no_grad():
            weight.add_(1.0)
        found.look(update)
        if update % 2 == 0:
            decay = min(0.25, [1 / 10, 2 / 11, 3 / 12, 4 / 13][update // 2 - 1])
            expected = decay * expected + (1 - decay) * (np.array([1.0, 2.0]) + update)
        np.testing.assert_allclose(found.values[0].numpy(), expected, rtol=1e-6, err_msg=f"update {update}")


def test_weights_come_back_to_the_bit_also_after_a_fault():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(50) * 1e-3)
    own = weight.detach().clone()
    found = Average([weight], decay=0.9)
    found.values[0].fill_(7.0)
    with pytest.raises(ZeroDivisionError), found.in_place():
        assert (weight == 7.0).all()
        _ = 1 / 0
    assert torch.equal(weight, own) and (found.values[0] == 7.0).all()
    found.keep()
    assert (weight == 7.0).all()


def test_the_average_holds_what_bf16_weights_would_round_away(monkeypatch):
    monkeypatch.setattr(average, "EVERY", 1)
    weight = parameter([1.0], torch.bfloat16)
    found = Average([weight], decay=0.999)
    with torch.no_grad():
        weight.fill_(1.0078125)  # the next number that bf16 has
    for update in range(1, 10):
        found.look(update)
        assert 1.0 < found.values[0].item() <= 1.0078125 and found.values[0].dtype == torch.float32
    with found.in_place():
        assert weight.dtype == torch.bfloat16


def test_the_average_of_a_short_run_has_forgotten_the_start():
    weight = parameter([0.0])
    found = Average([weight], decay=0.9999)
    with torch.no_grad():
        weight.fill_(1.0)
    for update in range(1, 201):
        found.look(update)
    assert found.values[0].item() > 0.999, "with the bare decay it would be 0.02"


def test_without_an_average_nothing_happens():
    none = NoAverage()
    none.look(8)
    with none.in_place():
        none.keep()
