"""What is left of judged rows: every prediction, the worst errors, and the pictures of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.data.prepare import Part
from sentiment_ft.track.judgement_plots import judgement_plots
from sentiment_ft.track.predictions import write_errors, write_predictions


def write_judged(
    part: Part, p_positive: NDArray[np.float64], title: str, folder: Path, *, plots: Path, prefix: str = ""
) -> None:
    """Two files in `folder` and three pictures in `plots`; `prefix` begins each name. title: which rows. Raises
    OutputError.
    """
    write_predictions(folder / f"{prefix}predictions.jsonl", part, p_positive)
    write_errors(folder / f"{prefix}worst_errors.jsonl", part, p_positive)
    judgement_plots(part.labels, p_positive, plots, title, prefix)
