"""Scores of many resamples of the same rows at once.

A resample draws N rows with replacement. It is held as one row of counts (how often each row was drawn), so every
score becomes sums over counts and no resample is ever sorted: 25,000 rows x 1,000 resamples take 4 s where a
loop over scikit-learn takes about 1 min. Legend: N rows, S resamples, G distinct probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.judge.scores import CALIBRATION_BINS, Labels, Probabilities, calibration_bin

CELLS = 1 << 20  # counts held at once: 8 MiB in float64, and about ten arrays of that size live together

Floats = NDArray[np.float64]


def resample_counts(rows: int, samples: int, seed: int) -> Iterator[Floats]:
    """Chunks (S', N) of counts, `samples` rows in all; each row sums to N. The same seed gives the same counts."""
    generator = np.random.default_rng(seed)
    step = max(1, CELLS // rows)
    for start in range(0, samples, step):
        size = min(step, samples - start)
        drawn = generator.integers(0, rows, size=(size, rows))
        drawn += np.arange(size)[:, None] * rows  # one histogram for the whole chunk
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def bootstrap(labels: Labels, p_positive: Probabilities, samples: int, seed: int) -> dict[str, Floats]:
    """mcc, roc_auc, average_precision, log_loss, expected_calibration_error -> (S,) values, NaN where undefined."""
    order = np.argsort(-p_positive, kind="stable")  # from surely positive to surely negative
    y, p = labels[order], p_positive[order]
    last_of_group = np.flatnonzero(np.append(p[1:] != p[:-1], True))  # (G,) equal probabilities share a threshold
    sums = _sums_per_row(y, p)
    chunks = [_scores_of(counts, y, last_of_group, sums) for counts in resample_counts(y.size, samples, seed)]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def calibration_error_by_chance(p_positive: Probabilities, samples: int, seed: int) -> Floats:
    """(S,) calibration errors of a model whose every probability is true: calls are right as often as they are sure."""
    confidence = np.maximum(p_positive, 1 - p_positive)
    one_hot = np.eye(CALIBRATION_BINS)[calibration_bin(confidence)]
    generator = np.random.default_rng(seed)
    step = max(1, CELLS // confidence.size)
    errors = []
    for start in range(0, samples, step):
        right = generator.random((min(step, samples - start), confidence.size)) < confidence
        errors.append(np.abs((right - confidence) @ one_hot).sum(axis=1) / confidence.size)
    return np.concatenate(errors)


def _sums_per_row(y: Labels, p: Probabilities) -> Floats:
    """(N, 5 + bins): what each row adds to the four confusion counts, the loss and the gap of its calibration bin."""
    cell = 2 * y + (p > 0.5)  # true negative, false positive, false negative, true positive
    eps = np.finfo(np.float64).eps  # scikit-learn's clipping
    loss = -np.log(np.clip(np.where(y == 1, p, 1 - p), eps, 1 - eps))
    confidence = np.maximum(p, 1 - p)
    gap = np.zeros((y.size, CALIBRATION_BINS))
    gap[np.arange(y.size), calibration_bin(confidence)] = ((p > 0.5) == y) - confidence
    return np.concatenate([np.eye(4)[cell], loss[:, None], gap], axis=1)


def _scores_of(counts: Floats, y: Labels, last_of_group: NDArray[np.int64], sums: Floats) -> dict[str, Floats]:
    """counts (S', N) of rows in order of falling probability -> (S',) of each score."""
    total = counts @ sums  # (S', 5 + bins)
    tn, fp, fn, tp = total[:, :4].T
    with np.errstate(divide="ignore", invalid="ignore"):  # 0/0 is the NaN we want
        mcc = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        roc_auc, average_precision = _ranking_scores(counts, y, last_of_group)
    return {
        "mcc": mcc,
        "roc_auc": roc_auc,
        "average_precision": average_precision,
        "log_loss": total[:, 4] / y.size,
        "expected_calibration_error": np.abs(total[:, 5:]).sum(axis=1) / y.size,
    }


def _ranking_scores(counts: Floats, y: Labels, last_of_group: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """ROC AUC: the share of (positive, negative) pairs in the right order, a tie counting half (Mann-Whitney).

    Average precision: sum over thresholds of (recall gained) * precision, without interpolation, as scikit-learn
    defines it.
    """
    # Rows called positive at each threshold: positive ones and all. (S', G)
    positives = np.cumsum(counts * y, axis=1)[:, last_of_group]
    called = np.cumsum(counts, axis=1)[:, last_of_group]
    new_positives = np.diff(positives, axis=1, prepend=0)
    new_negatives = np.diff(called, axis=1, prepend=0) - new_positives
    n_positive = positives[:, -1]
    n_negative = called[:, -1] - n_positive
    ordered_pairs = np.einsum("sg,sg->s", new_negatives, positives - new_positives / 2)
    roc_auc = ordered_pairs / (n_positive * n_negative)
    precision = np.divide(positives, called, out=np.zeros_like(positives), where=called > 0)
    average_precision = np.einsum("sg,sg->s", new_positives, precision) / n_positive
    return roc_auc, np.where(n_negative > 0, average_precision, np.nan)
