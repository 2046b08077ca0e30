"""Point values of every score of a binary classifier.

Legend: N rows. `labels` (N,) int, 0 negative and 1 positive. `p_positive` (N,) float64, the probability of class 1.
A row is called positive when p_positive > 0.5; a tie is negative, as `argmax` over (negative, positive) decides it.
A score that is not defined for the rows at hand is None: these numbers go to JSON, which has no NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SCORES = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "mcc",
    "roc_auc",
    "average_precision",
    "log_loss",
    "expected_calibration_error",
)
CALIBRATION_BINS = 15  # as in Guo et al. 2017, so that the number compares with published ones

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]


def checked(labels: ArrayLike, p_positive: ArrayLike) -> tuple[Labels, Probabilities]:
    """Both as (N,) arrays, int64 and float64.

    Raises ValueError: no rows, different lengths, a label other than 0 and 1, a probability outside [0, 1] or not a
    number.
    """
    raw, p = np.asarray(labels), np.asarray(p_positive, dtype=np.float64)
    if raw.ndim != 1 or raw.shape != p.shape:
        raise ValueError(f"labels {raw.shape} and p_positive {p.shape} must be two lists of the same length")
    if raw.size == 0:
        raise ValueError("no rows to judge: scores need at least one labelled row")
    if not np.isin(raw, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, found {sorted({str(v) for v in raw[~np.isin(raw, (0, 1))]})[:5]}")
    wrong = ~((p >= 0) & (p <= 1))  # true for NaN as well
    if wrong.any():
        raise ValueError(f"p_positive must lie in [0, 1]: row {int(np.argmax(wrong))} is {p[wrong][0]}")
    return raw.astype(np.int64), p


def confusion(labels: ArrayLike, p_positive: ArrayLike) -> dict[str, int]:
    """How many rows of each label were called what."""
    y, p = checked(labels, p_positive)
    true_negative, false_positive, false_negative, true_positive = np.bincount(2 * y + (p > 0.5), minlength=4).tolist()
    return {
        "true_negative": true_negative,
        "false_positive": false_positive,
        "false_negative": false_negative,
        "true_positive": true_positive,
    }


def scores(labels: ArrayLike, p_positive: ArrayLike) -> dict[str, float | None]:
    """Every name in SCORES -> value, or None where it is not defined.

    precision needs a row called positive, recall a positive row, f1 one of the two; mcc, roc_auc and average_precision
    need rows of both labels, and mcc also calls of both kinds (scikit-learn says 0.0 there, which reads like a
    measured chance level). log_loss is in nats; probabilities are clipped to [2.2e-16, 1 - 2.2e-16], so one row that
    is certain and wrong costs 36.04. Raises ValueError as `checked` does.
    """
    from sklearn import metrics

    y, p = checked(labels, p_positive)
    called = (p > 0.5).astype(np.int64)
    both_labels = 0 < y.sum() < y.size
    both_calls = 0 < called.sum() < called.size
    values: dict[str, Any] = {
        "accuracy": metrics.accuracy_score(y, called),
        "precision": metrics.precision_score(y, called) if called.any() else None,
        "recall": metrics.recall_score(y, called) if y.any() else None,
        "f1": metrics.f1_score(y, called) if called.any() or y.any() else None,
        "mcc": metrics.matthews_corrcoef(y, called) if both_labels and both_calls else None,
        "roc_auc": metrics.roc_auc_score(y, p) if both_labels else None,
        "average_precision": metrics.average_precision_score(y, p) if both_labels else None,
        "log_loss": metrics.log_loss(y, p, labels=[0, 1]),
        "expected_calibration_error": expected_calibration_error(y, p),
    }
    return {name: None if values[name] is None else float(values[name]) for name in SCORES}


def calibration_bin(confidence: Probabilities) -> NDArray[np.int64]:
    """(N,) confidence in [0.5, 1] -> index of its bin; bin m is (m/15, (m+1)/15]; two classes reach 7 to 14."""
    return np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1


def expected_calibration_error(labels: ArrayLike, p_positive: ArrayLike) -> float:
    """Mean over rows of |accuracy - mean confidence| of the row's bin of confidence; 0 is perfectly calibrated.

    ECE = sum over bins of |B|/N * |acc(B) - conf(B)|: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural
    Networks", ICML 2017, equation 3. The confidence is that of the predicted class, max(p, 1 - p), in 15 equal-width
    bins of [0, 1].
    """
    y, p = checked(labels, p_positive)
    confidence = np.maximum(p, 1 - p)
    right = (p > 0.5) == y
    # |B|/N * |acc - conf| = |sum of (right - confidence) over B| / N: no division by an empty bin.
    gaps = np.bincount(calibration_bin(confidence), weights=right - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / y.size)
