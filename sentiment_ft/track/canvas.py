"""One look for every picture: size, colours, text and how a figure becomes a PNG.

Figures are drawn without pyplot: no window, no global list of figures that grows with the run.
Colours are from Okabe and Ito's set, which people with any colour blindness tell apart (jfly.uni-koeln.de/color).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment_ft.run.writing import unwritable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
INK, MUTED, GRID = "#222222", "#6b6b6b", "#e4e4e4"
WIDTH_INCHES, DPI = 8.0, 150  # 1,200 pixels: sharp in a README and small to store (40 to 110 kB)


def sheet(title: str, subtitle: str = "", *, height: float = 4.5, **grid: Any) -> tuple[Figure, Any]:
    """A figure with a title at the top left and its axes, as `Figure.subplots(**grid)` returns them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(**grid)
    title, subtitle = plain(title, 75), plain(subtitle, 110)
    figure.text(0.02, 1 - 0.14 / height, title, ha="left", va="top", fontsize=13, fontweight="bold", color=INK)
    figure.text(0.02, 1 - 0.43 / height, subtitle, ha="left", va="top", fontsize=9.5, color=MUTED)
    for one in axes.flat if hasattr(axes, "flat") else [axes]:
        tidy(one)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Two spines, a pale grid behind the data, readable numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=INK, labelsize=9, color=MUTED)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def save(figure: Figure, path: Path) -> Path:
    """Write the PNG beside its place, then rename it there: a reader never sees half a picture. Raises OutputError."""
    height = float(figure.get_size_inches()[1])
    figure.tight_layout(rect=(0.005, 0.0, 0.995, 1 - 0.62 / height))
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(part, format="png", dpi=DPI, facecolor="white")
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from None
    return path


def plain(text: str, width: int) -> str:
    """User text on one line of at most `width` characters, as written: a bare `$` would start a formula."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line if len(line) <= width else line[: width - 1] + "…"
    return line.replace("$", r"\$")
