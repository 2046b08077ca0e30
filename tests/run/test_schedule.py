"""The learning rate: hand values, and transformers' scheduler as a second opinion."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import get_scheduler

from sentiment_ft.config import Config
from sentiment_ft.run.schedule import learning_rate

SHAPES = get_args(Config.model_fields["lr_scheduler_type"].annotation)


def rates(total: int, warmup: int, shape: str, peak: float = 1.0) -> list[float]:
    return [learning_rate(update, peak=peak, total=total, warmup=warmup, shape=shape) for update in range(total)]


def test_hand_values():
    assert rates(6, 2, "linear") == [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    assert rates(6, 2, "constant", peak=2.0) == [1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert rates(6, 2, "cosine") == pytest.approx([0.5, 1, 1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2])
    assert rates(1, 0, "linear") == [1.0]
    assert learning_rate(900, peak=1.0, total=900, warmup=500, shape="linear") == 0.0


@given(data=st.data(), shape=st.sampled_from(SHAPES), total=st.integers(1, 60), peak=st.floats(1e-6, 1e-2))
def test_equals_transformers_after_the_warm_up_and_is_one_update_ahead_within(data, shape, total, peak):
    warmup = data.draw(st.integers(0, total - 1))
    name = {"constant": "constant_with_warmup"}.get(shape, shape)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    theirs = []
    for _ in range(total + 1):
        theirs.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    ours = rates(total, warmup, shape, peak)
    assert ours[warmup:] == pytest.approx(theirs[warmup:total], rel=1e-9, abs=1e-12 * peak)
    assert ours[:warmup] == pytest.approx(theirs[1 : warmup + 1], rel=1e-9)


@given(shape=st.sampled_from(SHAPES), total=st.integers(1, 500), share=st.floats(0, 0.99))
def test_no_update_is_wasted_and_none_is_above_the_peak(shape, total, share):
    warmup = int(share * total)
    found = rates(total, warmup, shape)
    assert all(0 < rate <= 1 for rate in found) and max(found) == 1.0
    assert found[:warmup] == sorted(found[:warmup]) and found[warmup:] == sorted(found[warmup:], reverse=True)


def test_unknown_shape_is_our_own_fault():
    with pytest.raises(AssertionError):
        learning_rate(0, peak=1.0, total=1, warmup=0, shape="polynomial")
