"""The pictures of a run, as PNG files: what training did, and how long the reviews are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.track.canvas import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, save, sheet
from sentiment_ft.track.numbers import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Record = dict[str, Any]
SHARES = {"eval_accuracy": BLUE, "eval_f1": ORANGE, "eval_precision": GREEN, "eval_recall": PURPLE}
# Dashes of one period whose gaps let through what lies below: equal values show as one line of all their colours.
DASHES: dict[str, Any] = {
    "eval_accuracy": "-", "eval_f1": (0, (8, 8)), "eval_precision": (2, (2, 4)), "eval_recall": (5, (2, 4))
}  # fmt: skip


def training_plots(records: list[Record], folder: Path) -> list[Path]:
    """Draw `loss.png` and `metrics.png` from the records of metrics.jsonl; a picture without records is left out."""
    trained = [r for r in records if r.get("event") == "train"]
    judged = [r for r in records if r.get("event") == "eval"]
    paths = []
    if trained:
        paths.append(_loss_plot(trained, judged, folder / "loss.png"))
    if judged:
        paths.append(_metrics_plot(judged, folder / "metrics.png"))
    return paths


def length_plot(lengths: NDArray[np.integer[Any]], max_length: int, folder: Path) -> Path:
    """Draw `lengths.png`: a histogram of (N,) review lengths in real tokens, uncut, and where `max_length` cuts them.

    Raises ValueError when there is no length.
    """
    if lengths.size == 0:
        raise ValueError("no lengths to draw: the data has no rows")
    cut = int((lengths > max_length).sum())
    cut_share = cut / lengths.size
    median, high = np.percentile(lengths, [50, 99])
    figure, axes = sheet(
        "Length of reviews",
        f"{lengths.size:,} rows, median {median:,.0f} real tokens, 99% have at most {high:,.0f}; "
        + (f"{_share(cut_share)} are longer than {max_length} and are cut" if cut_share else "none is cut"),
    )
    # A single very long review must not squeeze the rest into one bar: the last bar counts what lies beyond.
    last = max(10, int(np.ceil(min(lengths.max(), max(1.5 * high, 1.2 * max_length if cut_share else 0)))))
    width = max(1, round((last + 1) / 60))
    edges = np.arange(0, last + 1 + width, width) - 0.5  # whole bars between whole numbers of tokens
    shown = np.minimum(lengths, last)
    parts = [shown[lengths <= max_length], shown[lengths > max_length]]
    axes.hist(parts, bins=edges, stacked=True, color=[BLUE, ORANGE], edgecolor="white", linewidth=0.4)
    axes.set_xlim(-0.5, edges[-1])
    axes.set_ylim(top=axes.get_ylim()[1] * 1.12)
    if max_length <= edges[-1]:
        axes.axvline(max_length + 0.5, color=ORANGE, linewidth=1.6)
        left = max_length > 0.7 * edges[-1]
        axes.annotate(
            f"max_length {max_length}" + (f"\n{cut:,} row{'s' if cut > 1 else ''} cut" if cut else ""),
            (max_length + 0.5, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(-6 if left else 6, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            color=ORANGE,
            fontsize=10,
        )
    else:
        note = f"max_length {max_length} lies to the right: nothing is cut  →"
        axes.text(0.995, 0.97, note, transform=axes.transAxes, ha="right", va="top", color=ORANGE, fontsize=10)
    beyond = f"; rows longer than {last:,} are counted in the last bar" if lengths.max() > last else ""
    axes.set_xlabel(f"length (real tokens, [CLS] and [SEP] included{beyond})")
    axes.set_ylabel("reviews (rows)")
    axes.grid(axis="x", visible=False)
    return save(figure, folder / "lengths.png")


def _loss_plot(trained: list[Record], judged: list[Record], path: Path) -> Path:
    updates, losses = _series(trained, "loss")
    subtitle = f"training loss {number(losses[0])}" if losses.size else ""
    if losses.size > 1:
        subtitle += f" → {number(losses[-1])}, updates {updates[0]:,.0f} to {updates[-1]:,.0f}"
    figure, (top, bottom) = sheet(
        "Loss and learning rate", subtitle, height=5.2, nrows=2, sharex=True, gridspec_kw={"height_ratios": [3, 1]}
    )
    dense = updates.size > 60
    top.plot(updates, losses, color=BLUE, linewidth=1 if dense else 1.8, alpha=0.45 if dense else 1, label="training")
    if updates.size == 1:
        top.plot(updates, losses, "o", color=BLUE)
    if dense:
        window = updates.size // 30
        smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
        middle = np.convolve(updates, np.ones(window) / window, mode="valid")
        top.plot(middle, smooth, color=BLUE, linewidth=2, label=f"training, mean of {window} records")
    eval_updates, eval_losses = _series(judged, "eval_log_loss")
    if eval_updates.size:
        name = "validation log-loss"
        top.plot(eval_updates, eval_losses, "o-", color=ORANGE, linewidth=1.8, markersize=6, label=name)
    everything = np.concatenate([losses, eval_losses])
    # A loss falls by orders of magnitude; on a linear axis its last nine tenths would be one flat line on the floor.
    if everything.size and everything.min() > 0 and everything.max() > 30 * everything.min():
        top.set_yscale("log")
        top.set_ylabel("loss (nats a row, log scale)")
    else:
        top.set_ylim(bottom=min(0, float(everything.min(initial=0))))
        top.set_ylabel("loss (nats a row)")
    top.legend(frameon=False, fontsize=9)
    rate_updates, rates = _series(trained, "learning_rate")
    bottom.plot(rate_updates, rates, color=GREEN, linewidth=1.8, marker="o" if rates.size == 1 else None)
    bottom.set_ylim(bottom=0)
    if rates.any():
        peak = int(np.argmax(rates))
        place = (rate_updates[peak] - rate_updates[0]) / max(np.ptp(rate_updates), 1)
        bottom.annotate(
            f"highest {rates[peak]:.2e}",
            (rate_updates[peak], rates[peak]),
            xytext=(0, 4),
            textcoords="offset points",
            ha="left" if place < 0.1 else "right" if place > 0.9 else "center",
            va="bottom",
            fontsize=9,
            color=INK,
            annotation_clip=False,
        )
        bottom.set_ylim(top=float(rates.max()) * 1.4)
    bottom.yaxis.set_major_formatter(lambda rate, _: f"{rate:.1e}" if rate else "0")
    bottom.set_ylabel("learning rate")
    bottom.set_xlabel("updates")
    figure.align_ylabels()
    return save(figure, path)


def _metrics_plot(judged: list[Record], path: Path) -> Path:
    best = next((r for r in reversed(judged) if r.get("best")), None)
    subtitle = f"{len(judged)} evaluation{'s' if len(judged) > 1 else ''}"
    if best is not None and best.get("eval_accuracy") is not None:
        subtitle += f"; best at epoch {best['epoch']:.3g}: accuracy {number(best['eval_accuracy'])}"
    ends_of_accuracy = [[r.get(key) for key in ("epoch", "eval_accuracy_low", "eval_accuracy_high")] for r in judged]
    bars = np.array([one for one in ends_of_accuracy if None not in one], dtype=np.float64)
    if bars.size:
        subtitle += "; bars: the 95% interval of the accuracy"
    figure, axes = sheet("Validation metrics by epoch", subtitle)
    dots = {"marker": "o", "markersize": 3.5} if len(judged) <= 20 else {}
    lows: list[float] = []
    ends: list[tuple[float, str, str]] = []
    for key, color in SHARES.items():
        epochs, values = _series(judged, key, "epoch")
        if values.size:
            # A single evaluation has no line, only points: rings around each other.
            ring = {"marker": "o", "markersize": 15 - 4 * len(ends), "markerfacecolor": "none", "markeredgewidth": 1.6}
            form = ring if values.size == 1 else {"linestyle": DASHES[key], "linewidth": 2.2, **dots}
            axes.plot(epochs, values, color=color, clip_on=False, **form)
            lows.append(values.min())
            ends.append((float(values[-1]), f"{key.removeprefix('eval_')} {number(values[-1])}", color))
    if bars.size:
        (low_ends, high_ends), middles = bars[:, 1:].T, bars[:, 1:].mean(axis=1)
        whiskers = (high_ends - low_ends) / 2
        axes.errorbar(bars[:, 0], middles, whiskers, fmt="none", ecolor=BLUE, alpha=0.45, capsize=4, clip_on=False)
        lows.append(low_ends.min())
    if best is not None:
        axes.axvline(best["epoch"], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            "best",
            (best["epoch"], 0.0),
            xycoords=("data", "axes fraction"),
            xytext=(-4, 5),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color=MUTED,
        )
    low = min(lows, default=0.0)
    # Shares have a ceiling at 1. The floor leaves room below the lowest point; 0.02 is the least the axis shows.
    floor = max(0.0, 1 - max(1.15 * (1 - low), 0.02))
    axes.set_ylim(floor, 1 + 0.02 * (1 - floor))
    epochs = np.array([r["epoch"] for r in judged], dtype=np.float64)
    span = float(np.ptp(epochs)) or 5.0  # one evaluation stands alone in the middle
    axes.set_xlim(epochs.min() - 0.06 * span, epochs.max() + 0.06 * span)
    if np.unique(epochs).size <= 8:
        axes.set_xticks(np.unique(epochs), [f"{epoch:.3g}" for epoch in np.unique(epochs)])
    _name_lines(axes, ends)
    axes.set_xlabel("epochs")
    axes.set_ylabel("share (1 is perfect)")
    return save(figure, path)


def _name_lines(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write each line's name and last value right of its end, from top to bottom and never on top of each other."""
    low, high = axes.get_ylim()
    gap, ceiling = 0.075 * (high - low), high
    floor_left = low + gap * len(ends)  # every name below still needs one gap
    for value, text, color in sorted(ends, key=lambda end: -end[0]):
        floor_left -= gap
        ceiling = max(min(value, ceiling), min(floor_left, ceiling))
        axes.annotate(
            text,
            (1.015, ceiling),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=10,
            color=color,
            annotation_clip=False,
        )
        ceiling -= gap


def _series(records: list[Record], key: str, over: str = "update") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(K,) positions and values of the records that have a finite number under `key`."""
    pairs = [(r[over], r[key]) for r in records if r.get(key) is not None and np.isfinite(r[key])]
    both = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _share(value: float) -> str:
    return "under 0.1%" if value < 0.001 else f"{value:.1%}"
