"""How a number is written: a score for people, in pictures, tables and the model card; a probability in files."""

from __future__ import annotations

from collections.abc import Sequence

SCORE_NAMES = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log-loss (nats)",
    "expected_calibration_error": "calibration error",
}


def number(value: float | None, decimals: int = 3) -> str:
    """0.9128 -> 0.913; below 1 never rounded up to 1 (0.9996 -> 0.999+); 0.000023 -> 2.3e-05; None -> a dash."""
    if value is None:
        return "–"
    text = f"{value:.{decimals}f}"
    if value < 1 and float(text) >= 1:
        return f"{1 - 10**-decimals:.{decimals}f}+"
    return f"{value:.1e}" if 0 < abs(value) < 10**-decimals else text


def short(probability: float) -> float:
    """Six decimals, or all of them where six would put it on the other side of 0.5, which is its label."""
    rounded = round(float(probability), 6)
    return rounded if (rounded > 0.5) == (probability > 0.5) else float(probability)


def memory_name(key: str) -> str:
    """host_memory_mib -> host; device_reserved_mib -> device reserved."""
    return key.removesuffix("_mib").removesuffix("_memory").replace("_", " ")


def interval(ends: Sequence[float] | None, decimals: int = 4) -> str:
    """[0.9936, 1.0] -> 0.9936 to 1.0000; None -> a dash."""
    return "–" if ends is None else f"{number(ends[0], decimals)} to {number(ends[1], decimals)}"
