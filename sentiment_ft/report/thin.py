"""Long series made short: what a chart of some hundred pixels can show, with every extreme kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Point = tuple[float, float]
MOST = 1000  # points of a series: two to a pixel, its lowest and its highest


def thinned(points: Sequence[Point], most: int = MOST) -> list[Point]:
    """At most `most` of the points, in their order: first, last, and of each stretch the lowest and the highest.

    A spike of a single record stays, which a mean or every n-th record would lose.
    """
    if len(points) <= most:
        return list(points)
    stretches = (most - 2) // 2
    inner = len(points) - 2
    kept = {0, len(points) - 1}
    for stretch in range(stretches):
        first, end = 1 + inner * stretch // stretches, 1 + inner * (stretch + 1) // stretches
        places = range(first, end)
        kept.add(min(places, key=lambda place: points[place][1]))
        kept.add(max(places, key=lambda place: points[place][1]))
    return [points[place] for place in sorted(kept)]


def evenly(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` of them at even distances, with the first and the last: for a table beside the chart."""
    if len(points) <= most:
        return list(points)
    return [points[round(place * (len(points) - 1) / (most - 1))] for place in range(most)]


def smoothed(points: Sequence[Point], window: int) -> list[Point]:
    """Mean of `window` neighbours, at the mean of their places; of long series MOST such means."""
    if window < 2 or len(points) < window:
        return []
    # Each window by itself: a running sum would keep what one huge number rounds away to the end of the curve.
    windows = sliding_window_view(np.asarray(points, dtype=float), window, axis=0)
    shown = np.linspace(0, len(windows) - 1, min(len(windows), MOST)).round().astype(int)
    means = windows[shown].mean(axis=-1)
    return [(float(x), float(y)) for x, y in means]
