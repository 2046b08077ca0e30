"""Paired statistics against published numbers, numbers by hand, and other ways to compute the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from sentiment_ft.judge.intervals import Z
from sentiment_ft.judge.paired import mcnemar, paired, tango


@pytest.mark.parametrize(
    ("gained", "lost", "rows", "expected"),
    [
        # Airway hyper-responsiveness before and after a transplantation, the example of Fagerland, Lydersen and Laake
        # (Statistics in Medicine 2014): their table of intervals has Tango's as -0.517 to -0.026.
        (1, 7, 21, (-0.517, -0.026)),
        # Without a discordant row the equation is N d^2 = z^2 d (1 - d): d = z^2 / (N + z^2).
        (0, 0, 600, (-(Z**2) / (600 + Z**2), Z**2 / (600 + Z**2))),
    ],
)
def test_tango_gives_published_intervals(gained: int, lost: int, rows: int, expected: tuple[float, float]) -> None:
    assert tango(gained, lost, rows) == pytest.approx(expected, abs=0.0005)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 400))
def test_tango_solves_the_closed_form(gained: int, lost: int, more: int) -> None:
    """The ends are roots of a polynomial of fourth degree: Yang, Sun and Hardin, Statistics in Medicine 2013."""
    rows = gained + lost + more
    low, high = tango(gained, lost, rows)
    assert -1 <= low <= (gained - lost) / rows <= high <= 1
    g, d, s = Z**2, gained - lost, gained + lost
    polynomial = [
        rows**2 * (rows / g + 1) ** 2,
        -rows * d * (rows / g + 1) * (4 * rows / g + 1),
        2 * rows * d**2 * (3 * rows / g + 2) / g - rows**2 * (s / g + 1),
        rows * d * (2 * s / g + 1) - d**3 * (4 * rows / g + 1) / g,
        d**2 * (d**2 / g - s) / g,
    ]
    for end in (low, high):
        # The value of the polynomial changes its sign at the end, or is nothing beside its largest term.
        largest = max(abs(c) * abs(end) ** (4 - power) for power, c in enumerate(polynomial))
        assert abs(np.polyval(polynomial, end)) <= 1e-6 * max(largest, 1)


def test_tango_mirrors() -> None:
    low, high = tango(12, 2, 50)
    assert tango(2, 12, 50) == pytest.approx((-high, -low))


def test_all_rows_discordant() -> None:
    assert tango(10, 0, 10) == pytest.approx((0.4449, 1.0), abs=0.0001)


@pytest.mark.parametrize(
    ("gained", "lost", "expected"),
    [
        (1, 7, 18 / 256),  # 2 * (1 + 8) / 2^8
        (0, 5, 2 / 32),
        (3, 3, 1.0),
        (0, 0, 1.0),
        (4, 5, 1.0),  # twice the tail is 1 exactly: (1 + 9 + 36 + 84 + 126) / 512 = 1/2
    ],
)
def test_mcnemar_by_hand(gained: int, lost: int, expected: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(expected, rel=1e-12)
    assert mcnemar(lost, gained) == mcnemar(gained, lost)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_mcnemar_is_the_binomial_test(gained: int, lost: int) -> None:
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_counts_of_rows() -> None:
    found = paired([True, True, False, False, True], [True, False, True, True, True])
    assert (found.rows, found.both, found.gained, found.lost) == (5, 2, 2, 1)
    assert found.difference == pytest.approx(0.2)
    assert found.interval[0] < 0 < found.interval[1]


@pytest.mark.parametrize(("first", "second"), [([], []), ([True], [True, False]), ([[True]], [[True]])])
def test_lists_that_cannot_be_paired(first: list[bool], second: list[bool]) -> None:
    with pytest.raises(ValueError, match="same length"):
        paired(first, second)
