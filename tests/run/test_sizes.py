"""Derived numbers, against hand-computed ones."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_ft import recipe
from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError
from sentiment_ft.run.sizes import batch_sizes, derive


def test_founding_recipe_by_hand():
    """2,400 rows in batches of 8 are 300 updates an epoch, 900 in three, 500 of them warm-up."""
    sizes = derive(recipe.load("t4").config, rows=2400, processes=1)
    assert (sizes.global_batch_size, sizes.gradient_accumulation_steps) == (8, 1)
    assert (sizes.updates_per_epoch, sizes.total_updates, sizes.warmup_updates, sizes.eval_every) == (
        300,
        900,
        500,
        300,
    )


def test_founding_recipe_with_accumulation_is_refused():
    """Batch 8 x accumulation 4 on 2,400 rows: 225 updates, fewer than the 500 of the warm-up."""
    config = recipe.load("t4", ["gradient_accumulation_steps=4"]).config
    with pytest.raises(ConfigError, match="75 updates an epoch, 225 in all") as caught:
        derive(config, rows=2400, processes=1)
    assert "500 updates of warm-up" in str(caught.value) and "below 225 (a tenth is 22)" in str(caught.value)
    with pytest.raises(ConfigError, match="225 in all"):
        derive(recipe.load("t4").config, rows=2400, processes=4)


def test_warm_up_must_leave_an_update_at_the_peak():
    assert derive(Config(warmup_steps=29, num_train_epochs=1), 240, 1).warmup_updates == 29
    with pytest.raises(ConfigError, match="30 in all"):
        derive(Config(warmup_steps=30, num_train_epochs=1), 240, 1)


@pytest.mark.parametrize(
    ("rows", "processes", "settings", "updates_per_epoch", "total"),
    [
        (8, 1, {"num_train_epochs": 1}, 1, 1),
        (9, 1, {"num_train_epochs": 1}, 2, 2),  # the short last window counts
        (1, 8, {"num_train_epochs": 1}, 1, 1),  # fewer rows than processes
        (100, 2, {"num_train_epochs": 3, "gradient_accumulation_steps": 2}, 4, 12),  # 100 / 32 = 3.1
        (100, 2, {"num_train_epochs": 2, "global_batch_size": 64}, 2, 4),
        (80, 1, {"num_train_epochs": 0.5}, 10, 5),
        (80, 1, {"num_train_epochs": 0.55}, 10, 6),  # rounded up
        (80, 1, {"num_train_epochs": 0.01}, 10, 1),
        (400, 1, {"num_train_epochs": 0.14}, 50, 7),  # 0.14 x 50 is 7.000000000000001 in floats
        (80, 1, {"num_train_epochs": 3, "max_steps": 7}, 10, 7),
        (80, 1, {"num_train_epochs": 3, "max_steps": 1000}, 10, 1000),  # as in transformers: it beats the epochs
    ],
)
def test_updates_by_hand(rows, processes, settings, updates_per_epoch, total):
    sizes = derive(Config(per_device_batch_size=8, **settings), rows, processes)
    assert (sizes.updates_per_epoch, sizes.total_updates) == (updates_per_epoch, total)
    assert (sizes.train_rows, sizes.processes) == (rows, processes)


def test_warmup_ratio_and_eval_steps():
    assert derive(Config(warmup_ratio=0.1, num_train_epochs=1), 800, 1).warmup_updates == 10
    assert derive(Config(warmup_ratio=0.1, max_steps=50), 800, 1).warmup_updates == 5, "of the updates that are made"
    assert derive(Config(), 800, 1).warmup_updates == 0
    assert derive(Config(eval_steps=7), 800, 1).eval_every == 7


def test_accumulation_follows_from_the_global_batch():
    sizes = derive(Config(per_device_batch_size=8, global_batch_size=64), 1000, 2)
    assert sizes.gradient_accumulation_steps == 4
    same = derive(Config(per_device_batch_size=8, global_batch_size=64, gradient_accumulation_steps=4), 1000, 2)
    assert same == sizes


def test_contradiction_names_both_sides_and_the_way_out():
    config = Config(per_device_batch_size=8, global_batch_size=64, gradient_accumulation_steps=3)
    with pytest.raises(ConfigError, match=r"64 contradicts .* 8 x .* 3 x 2 processes = 48"):
        derive(config, 1000, 2)


def test_global_batch_that_does_not_divide_names_what_does():
    with pytest.raises(ConfigError, match=r"32 is not a multiple of .* 12 x 2 processes = 24") as caught:
        derive(Config(per_device_batch_size=12, global_batch_size=32), 1000, 2)
    assert "1, 2, 4, 8, 16" in str(caught.value)
    with pytest.raises(ConfigError, match="multiple of 3"):
        derive(Config(per_device_batch_size=8, global_batch_size=32), 1000, 3)


def test_batch_sizes_are_known_before_the_rows_are():
    assert batch_sizes(Config(per_device_batch_size=8, global_batch_size=64), 2) == (4, 64)
    with pytest.raises(ConfigError, match="not a multiple"):
        batch_sizes(Config(per_device_batch_size=8, global_batch_size=12), 1)


def test_updates_of_an_epoch_are_exact():
    rows = 2**60 + 1  # a float has no place for the 1
    assert derive(Config(per_device_batch_size=1, max_steps=1), rows, 1).updates_per_epoch == rows


def test_a_huge_global_batch_is_refused_at_once():
    start = time.monotonic()
    with pytest.raises(ConfigError, match="not a multiple"):
        derive(Config(per_device_batch_size=7, global_batch_size=2**20), 1000, 1)
    assert time.monotonic() - start < 1


@given(
    rows=st.integers(1, 100_000),
    processes=st.integers(1, 64),
    batch=st.integers(1, 128),
    accumulation=st.none() | st.integers(1, 32),
    epochs=st.floats(0.01, 20),
    ratio=st.floats(0, 0.999),
)
def test_what_always_holds(rows, processes, batch, accumulation, epochs, ratio):
    config = Config(
        per_device_batch_size=batch,
        gradient_accumulation_steps=accumulation,
        num_train_epochs=epochs,
        warmup_ratio=ratio,
    )
    sizes = derive(config, rows, processes)
    assert sizes.global_batch_size == batch * (accumulation or 1) * processes
    assert (sizes.updates_per_epoch - 1) * sizes.global_batch_size < rows
    assert rows <= sizes.updates_per_epoch * sizes.global_batch_size
    assert sizes.total_updates >= 1 and 0 <= sizes.warmup_updates < sizes.total_updates
    assert math.isclose(sizes.total_updates, epochs * sizes.updates_per_epoch, abs_tol=1)
    fixed = Config(
        per_device_batch_size=batch,
        global_batch_size=sizes.global_batch_size,
        num_train_epochs=epochs,
        warmup_ratio=ratio,
    )
    assert derive(fixed, rows, processes) == sizes
