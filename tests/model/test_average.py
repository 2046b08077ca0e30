"""The average of the weights, beside numbers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sentiment_ft.model import average
from sentiment_ft.model.average import Average


def parameter(values, dtype=torch.float32) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(values, dtype=dtype))


def set_to(weight: torch.nn.Parameter, value: float) -> None:
    with torch.no_grad():
        weight.fill_(value)


@pytest.mark.parametrize("share", [0.5, 0.25, 0.1])
def test_every_update_has_the_weight_that_the_share_gives_it(share, monkeypatch):
    monkeypatch.setattr(average, "EVERY", 1)
    weight = parameter([0.0])
    found = Average([weight], share)
    values = np.random.default_rng(0).normal(size=40)
    for update, value in enumerate(values, 1):
        set_to(weight, value)
        found.look(update)
    power = 1 / share - 1
    steps = np.arange(1, 41)
    remains = (steps / 40) ** power  # of what was there after update s, this is left at update 40
    own = remains - ((steps - 1) / 40) ** power
    assert own.sum() == pytest.approx(1)
    assert found.values[0].item() == pytest.approx(own @ values, rel=1e-5)


def test_half_is_the_plain_mean(monkeypatch):
    monkeypatch.setattr(average, "EVERY", 1)
    weight = parameter([9.0])
    found = Average([weight], 0.5)
    for update in range(1, 6):
        set_to(weight, float(update))
        found.look(update)
    assert found.values[0].item() == pytest.approx(3.0), "the 9.0 from before training is forgotten"


def test_the_mean_age_is_the_share_of_the_updates_so_far():
    weight = parameter([0.0])
    found = Average([weight], 0.1)
    for update in range(1, 8001):
        set_to(weight, float(update))
        found.look(update)
    assert 8000 - found.values[0].item() == pytest.approx(800, rel=0.01)


def test_weights_that_no_look_has_seen_yet_count_when_they_are_judged():
    weight = parameter([1.0, 2.0])
    found = Average([weight], 0.1)
    for update, value in ((1, 5.0), (2, 6.0), (3, 7.0)):
        set_to(weight, value)
        found.look(update)
    with found.in_place(3):
        assert weight.tolist() == [7.0, 7.0], "of the start, and of updates between two looks, nothing is left"
    set_to(weight, 8.0)
    for _ in range(2):
        with found.in_place(4):
            assert weight.tolist() == pytest.approx([8 - (3 / 4) ** 9] * 2), "and they count once"


def test_weights_come_back_to_the_bit_also_after_a_fault():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(50) * 1e-3)
    found = Average([weight], 0.1)
    found.look(8)
    own = weight.detach().mul_(3).clone()
    with pytest.raises(ZeroDivisionError), found.in_place(9):
        assert not torch.equal(weight, own)
        _ = 1 / 0
    assert torch.equal(weight, own)
    found.keep()
    assert torch.equal(weight, found.values[0]) and not torch.equal(weight, own)


def test_weights_that_are_put_aside_take_no_more_memory():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(50))
    found = Average([weight], 0.1)
    found.look(8)
    own = weight.detach().mul_(3).clone()
    place = found.values[0].data_ptr()
    with found.in_place(9):
        mean = weight.detach().clone()
        assert torch.equal(found.values[0], own) and found.values[0].data_ptr() == place
    assert torch.equal(found.values[0], mean) and torch.equal(weight, own)


def test_the_average_holds_what_bf16_weights_would_round_away():
    weight = parameter([1.0], torch.bfloat16)
    found = Average([weight], 0.1)
    found.look(8000)
    set_to(weight, 1.0078125)  # the next number that bf16 has
    found.look(8008)
    assert 1.0 < found.values[0].item() < 1.0001
    mean = found.values[0].clone()
    with found.in_place(8008):
        assert weight.dtype == torch.bfloat16 and weight.item() == 1.0
    assert weight.item() == 1.0078125 and torch.equal(found.values[0], mean), "both exactly"
