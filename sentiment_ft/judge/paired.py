"""Two models on the same rows: is one better, and by how much?

Only the rows on which exactly one of them is right tell. Legend: N rows; `gained` of them the second alone has right,
`lost` the first alone; difference = (gained - lost) / N, accuracy of the second minus that of the first.

- p_value: the exact McNemar test (McNemar, Psychometrika 1947, with the binomial law in place of chi-squared): were
  both equally good, each discordant row would be a fair coin.
- interval: Tango's score interval ("Equivalence test and confidence interval for the difference in proportions for the
  paired-sample design", Statistics in Medicine 17, 1998), which Fagerland, Lydersen and Laake (Statistics in Medicine
  33, 2014) recommend. Without a discordant row it is [-z²/(N + z²), z²/(N + z²)], where a Wald interval claims [0, 0].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sentiment_ft.judge.intervals import LEVEL, Z

_STEPS = 60  # of the bisection: more than a double can tell apart


@dataclass(frozen=True)
class Paired:
    """Two models on N rows. both: rows that both have right. interval: of the difference, at `level`."""

    rows: int
    both: int
    gained: int
    lost: int
    difference: float
    interval: tuple[float, float]
    p_value: float
    level: float = LEVEL


def paired(first_right: ArrayLike, second_right: ArrayLike) -> Paired:
    """Compare two (N,) lists of right (true) and wrong calls of the same rows, in the same order. Raises ValueError:
    no rows, different lengths.
    """
    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        raise ValueError(f"calls {first.shape} and {second.shape} must be two lists of the same length, not empty")
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return Paired(
        rows=first.size,
        both=int((first & second).sum()),
        gained=gained,
        lost=lost,
        difference=(gained - lost) / first.size,
        interval=tango(gained, lost, first.size),
        p_value=mcnemar(gained, lost),
    )


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided p of the exact test: twice the smaller tail of Binomial(gained + lost, 1/2), at most 1."""
    coins, fewer = gained + lost, min(gained, lost)
    if coins == 0:
        return 1.0
    log_term = math.lgamma(coins + 1) - math.lgamma(fewer + 1) - math.lgamma(coins - fewer + 1) - coins * math.log(2)
    # The tail in units of its largest term: each term is the one before times i / (coins - i + 1).
    tail = term = 1.0
    for heads in range(fewer, 0, -1):
        term *= heads / (coins - heads + 1)
        tail += term
        if term < 1e-18 * tail:
            break
    return min(1.0, 2 * tail * math.exp(log_term))


def tango(gained: int, lost: int, rows: int) -> tuple[float, float]:
    """95% score interval of (gained - lost) / rows; gained + lost <= rows, rows > 0."""
    difference = (gained - lost) / rows
    low, high = -1.0, difference
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _score(middle, gained, lost, rows) > Z else (low, middle)
    lower = low
    low, high = difference, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _score(middle, gained, lost, rows) < -Z else (middle, high)
    return lower, high


def _score(difference: float, gained: int, lost: int, rows: int) -> float:
    """How many standard errors the data lie above an assumed difference. Falls as it grows.

    The error is that of the most likely share of lost rows under the assumption, root of a quadratic (Tango, eq. 9).
    """
    a = 2 * rows
    b = (2 * rows - gained + lost) * difference - gained - lost
    c = -lost * difference * (1 - difference)
    share_lost = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = rows * (2 * share_lost + difference * (1 - difference))
    above = gained - lost - rows * difference
    if variance <= 0:
        return 0.0 if above == 0 else math.copysign(math.inf, above)
    return above / math.sqrt(variance)
