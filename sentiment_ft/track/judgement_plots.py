"""The pictures of one judgement, as PNG files: confusion matrix, ROC and precision-recall curves, reliability.

Legend: N rows, `labels` (N,) 0 or 1, `p_positive` (N,) probability of class 1; positive is called when it is above 0.5.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentiment_ft.config import CLASS_NAMES
from sentiment_ft.judge import curves
from sentiment_ft.judge.scores import CALIBRATION_BINS, expected_calibration_error
from sentiment_ft.track.canvas import BLUE, INK, MUTED, ORANGE, save, sheet
from sentiment_ft.track.numbers import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEEN = 0.01  # a gap of a bin below it is hidden by the dot


def judgement_plots(labels: ArrayLike, p_positive: ArrayLike, folder: Path, title: str, prefix: str = "") -> list[Path]:
    """Draw `confusion.png`, `curves.png` and `reliability.png`, each name behind `prefix`.

    `title` says which rows, as in "validation, 600 rows". With rows of one label only there is no curve to draw and
    `curves.png` is left out. Raises ValueError without rows.
    """
    y, p = np.asarray(labels, dtype=np.int64), np.asarray(p_positive, dtype=np.float64)
    if y.size == 0 or y.shape != p.shape:
        raise ValueError(f"labels {y.shape} and p_positive {p.shape} must be lists of the same length, not empty")
    title = title if len(title) <= 44 else title[:43] + "…"  # the numbers behind it must stay in the picture
    paths = [_confusion_plot(y, p, folder / f"{prefix}confusion.png", title)]
    if 0 < y.sum() < y.size:
        paths.append(_curves_plot(y, p, folder / f"{prefix}curves.png", title))
    paths.append(_reliability_plot(y, p, folder / f"{prefix}reliability.png", title))
    return paths


def _confusion_plot(y: NDArray[np.int64], p: NDArray[np.float64], path: Path, title: str) -> Path:
    counts = np.bincount(2 * y + (p > 0.5), minlength=4).reshape(2, 2)  # [label, call]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    errors = int(counts[0, 1] + counts[1, 0])
    figure, axes = sheet("Confusion matrix", f"{title}: {errors:,} of {y.size:,} calls are wrong", height=4.8)
    # Right calls in blue and wrong ones in orange, stronger with their share: a good matrix has a blue diagonal.
    for label in range(2):
        for call in range(2):
            color, share = (BLUE if label == call else ORANGE), float(shares[label, call])
            strength = 0.06 + 0.8 * share
            sides, top, bottom = [call - 0.485, call + 0.485], label - 0.475, label + 0.475
            axes.fill_between(sides, top, bottom, color=color, alpha=strength, linewidth=0)
            ink = "white" if strength > 0.6 else INK
            axes.text(call, label - 0.06, f"{counts[label, call]:,}", ha="center", va="center", fontsize=26, color=ink)
            rows = f"{CLASS_NAMES[label]} rows"
            row = f"{share:.1%} of {rows}" if counts[label].any() else f"no {rows}"
            axes.text(call, label + 0.24, row, ha="center", va="center", fontsize=10.5, color=ink)
    axes.set_xlim(-0.5, 1.5)
    axes.set_ylim(1.5, -0.5)
    axes.set_xticks([0, 1], [f"called {name}" for name in CLASS_NAMES], fontsize=11)
    axes.set_yticks([0, 1], [f"{name}\n{counts[i].sum():,} rows" for i, name in enumerate(CLASS_NAMES)], fontsize=11)
    axes.set_ylabel("label", fontsize=11)
    axes.set_xlabel("call of the model (positive above 0.5)", fontsize=11)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    return save(figure, path)


def _curves_plot(y: NDArray[np.int64], p: NDArray[np.float64], path: Path, title: str) -> Path:
    from sklearn import metrics

    swept = curves.thresholds(y, p)
    assert swept is not None, "of both labels"
    figure, (left, right) = sheet("ROC and precision-recall curves", title, height=4.55, ncols=2)
    left.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="chance, AUC 0.500")
    roc_name = f"model, AUC {number(metrics.roc_auc_score(y, p))}"
    left.plot(swept.alarms, swept.found, color=BLUE, linewidth=2.2, clip_on=False, label=roc_name)
    left.set_xlabel("false positive rate")
    left.set_ylabel("true positive rate (recall)")

    base = float(y.mean())
    right.axhline(base, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label=f"chance, AP {base:.3f}")
    pr_name = f"model, AP {number(metrics.average_precision_score(y, p))}"
    # Precision between two thresholds is that of the next one: steps are what the average precision sums.
    steps = {"drawstyle": "steps-pre", "label": pr_name}
    right.plot(swept.found, swept.precision, color=BLUE, linewidth=2.2, clip_on=False, **steps)
    right.set_xlabel("recall")
    right.set_ylabel("precision")

    called = p > 0.5
    if called.any():
        hits = float((called & (y == 1)).sum())
        _cut_point(left, float((called & (y == 0)).sum() / (y == 0).sum()), hits / float(y.sum()))
        _cut_point(right, hits / float(y.sum()), hits / float(called.sum()))
    for axes, place in ((left, "lower right"), (right, "lower left")):
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_aspect("equal")
        handles, names = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], names[::-1], loc=place, fontsize=9.5, framealpha=0.9, edgecolor="none")
    return save(figure, path)


def _cut_point(axes: Axes, x: float, y: float) -> None:
    axes.plot(
        [x],
        [y],
        "o",
        color=ORANGE,
        markersize=8,
        markeredgecolor="white",
        clip_on=False,
        zorder=5,
        label="called at 0.5",
        linestyle="none",
    )


def _reliability_plot(y: NDArray[np.int64], p: NDArray[np.float64], path: Path, title: str) -> Path:
    used, mean_confidence, hits, rows = curves.calibration(y, p)
    accuracy = hits / rows
    figure, (top, bottom) = sheet(
        "Reliability: does 90% sure mean 90% right?",
        f"{title}: {number(float(hits.sum() / y.size))} right, "
        f"mean confidence {number(float(np.maximum(p, 1 - p).mean()))}, "
        f"calibration error {number(expected_calibration_error(y, p), 4)}",
        height=5.6,
        nrows=2,
        sharex=True,
        gridspec_kw={"height_ratios": [3, 1]},
    )
    top.plot([0.5, 1], [0.5, 1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="perfectly calibrated")
    gaps = np.abs(accuracy - mean_confidence) > SEEN
    if gaps.any():
        sides = mean_confidence[gaps], mean_confidence[gaps], accuracy[gaps]
        top.vlines(*sides, color=ORANGE, linewidth=2.2, label="gap of the bin")
    top.plot(mean_confidence, accuracy, "o-", color=BLUE, linewidth=1.6, markersize=7, clip_on=False, label="model")
    floor = max(0.0, min(0.5, float(accuracy.min()) - 0.05))
    top.set_ylim(1 - 1.03 * (1 - floor), 1 + 0.03 * (1 - floor))  # a dot in the corner is whole
    top.set_ylabel("share of right calls")
    top.legend(frameon=False, fontsize=9.5, loc="lower right")
    edges = np.arange(CALIBRATION_BINS + 1) / CALIBRATION_BINS
    lefts = np.maximum(edges[:-1], 0.5)[used]  # the bin that holds 0.5 starts there: no call is less sure
    rights = edges[1:][used]
    _histogram(bottom, lefts, rights, rows)
    bottom.set_xlim(0.49, 1.01)
    bottom.set_xlabel("confidence of the call (probability of the predicted label)")
    figure.align_ylabels()
    return save(figure, path)


def _histogram(axes: Axes, lefts: Any, rights: Any, rows: NDArray[np.int64]) -> None:
    """Rows per bin, each bar with its count: a dot of three rows must not look as sure as one of three thousand."""
    from matplotlib.ticker import MaxNLocator

    axes.bar(lefts, rows, width=rights - lefts, align="edge", color=BLUE, edgecolor="white", linewidth=1.5)
    axes.set_ylim(0, float(rows.max()) * 1.35)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("rows in bin")
    for left, edge, count in zip(lefts, rights, rows, strict=True):
        axes.annotate(
            f"{count:,}", ((left + edge) / 2, count), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=9
        )
