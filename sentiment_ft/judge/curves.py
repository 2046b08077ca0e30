"""The curves of a binary classifier, as points to draw; without scikit-learn, whose import takes longer than a report.

Legend: N rows, `labels` (N,) 0 or 1, `p_positive` (N,) probability of class 1; positive is called when it is above 0.5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentiment_ft.judge.scores import CALIBRATION_BINS, calibration_bin, checked

Points = NDArray[np.float64]
Counts = NDArray[np.int64]


class Thresholds(NamedTuple):
    """At every threshold, from none called positive to all, (K,) each: share of the positives found (recall), of the
    negatives called positive, and precision, which where nothing is called is that of the first call.
    """

    found: Points
    alarms: Points
    precision: Points


class Bins(NamedTuple):
    """Calibration, (K,) each, of the bins that hold rows: which bin, mean confidence, right calls, rows."""

    place: Counts
    confidence: Points
    hits: Counts
    rows: Counts


def thresholds(labels: ArrayLike, p_positive: ArrayLike) -> Thresholds | None:
    """None with rows of one label only. Raises ValueError: see `judge.scores.checked`."""
    y, p = checked(labels, p_positive)
    positives = int(y.sum())
    if not 0 < positives < y.size:
        return None
    order = np.argsort(-p, kind="stable")
    y, p = y[order], p[order]
    last = np.append(np.flatnonzero(np.diff(p)), p.size - 1)  # equal probabilities are called together
    hits, calls = np.cumsum(y)[last], last + 1
    precision = hits / calls
    return Thresholds(
        np.append(0.0, hits / positives),
        np.append(0.0, (calls - hits) / (y.size - positives)),
        np.append(precision[0], precision),
    )


def calibration(labels: ArrayLike, p_positive: ArrayLike) -> Bins:
    """How often calls of each confidence are right. Raises ValueError: see `judge.scores.checked`."""
    y, p = checked(labels, p_positive)
    confidence, right = np.maximum(p, 1 - p), (p > 0.5) == y
    index = calibration_bin(confidence)
    rows = np.bincount(index, minlength=CALIBRATION_BINS)
    place = np.flatnonzero(rows)
    mean = np.bincount(index, weights=confidence, minlength=CALIBRATION_BINS)[place] / rows[place]
    hits = np.bincount(index[right], minlength=CALIBRATION_BINS)[place]
    return Bins(place, mean, hits, rows[place])


def thinned(points: Points, most: int) -> Points:
    """At most `most` of them, even by place; the first and the last stay."""
    if len(points) <= most:
        return points
    return points[np.linspace(0, len(points) - 1, most).round().astype(np.int64)]
