"""Points of curves: by hand, and as scikit-learn has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from sentiment_ft.judge import curves


def test_by_hand():
    """Four rows, two of them equally sure: they are called together."""
    swept = curves.thresholds([1, 0, 1, 0], [0.9, 0.6, 0.6, 0.1])
    assert swept is not None
    assert swept.found.tolist() == [0, 0.5, 1, 1]
    assert swept.alarms.tolist() == [0, 0, 0.5, 1]
    assert swept.precision.tolist() == [1, 1, pytest.approx(2 / 3), 0.5]


def test_as_scikit_learn_has_them():
    draw = np.random.default_rng(3)
    p = draw.random(300).round(2)
    y = (draw.random(300) < p).astype(int)
    swept = curves.thresholds(y, p)
    assert swept is not None
    alarms, found, _ = metrics.roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(swept.alarms, alarms)
    np.testing.assert_allclose(swept.found, found)
    precision, recall, _ = metrics.precision_recall_curve(y, p)
    # It ends at a point (0, 1) of its own, and leaves out what comes after all positives are found, but the first.
    kept = swept.found[1:].tolist().index(1.0) + 2
    np.testing.assert_allclose(swept.precision[1:kept], precision[:-1][::-1][: kept - 1])
    np.testing.assert_allclose(swept.found[1:kept], recall[:-1][::-1][: kept - 1])
    steps = np.diff(swept.found) @ swept.precision[1:]
    assert steps == pytest.approx(metrics.average_precision_score(y, p))


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_rows_of_one_label_have_no_curve(labels):
    assert curves.thresholds(labels, [0.2, 0.8]) is None


def test_calibration_counts_rows_and_right_calls_of_each_bin():
    bins = curves.calibration([1, 0, 1, 1], [0.99, 0.97, 0.55, 0.02])
    assert bins.rows.sum() == 4 and bins.hits.sum() == 2
    assert bins.place.tolist() == [8, 14]
    assert bins.confidence.tolist() == [pytest.approx(0.55), pytest.approx((0.99 + 0.97 + 0.98) / 3)]
    assert bins.hits.tolist() == [1, 1] and bins.rows.tolist() == [1, 3]


def test_thinned_keeps_both_ends():
    points = np.arange(1000.0)
    assert len(curves.thinned(points, 50)) == 50 and curves.thinned(points, 50)[[0, -1]].tolist() == [0, 999]
    assert curves.thinned(points, 1000) is points
