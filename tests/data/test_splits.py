"""What is held out: a partition, per label or per family, decided by the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_ft.config import Config
from sentiment_ft.data.splits import by_config, sample, stratified, whole_families
from sentiment_ft.errors import DataError

FRACTIONS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**32 - 1)
BOTH = st.tuples(st.integers(2, 200), st.integers(2, 200), SEEDS)  # rows of label 0, of label 1, seed of their order


def labels_of(drawn: tuple[int, int, int]) -> np.ndarray:
    negative, positive, seed = drawn
    return np.random.default_rng(seed).permutation(np.repeat([0, 1], [negative, positive])).astype(np.int8)


def assert_partition(train: np.ndarray, held_out: np.ndarray, rows: int) -> None:
    assert sorted([*train, *held_out]) == list(range(rows)), "every row once"
    assert list(train) == sorted(train) and list(held_out) == sorted(held_out)
    assert len(train) and len(held_out)


@given(drawn=BOTH, fraction=FRACTIONS, seed=SEEDS)
def test_stratified_split_is_a_partition_with_the_share_of_each_label(drawn, fraction, seed):
    labels = labels_of(drawn)
    train, held_out = stratified(labels, fraction, seed)
    assert_partition(train, held_out, len(labels))
    for label in (0, 1):
        rows, taken = (labels == label).sum(), (labels[held_out] == label).sum()
        assert 1 <= taken <= rows - 1
        assert abs(taken - fraction * rows) <= (0.5 if 1 <= fraction * rows <= rows - 1 else 1)
    again = stratified(labels, fraction, seed)
    assert all(map(np.array_equal, (train, held_out), again))


def test_another_seed_holds_out_other_rows():
    labels = np.tile(np.array([0, 1], np.int8), 500)
    chosen = [set(stratified(labels, 0.2, seed)[1]) for seed in (1, 2)]
    assert len(chosen[0] & chosen[1]) < 80  # 40 are expected by chance, of 200


def test_founding_split_by_hand():
    train, held_out = stratified(np.tile(np.array([0, 1], np.int8), 1500), 0.2, 42)
    assert (len(train), len(held_out)) == (2400, 600)


def test_label_with_one_row_cannot_be_split():
    with pytest.raises(DataError, match="1 row with label 1"):
        stratified(np.array([0, 0, 0, 1], np.int8), 0.2, 0)


@given(
    names=st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=200).filter(lambda names: len(set(names)) > 1),
    fraction=FRACTIONS,
    seed=SEEDS,
)
def test_family_split_holds_whole_families_out(names, fraction, seed):
    train, held_out = whole_families(names, fraction, seed)
    assert_partition(train, held_out, len(names))
    families = [{names[row] for row in rows} for rows in (train, held_out)]
    assert not families[0] & families[1]
    if len(families[0]) > 1:  # else every family but one is out, and it may be less
        assert len(held_out) >= fraction * len(names)
    sizes = [names.count(name) for name in families[1]]
    assert len(sizes) == 1 or len(held_out) - max(sizes) < fraction * len(names), "no family more than needed"


@pytest.mark.parametrize("names", [["a", "a"], [None, None], ["a", "b", None]])
def test_rows_without_families_are_refused(names):
    with pytest.raises(DataError, match="family"):
        whole_families(names, 0.5, 0)


def test_config_chooses_the_way():
    labels = np.tile(np.array([0, 1], np.int8), 50)
    families = list("aabbccddee") * 10
    rows = by_config(Config(validation_split="families", validation_fraction=0.3), labels, lambda: families)[1]
    assert len(rows) == 40 and len({families[row] for row in rows}) == 2  # of five families of 20 rows
    assert len(by_config(Config(validation_fraction=0.3), labels, lambda: pytest.fail("asked for families"))[1]) == 30


@given(drawn=BOTH, seed=SEEDS, data=st.data())
def test_sample_has_its_size_and_both_labels_in_proportion(drawn, seed, data):
    labels = labels_of(drawn)
    pool, _ = stratified(labels, 0.3, seed)
    count = data.draw(st.integers(2, len(labels) + 5))
    chosen = sample(labels, pool, count, seed)
    assert len(chosen) == min(count, len(pool)) and set(chosen) <= set(pool) and list(chosen) == sorted(set(chosen))
    share = labels[pool].mean()
    assert abs(labels[chosen].sum() - share * len(chosen)) <= 1
    assert set(labels[chosen]) == {0, 1}
