import json
import time

import numpy as np
import pytest
from sklearn import metrics

from sentiment_ft.judge import bootstrap as bootstrap_module
from sentiment_ft.judge.bootstrap import bootstrap, calibration_error_by_chance, resample_counts
from sentiment_ft.judge.intervals import judge, wilson, worst_errors
from sentiment_ft.judge.scores import SCORES, expected_calibration_error


def reviews(rows: int, seed: int = 0, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn with the true probability; the model says `sharpness` times the true logit."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, rows)
    labels = (generator.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    return labels, 1 / (1 + np.exp(-sharpness * logits))


def test_bootstrap_equals_the_naive_one_on_the_same_resamples() -> None:
    labels, p = reviews(90)
    p = np.round(p, 1)  # many ties, and values on the edges of the bins
    found = bootstrap(labels, p, 60, seed=3)
    order = np.argsort(-p, kind="stable")  # counts belong to the rows in this order
    for sample, counts in enumerate(np.concatenate(list(resample_counts(90, 60, seed=3))).astype(int)):
        y, q = np.repeat(labels[order], counts), np.repeat(p[order], counts)
        naive = {
            "mcc": metrics.matthews_corrcoef(y, q > 0.5),
            "roc_auc": metrics.roc_auc_score(y, q),
            "average_precision": metrics.average_precision_score(y, q),
            "log_loss": metrics.log_loss(y, q, labels=[0, 1]),
            "expected_calibration_error": expected_calibration_error(y, q),
        }
        assert {name: values[sample] for name, values in found.items()} == pytest.approx(naive, abs=1e-9)


def test_resamples_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(resample_counts(50, 40, seed=1)))
    monkeypatch.setattr(bootstrap_module, "CELLS", 350)  # 7 resamples a chunk
    chunks = list(resample_counts(50, 40, seed=1))
    assert [len(chunk) for chunk in chunks] == [7, 7, 7, 7, 7, 5]
    np.testing.assert_array_equal(np.concatenate(chunks), whole)
    assert (whole.sum(axis=1) == 50).all()
    assert len(np.unique(whole, axis=0)) == 40
    assert not np.array_equal(whole, np.concatenate(list(resample_counts(50, 40, seed=2))))


def test_wilson_against_published_numbers() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    assert wilson(81, 263) == pytest.approx([0.2553, 0.3662], abs=5e-5)
    assert wilson(15, 148) == pytest.approx([0.0624, 0.1605], abs=5e-5)
    assert wilson(0, 20) == pytest.approx([0, 0.1611], abs=5e-5)
    assert wilson(1, 29) == pytest.approx([0.0061, 0.1718], abs=5e-5)
    assert wilson(0, 20)[0] == 0 and wilson(20, 20)[1] == 1


def test_a_perfect_score_is_not_claimed_with_certainty() -> None:
    labels = np.arange(600) % 2
    found = judge(labels, np.where(labels == 1, 0.999, 0.001) + np.linspace(0, 1e-4, 600))
    z2 = 1.959963984540054**2
    for name in ("accuracy", "precision", "recall", "f1"):
        rows = 600 if name == "accuracy" else 300
        low = rows / (rows + z2)  # Wilson's lower end at rows of rows
        low = 2 * low / (1 + low) if name == "f1" else low
        assert found.scores[name] == 1
        assert found.intervals[name] == pytest.approx([low, 1.0])
        assert found.methods[name] == "wilson"
    for name in ("mcc", "roc_auc", "average_precision"):
        assert found.scores[name] == 1
        assert found.intervals[name] is None and found.methods[name] is None
    assert found.confusion == {"true_negative": 300, "false_positive": 0, "false_negative": 0, "true_positive": 300}


def test_intervals_hold_their_value_and_narrow_with_more_rows() -> None:
    few, many = judge(*reviews(200), samples=300), judge(*reviews(5000), samples=300)
    for name in SCORES:
        for found in (few, many):
            low, high = found.intervals[name]
            assert low <= found.scores[name] <= high
            assert low < high
        if name != "expected_calibration_error":
            assert np.ptp(many.intervals[name]) < 0.5 * np.ptp(few.intervals[name])


def test_percentile_interval_is_that_of_the_resamples() -> None:
    labels, p = reviews(120)
    every = bootstrap(labels, p, 200, seed=5)["roc_auc"]
    found = judge(labels, p, samples=200, seed=5)
    assert found.intervals["roc_auc"] == pytest.approx(np.percentile(every, [2.5, 97.5]).tolist())
    assert found.methods["roc_auc"] == "bootstrap"


def test_calibration_error_of_a_calibrated_model_may_be_zero_and_of_a_bad_one_not() -> None:
    # Seed 1: an error of 0.043, which chance reaches in more than 2.5%; mirrored, the interval would start at 0.009.
    calibrated = judge(*reviews(600, seed=1), samples=300).intervals["expected_calibration_error"]
    overconfident = judge(*reviews(600, sharpness=3), samples=300).intervals["expected_calibration_error"]
    assert calibrated[0] == 0
    assert overconfident[0] > 0.05
    by_chance = calibration_error_by_chance(np.array([0.9] * 100), 2000, seed=0)
    # |mean of 100 tosses - 0.9| with standard deviation 0.03: its mean is 0.03 * sqrt(2 / pi).
    assert by_chance.mean() == pytest.approx(0.03 * (2 / np.pi) ** 0.5, rel=0.08)


def test_one_label_and_rare_label() -> None:
    one = judge([1] * 8, np.linspace(0.2, 0.9, 8), samples=50)
    assert one.scores["roc_auc"] is None and one.intervals["roc_auc"] is None
    assert one.intervals["recall"] is not None
    # One positive of 40 is missing in 36% of the resamples: no 95% interval can be claimed.
    rare = judge([1] + [0] * 39, np.linspace(0.1, 0.9, 40), samples=200)
    assert rare.scores["roc_auc"] is not None and rare.intervals["roc_auc"] is None
    assert rare.intervals["log_loss"] is not None
    rare_negative = judge([1] * 39 + [0], np.linspace(0.1, 0.9, 40), samples=200)
    assert rare_negative.scores["average_precision"] is not None
    assert rare_negative.intervals["average_precision"] is None


def test_json_and_seed() -> None:
    labels, p = reviews(50)
    first, again, other = (judge(labels, p, samples=40, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.intervals["roc_auc"] != other.intervals["roc_auc"]
    told = json.loads(json.dumps(first.to_json(), allow_nan=False))
    assert told == first.to_json()
    assert (told["rows"], told["samples"], told["seed"], told["level"]) == (50, 40, 1, 0.95)
    with pytest.raises(ValueError, match="samples"):
        judge(labels, p, samples=0)


def test_worst_errors_come_first() -> None:
    labels = [0, 1, 0, 1, 0, 1]
    p = [0.9, 0.1, 0.2, 0.05, 0.6, 0.8]  # wrong: 0 (0.9 sure), 1 (0.9), 3 (0.95), 4 (0.6)
    assert worst_errors(labels, p).tolist() == [3, 0, 1, 4]
    assert worst_errors(labels, p, count=2).tolist() == [3, 0]
    assert worst_errors([0, 1], [0.1, 0.9]).tolist() == []


def test_600_rows_are_judged_without_a_wait() -> None:
    judge(*reviews(10), samples=2)  # the first call imports scikit-learn
    began = time.process_time()
    judge(*reviews(600))
    assert time.process_time() - began < 3  # 0.2 s on a quiet core; a loop over scikit-learn needs more than 5


def test_wilson_ends_exactly_at_the_edge():
    """300 of 300 printed as 0.9999+ while the bound was one rounding error below 1."""
    assert all(wilson(n, n)[1] == 1.0 and wilson(0, n)[0] == 0.0 for n in range(1, 700))
