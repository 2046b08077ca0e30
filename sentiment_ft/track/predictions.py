"""predictions.jsonl and worst_errors.jsonl: every judged row, and the wrong ones first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.data.prepare import Part
from sentiment_ft.judge.intervals import worst_errors
from sentiment_ft.run.writing import staged_file
from sentiment_ft.track.numbers import short

WORST_ERRORS = 100


def write_predictions(path: Path, part: Part, p_positive: NDArray[np.float64]) -> None:
    """One JSON line a row, in the order of the part. Raises OutputError."""
    _write_rows(path, part, p_positive, range(len(part)))


def write_errors(path: Path, part: Part, p_positive: NDArray[np.float64]) -> None:
    """The wrong rows with the highest confidence first, at most a hundred. Raises OutputError."""
    _write_rows(path, part, p_positive, worst_errors(part.labels, p_positive, WORST_ERRORS).tolist())


def _write_rows(path: Path, part: Part, p_positive: NDArray[np.float64], places: Iterable[int]) -> None:
    lines = (
        json.dumps(
            {
                "id": int(part.indices[place]),
                "file": part.rows.file(int(part.indices[place])),
                "line": part.rows.line(int(part.indices[place])),
                "text": part.text(place),
                "label": int(part.labels[place]),
                "prediction": int(p_positive[place] > 0.5),
                "p_positive": short(p_positive[place]),
            },
            ensure_ascii=False,
        )
        + "\n"
        for place in places
    )
    with staged_file(path) as file:
        file.writelines(lines)
