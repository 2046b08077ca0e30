"""The curves of a binary classifier, as points to draw.

Legend: N rows, `labels` (N,) 0 or 1, `p_positive` (N,) probability of class 1; positive is called when it is above 0.5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentiment_ft.judge.scores import CALIBRATION_BINS, calibration_bin, checked

Points = NDArray[np.float64]


class Bins(NamedTuple):
    """Calibration, one place for each bin that holds rows: mean confidence, share of right calls, rows."""

    confidence: Points
    accuracy: Points
    rows: NDArray[np.int64]


def roc(labels: ArrayLike, p_positive: ArrayLike, most: int | None = None) -> tuple[Points, Points] | None:
    """False and true positive rate, (K,) each, at most `most` points; None with rows of one label only."""
    from sklearn import metrics

    y, p = checked(labels, p_positive)
    if not 0 < y.sum() < y.size:
        return None
    false_rate, true_rate, _ = metrics.roc_curve(y, p, drop_intermediate=False)
    return _thinned(false_rate, most), _thinned(true_rate, most)


def precision_recall(labels: ArrayLike, p_positive: ArrayLike, most: int | None = None) -> tuple[Points, Points] | None:
    """Recall and precision, (K,) each, at most `most` points; None with rows of one label only."""
    from sklearn import metrics

    y, p = checked(labels, p_positive)
    if not 0 < y.sum() < y.size:
        return None
    precision, recall, _ = metrics.precision_recall_curve(y, p)
    return _thinned(recall, most), _thinned(precision, most)


def calibration(labels: ArrayLike, p_positive: ArrayLike) -> Bins:
    """How often calls of each confidence are right."""
    y, p = checked(labels, p_positive)
    confidence = np.maximum(p, 1 - p)
    right = ((p > 0.5) == y).astype(np.float64)
    index = calibration_bin(confidence)
    rows = np.bincount(index, minlength=CALIBRATION_BINS)
    used = np.flatnonzero(rows)
    share = np.bincount(index, weights=right, minlength=CALIBRATION_BINS)[used] / rows[used]
    mean = np.bincount(index, weights=confidence, minlength=CALIBRATION_BINS)[used] / rows[used]
    return Bins(mean, share, rows[used])


def _thinned(values: Points, most: int | None) -> Points:
    """Evenly by place; the first and the last stay."""
    if most is None or len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).round().astype(np.int64)]
