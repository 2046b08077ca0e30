import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from sentiment_ft.judge.scores import SCORES, confusion, expected_calibration_error, scores

# Called: - - + + - + ; wrong: row 2 (false positive) and row 4 (false negative).
LABELS = np.array([0, 0, 0, 1, 1, 1])
P = np.array([0.1, 0.4, 0.8, 0.9, 0.3, 0.7])


def test_every_score_by_hand() -> None:
    found = scores(LABELS, P)
    assert list(found) == list(SCORES)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["mcc"] == pytest.approx((2 * 2 - 1 * 1) / 9)
    # Pairs (positive, negative) in order: 0.9 beats 3, 0.3 beats 1, 0.7 beats 2.
    assert found["roc_auc"] == pytest.approx(6 / 9)
    # Positives stand at ranks 1, 3 and 5 with precision 1, 2/3 and 3/5.
    assert found["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    right = [0.9, 0.6, 0.2, 0.9, 0.3, 0.7]  # probability given to the label
    assert found["log_loss"] == pytest.approx(-sum(math.log(value) for value in right) / 6)


def test_calibration_error_by_hand() -> None:
    # Confidences 0.9 0.6 0.8 0.9 0.7 0.7 fall into bins 13 (twice), 8, 11 and 10 (twice); right 1 1 0 1 0 1.
    gaps = [2 - 1.8, 1 - 0.6, 0 - 0.8, 1 - 1.4]
    assert expected_calibration_error(LABELS, P) == pytest.approx(sum(abs(gap) for gap in gaps) / 6)
    assert expected_calibration_error([1, 0], [1.0, 0.0]) == 0
    assert expected_calibration_error([0, 1], [1.0, 0.0]) == 1  # sure and wrong
    assert expected_calibration_error([0, 1], [0.5, 0.5]) == 0  # half of the coin tosses are right


def test_confusion_and_the_tie() -> None:
    assert confusion(LABELS, P) == {"true_negative": 2, "false_positive": 1, "false_negative": 1, "true_positive": 2}
    assert confusion([0, 1], [0.5, 0.5]) == {
        "true_negative": 1,
        "false_positive": 0,
        "false_negative": 1,
        "true_positive": 0,
    }


@pytest.mark.parametrize(
    ("labels", "p", "undefined"),
    [
        ([0, 0], [0.1, 0.2], {"precision", "recall", "f1", "mcc", "roc_auc", "average_precision"}),
        ([1, 1], [0.9, 0.2], {"mcc", "roc_auc", "average_precision"}),
        ([0, 1], [0.1, 0.2], {"precision", "mcc"}),
        ([0, 0], [0.9, 0.2], {"recall", "mcc", "roc_auc", "average_precision"}),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_not_defined_is_none(labels: list[int], p: list[float], undefined: set[str]) -> None:
    found = scores(labels, p)
    assert {name for name, value in found.items() if value is None} == undefined
    json.dumps(found, allow_nan=False)


def test_certain_and_wrong_costs_a_finite_loss() -> None:
    assert scores([1, 0], [0.0, 0.0])["log_loss"] == pytest.approx(-math.log(np.finfo(float).eps) / 2)


@pytest.mark.parametrize(
    ("labels", "p", "words"),
    [
        ([], [], "no rows"),
        ([0, 1], [0.5], "same length"),
        ([0, 2], [0.5, 0.5], "'2'"),
        ([0, 1], [0.5, math.nan], "row 1"),
        ([0, 1], [1.5, 0.5], "row 0"),
    ],
)
def test_bad_input_is_refused(labels: list[int], p: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        scores(labels, p)


METRIC = """
import json, os, sys
from sentiment_ft.judge.metric import metric
assert "evaluate" not in sys.modules
one, other = metric(), metric()
for batch in (slice(0, 4), slice(4, 6)):
    one.add_batch(predictions=json.loads(sys.argv[2])[batch], references=json.loads(sys.argv[1])[batch])
whole = other.compute(predictions=json.loads(sys.argv[2]), references=json.loads(sys.argv[1]))
print(json.dumps([one.compute(), whole, other.compute(predictions=[0.1, 0.9], references=[0, 1])]))
"""


def test_metric_of_evaluate_works_offline_and_leaves_no_file(tmp_path) -> None:
    """In a process of its own: evaluate fixes its cache folder when it is imported."""
    caches = {"HF_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    arguments = [json.dumps(LABELS.tolist()), json.dumps(P.tolist())]
    done = subprocess.run(
        [sys.executable, "-c", METRIC, *arguments],
        env={**os.environ, **caches, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    in_batches, whole, again = json.loads(done.stdout)
    assert in_batches == whole == scores(LABELS, P)
    assert again["accuracy"] == 1  # nothing of the first call is left in the second
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
