"""The same scores as a metric of the `evaluate` library, for those who add batches as they come."""

from __future__ import annotations

from typing import Any

from sentiment_ft.judge.scores import scores


def metric() -> Any:
    """A fresh `evaluate.Metric`; `compute(predictions=p_positive, references=labels)` returns `judge.scores.scores`.

    `add_batch(predictions=..., references=...)` collects rows until `compute()`. Rows stay in memory: no file, no
    folder, no network (`evaluate.load("accuracy")` would download code from the hub and run it). Use it on one
    process, on gathered rows. `evaluate` takes 2 to 4 s to import, so it is imported here and not with the
    module, and only `eval` judges through it: training calls `judge.scores.scores`, the same function.
    """
    import datasets
    import evaluate

    class SentimentScores(evaluate.Metric):  # type: ignore[misc,unused-ignore]  # evaluate has no type hints
        def _build_data_dir(self) -> str:
            return ""  # the base class makes a cache folder even when everything stays in memory

        def _info(self) -> Any:
            return evaluate.MetricInfo(
                description="Scores of a binary classifier from the probability of its positive class.",
                citation="",
                inputs_description="predictions: probability of class 1, in [0, 1]; references: 0 or 1.",
                features=datasets.Features(
                    {"predictions": datasets.Value("float64"), "references": datasets.Value("int64")}
                ),
                # No format="numpy": it would turn the probabilities into float32.
            )

        def _compute(self, *, predictions: Any = None, references: Any = None, **_: Any) -> dict[str, float | None]:
            return scores(references, predictions)

    return SentimentScores(keep_in_memory=True)
