"""The order of rows: a permutation, the same update at any number of processes, less padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_ft.config import Config
from sentiment_ft.data.batching import epoch_order, first_padding, micro_batches, padding_share, rows_of_update

SEEDS = st.integers(0, 2**32 - 1)
LENGTHS = st.lists(st.integers(3, 256), min_size=1, max_size=400).map(lambda values: np.array(values, np.int32))
PROCESSES = st.sampled_from([1, 2, 4, 8])


@given(lengths=LENGTHS, global_batch=st.integers(1, 64), seed=SEEDS, epoch=st.integers(0, 5), grouped=st.booleans())
def test_order_is_a_permutation_and_a_pure_function(lengths, global_batch, seed, epoch, grouped):
    order = epoch_order(lengths, global_batch, seed, epoch, group_by_length=grouped)
    assert sorted(order) == list(range(len(lengths)))
    assert np.array_equal(order, epoch_order(lengths, global_batch, seed, epoch, group_by_length=grouped))


@pytest.mark.parametrize("grouped", [True, False])
def test_epochs_and_seeds_differ(grouped):
    lengths = np.random.default_rng(0).integers(3, 60, 500).astype(np.int32)
    orders = [
        tuple(epoch_order(lengths, 8, seed, epoch, group_by_length=grouped))
        for seed, epoch in ((1, 0), (1, 1), (2, 0), (2, 1))
    ]
    assert len(set(orders)) == 4
    companies = [frozenset(frozenset(order[place : place + 8]) for place in range(0, 496, 8)) for order in orders[:2]]
    assert len(companies[0] & companies[1]) < 5, "the rows that share an update change"


def test_batches_of_a_window_are_shuffled_and_hold_neighbours_in_length():
    lengths = np.random.default_rng(0).permutation(np.arange(3, 403)).astype(np.int32)  # four windows of 12 batches
    batches = lengths[epoch_order(lengths, 8, 0, 0, group_by_length=True)].reshape(50, 8)
    assert all(batch.tolist() == sorted(batch) for batch in batches)
    assert np.mean([batch[-1] - batch[0] for batch in batches]) < 40  # of 400: seven steps among every fourth length
    falls = (np.diff(batches[:, 0]) < 0).sum()
    assert 10 < falls < 40, "not from short to long: about half of the steps go down"


@given(
    rows=st.integers(1, 300), base=st.integers(1, 4), accumulation=st.integers(1, 4), seed=SEEDS, grouped=st.booleans()
)
def test_an_update_holds_the_same_rows_at_any_number_of_processes(rows, base, accumulation, seed, grouped):
    """Global batch fixed at 8 x base x accumulation rows, any micro-batch that divides it."""
    global_batch = 8 * base * accumulation
    lengths = np.random.default_rng(seed).integers(3, 256, rows).astype(np.int32)
    order = epoch_order(lengths, global_batch, seed, 0, group_by_length=grouped)
    updates = -(-rows // global_batch)
    for update in range(updates):
        together = rows_of_update(order, update, global_batch)
        assert len(together) == (global_batch if update < updates - 1 else rows - (updates - 1) * global_batch)
        for processes in (1, 2, 4, 8):
            for per_device in {base, global_batch // processes, 1}:
                parts = [micro_batches(together, per_device, process, processes) for process in range(processes)]
                assert len({len(turns) for turns in parts}) == 1, "every process takes part in every collective"
                assert sorted(row for turns in parts for turn in turns for row in turn) == sorted(together)
                assert all(len(turn) <= per_device for turns in parts for turn in turns)
                assert len(parts[0]) <= global_batch // (per_device * processes)
    assert sorted(np.concatenate([rows_of_update(order, update, global_batch) for update in range(updates)])) == list(
        range(rows)
    )


def test_micro_batch_k_goes_to_process_k_mod_w_by_hand():
    rows = np.arange(11)
    found = [[turn.tolist() for turn in micro_batches(rows, 2, process, 3)] for process in range(3)]
    assert found == [[[0, 1], [6, 7]], [[2, 3], [8, 9]], [[4, 5], [10]]]


def test_fewer_rows_than_processes_leave_empty_turns_not_missing_ones():
    found = [[turn.tolist() for turn in micro_batches(np.arange(3), 2, process, 4)] for process in range(4)]
    assert found == [[[0, 1]], [[2]], [[]], [[]]]


@given(rows=st.integers(1, 200), per_device=st.integers(1, 16), processes=PROCESSES)
def test_first_process_never_has_an_empty_turn(rows, per_device, processes):
    assert all(len(turn) for turn in micro_batches(np.arange(rows), per_device, 0, processes))


def test_short_batch_stays_last():
    lengths = np.arange(3, 106, dtype=np.int32)
    order = epoch_order(lengths, 8, 0, 0, group_by_length=True)
    assert len(rows_of_update(order, 12, 8)) == 7
    assert len(rows_of_update(order, 13, 8)) == 0


@pytest.mark.parametrize(("rows", "global_batch"), [(2400, 16), (2400, 64), (2400, 128), (300, 32)])
def test_other_rows_share_an_update_in_the_next_epoch(rows, global_batch):
    """All lengths differ: a window over all rows would sort them into the same batches every time."""
    lengths = np.random.default_rng(0).permutation(rows).astype(np.int32)
    first, second = (
        {
            frozenset(rows_of_update(order, update, global_batch).tolist())
            for update in range(-(-rows // global_batch))
            for order in [epoch_order(lengths, global_batch, 0, epoch, group_by_length=True)]
        }
        for epoch in (0, 1)
    )
    assert not first & second


def test_padding_by_hand():
    lengths = np.array([4, 10, 4, 10, 7], np.int32)
    assert padding_share(lengths, np.arange(5), 2) == pytest.approx(1 - 35 / 47)  # 2 x 10 + 2 x 10 + 7 places
    assert padding_share(lengths, np.array([0, 2, 1, 3, 4]), 2) == 0
    assert padding_share(lengths, np.array([], int), 2) == 0


@pytest.mark.parametrize(("global_batch", "at_most"), [(8, 0.09), (32, 0.09)])
def test_grouping_takes_most_of_the_padding_away(global_batch, at_most):
    """Lengths like those of reviews: log-normal with median 20, as many rows as the founding recipe has."""
    lengths = np.clip(np.random.default_rng(1).lognormal(3.0, 0.7, 2400), 4, 256).astype(np.int32)
    shares = [
        padding_share(lengths, epoch_order(lengths, global_batch, 42, 0, group_by_length=grouped), 8)
        for grouped in (True, False)
    ]
    assert shares[0] < at_most and shares[1] > 0.4, shares


def test_first_padding_is_of_the_first_epoch():
    lengths = np.random.default_rng(1).integers(3, 60, 200).astype(np.int32)
    for grouped in (True, False):
        config = Config(per_device_batch_size=4, group_by_length=grouped, seed=3)
        order = epoch_order(lengths, 16, 3, 0, group_by_length=grouped)
        assert first_padding(lengths, config, 16) == padding_share(lengths, order, 4)
