"""Dropout is a function of where in the run it falls."""

from __future__ import annotations

import torch

from sentiment_ft.run.randomness import seed_micro_batch


def draw(*place: int) -> tuple[float, ...]:
    """The first numbers drawn at (seed, window, number)."""
    seed_micro_batch(*place)
    return tuple(torch.rand(4).tolist())


def test_the_same_place_gives_the_same_mask_whatever_was_drawn_before():
    expected = draw(42, 7, 3)
    torch.rand(1001)
    draw(42, 7, 2)
    assert draw(42, 7, 3) == expected


def test_every_place_has_its_own():
    """Also (1, 2) and (2, 1), and equal sums and products; up to the largest seed and update a config may have."""
    places = [(seed, window, number) for seed in (0, 1, 2) for window in range(12) for number in range(12)]
    places += [(2**31 - 1, 2**40, 2**20), (2**31 - 1, 2**40, 2**20 - 1), (2**31 - 1, 2**40 - 1, 2**20)]
    assert len({draw(*place) for place in places}) == len(places)


def test_processes_that_share_an_update_draw_what_one_would():
    """Micro-batches 0 to 3 of a window in one process, and dealt to two: the masks are the same."""
    alone = [draw(42, 5, number) for number in range(4)]
    first, second = ([draw(42, 5, turn * 2 + process) for turn in range(2)] for process in range(2))
    assert [first[0], second[0], first[1], second[1]] == alone


def test_the_share_that_is_dropped_is_the_one_asked_for():
    """Of 200 micro-batches of 500 values with p = 0.1: 10,000 of 100,000, standard deviation 95."""
    dropped = 0
    for number in range(200):
        seed_micro_batch(42, 0, number)
        dropped += int((torch.nn.functional.dropout(torch.ones(500), 0.1) == 0).sum())
    assert abs(dropped - 10_000) < 6 * 95
