"""Two runs, number by number: from their metrics.jsonl, predictions.jsonl and saved weights."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Relative differences that rounding may leave. weights: of their length; movement: of the way they went from the
    first update on, which a wrong factor in loss or learning rate would change by its whole size.
    """

    numbers: float
    weights: float
    movement: float

    def to_json(self) -> dict[str, float]:
        """By field of a Difference."""
        shared = dict.fromkeys(("loss", "grad_norm", "metrics"), self.numbers)
        return {**shared, "weights": self.weights, "movement": self.movement}


# Five times and more what was measured. The quickstart, two CPU processes, 6 updates of 64 rows (2026-11-24): numbers
# 2e-16 in fp64, 6e-6 in fp32 (ZeRO 1, 2, 3, offload), 3e-4 in bf16; weights 3e-17, 3e-8, 5e-6; movement 1e-14, 1e-5,
# 2e-3. A tiny untrained model, three processes, 96 rows, in bf16: 8e-3, 5e-5, 4e-2 (2026-11-26).
# fp16 has not been measured: it gets what bf16, which rounds coarser, gets.
TOLERANCES = {
    "fp64": Tolerance(1e-10, 1e-10, 1e-8),
    "fp32": Tolerance(1e-4, 1e-5, 1e-2),
    "bf16": Tolerance(5e-2, 3e-4, 2e-1),
    "fp16": Tolerance(5e-2, 3e-4, 2e-1),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """updates: of the reference; *_equal: exactly so for every update. rows_judged: each once, the same in both. The
    rest is the largest relative difference.
    """

    updates: int
    rows_equal: bool
    rates_equal: bool
    evaluated_equal: bool
    loss: float
    grad_norm: float
    metrics: float
    weights: float
    movement: float

    def within(self, tolerance: Tolerance) -> bool:
        equal = self.rows_equal and self.rates_equal and self.evaluated_equal
        return equal and all(getattr(self, name) <= allowed for name, allowed in tolerance.to_json().items())

    def to_json(self) -> dict[str, Any]:
        return {key: value if math.isfinite(value) else None for key, value in asdict(self).items()}


def compare(reference: Path, other: Path, start: Path) -> Difference:
    """Two run folders whose last model is their best one; start: a model file from before the first update."""
    ours, theirs = _updates(reference), _updates(other)
    judged = _judged(reference), _judged(other)
    length, movement, difference = _distances(reference / "best", other / "best", start)
    return Difference(
        updates=len(ours),
        rows_equal=_column(ours, "rows_digest") == _column(theirs, "rows_digest"),
        rates_equal=_column(ours, "learning_rate") == _column(theirs, "learning_rate"),
        evaluated_equal=judged[0] == judged[1] and set(judged[0].values()) == {1},
        loss=_largest(ours, theirs, "loss"),
        grad_norm=_largest(ours, theirs, "grad_norm"),
        metrics=_largest(_evaluations(reference), _evaluations(other), "eval_log_loss"),
        weights=difference / length,
        movement=difference / movement,
    )


def _records(run: Path, event: str) -> list[dict[str, Any]]:
    with (run / "metrics.jsonl").open(encoding="utf-8") as file:
        return [record for record in map(json.loads, file) if record["event"] == event]


def _updates(run: Path) -> list[dict[str, Any]]:
    return _records(run, "train")


def _evaluations(run: Path) -> list[dict[str, Any]]:
    return _records(run, "eval")


def _judged(run: Path) -> Counter[int]:
    """How often each row was judged."""
    with (run / "predictions.jsonl").open(encoding="utf-8") as file:
        return Counter(json.loads(line)["id"] for line in file)


def _column(records: list[dict[str, Any]], key: str) -> list[Any]:
    return [record[key] for record in records]


def _largest(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], key: str) -> float:
    if len(ours) != len(theirs):
        return math.inf
    pairs = zip(_column(ours, key), _column(theirs, key), strict=True)
    return max((abs(a - b) / max(abs(a), 1e-300) for a, b in pairs), default=math.inf)


def _distances(reference: Path, other: Path, start: Path) -> tuple[float, float, float]:
    """(length of the weights, their distance from the start, their distance from each other), all in the 2-norm."""
    length = movement = difference = 0.0
    with (
        safe_open(reference / "model.safetensors", "np") as ours,
        safe_open(other / "model.safetensors", "np") as theirs,
        safe_open(start, "np") as before,
    ):
        for name in ours.keys():  # noqa: SIM118 - not a mapping
            a, b, first = (file.get_tensor(name).astype(np.float64) for file in (ours, theirs, before))
            length += float(np.square(a).sum())
            movement += float(np.square(a - first).sum())
            difference += float(np.square(a - b).sum())
    return math.sqrt(length), math.sqrt(movement), math.sqrt(difference)
