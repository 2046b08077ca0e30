"""The kinds of chart that the report draws, as plain Vega-Lite 6 specifications.

Colours are names of CSS variables (`var(--c1)`): the SVG that Vega makes follows the page from light to dark and to
paper without being drawn again. Field names are ours and flat; texts of users appear as data only, never as a field or
an expression, and Vega's own interpreter evaluates expressions, so that the page needs no `eval`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentiment_ft.report.thin import Point, evenly, thinned

Spec = dict[str, Any]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
COLOURS = tuple(f"var(--c{number})" for number in range(1, 9))
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [5, 2], [1, 3], [12, 4], [4, 4])
PART_COLOURS = {"validation": COLOURS[0], "test": COLOURS[1]}
HEIGHT = 230  # pixels
LEGEND_CHARACTERS = 45  # that fit into one line
POINTS, FEWEST_POINTS = 300, 60  # that answer the pointer: of a chart, and of each series at least
# The point that lies nearest to the pointer.
NEAREST: Spec = {
    "name": "near",
    "select": {"type": "point", "on": "pointerover", "clear": "pointerout", "nearest": True},
}

CONFIG: Spec = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)", "titleColor": "var(--muted)", "gridColor": "var(--grid)",
        "domainColor": "var(--axis)", "tickColor": "var(--axis)", "labelFontSize": 11, "titleFontSize": 11,
        "titleFontWeight": "normal", "titlePadding": 8, "labelPadding": 4, "gridWidth": 1, "labelSeparation": 5,
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False, "tickCount": 5},
    "legend": {
        "orient": "top", "title": None, "labelColor": "var(--ink)", "labelFontSize": 12, "symbolStrokeWidth": 2.5,
        "symbolSize": 130, "columnPadding": 16, "offset": 6, "labelLimit": 220,
    },
    "line": {"strokeWidth": 2, "strokeJoin": "round"},
}  # fmt: skip


@dataclass(frozen=True)
class Series:
    """One line. faint: drawn behind the others, as the raw records behind their mean. dots: its points are marked.
    band: (x, low, high) around it.
    """

    name: str
    points: Sequence[Point]
    colour: str = COLOURS[0]
    faint: bool = False
    dots: bool = False
    band: Sequence[tuple[float, float, float]] = ()
    dash: Sequence[int] = (1, 0)


def curves(
    series: Sequence[Series],
    says: str,
    *,
    y: str,
    x: str = "update",
    log: bool = False,
    zero: bool = False,
    form: str = "~g",
    zero_as: str | None = None,
    height: int = HEIGHT,
) -> Spec:
    """Lines over updates, with a zoom along x and the numbers of the nearest point. y: what the numbers are. form: how
    d3 writes them. log: a logarithmic y axis, which the caller chooses only for numbers above 0.
    """
    values: list[dict[str, Any]] = [
        {"x": short(px), "y": short(py), "s": one.name}
        for one in series
        for px, py in thinned(one.points)
        if not log or py > 0
    ]
    scale: Spec = {"zero": True} if zero else {"zero": False, "padding": 8}
    if log:
        scale = {"type": "log", "nice": False, "padding": 8}
    ticks = {"values": _powers([value["y"] for value in values])} if log else {}
    y_field: Spec = {
        "field": "y",
        "type": "quantitative",
        "title": None,
        "scale": scale,
        "axis": {"format": form} | ticks,
    }
    if zero_as is not None:
        y_field["axis"] |= {"labelExpr": f"datum.value === 0 ? '{zero_as}' : datum.label"}
    x_field: Spec = {"field": "x", "type": "quantitative", "title": x, "axis": {"format": ",d", "tickMinStep": 1},
                     "scale": {"nice": False, "zero": False, "padding": 6}}  # fmt: skip
    colour = colour_by({one.name: one.colour for one in series})
    if len(series) == 1:
        colour["legend"] = None
    elif sum(len(one.name) for one in series) > LEGEND_CHARACTERS:
        colour["legend"] |= {"columns": 2, "labelLimit": 128, "labelFontSize": 11}
    dash = {
        "field": "s", "type": "nominal", "legend": colour["legend"],
        "scale": {"domain": [one.name for one in series], "range": [list(one.dash) for one in series]},
    }  # fmt: skip
    layers: list[Spec] = []
    if any(one.band for one in series):
        band = [
            {"x": short(px), "low": short(low), "high": short(high), "s": one.name}
            for one in series
            for px, low, high in one.band
        ]
        layers.append({
            "data": {"values": band},
            "mark": {"type": "area", "opacity": 0.16, "clip": True, "aria": False},
            "encoding": {"x": x_field, "y": y_field | {"field": "low"}, "y2": {"field": "high"}, "color": colour},
        })  # fmt: skip
    for faint in (True, False):
        names = [one.name for one in series if one.faint is faint]
        if names:
            layers.append({
                "transform": [{"filter": {"field": "s", "oneOf": names}}],
                "mark": {"type": "line", "clip": True, "aria": False,
                         **({"strokeWidth": 1.2} if faint else {})},
                "encoding": {"x": x_field, "y": y_field, "color": colour, "strokeDash": dash},
            })  # fmt: skip
    # Each of these points is an element of the page: there are fewer of them than the line has.
    felt = max(FEWEST_POINTS, POINTS // len(series))
    points = [
        {"x": short(px), "y": short(py), "s": one.name, "d": one.dots or len(one.points) == 1}
        for one in series
        for px, py in evenly(one.points, felt)
        if not log or py > 0
    ]
    layers.append({
        "data": {"values": points},
        "mark": {"type": "point", "filled": True, "size": 55, "clip": True, "aria": False},
        "params": [NEAREST],
        "encoding": {
            "x": x_field, "y": y_field, "color": colour,
            "opacity": {"value": 0, "condition": [
                {"param": "near", "empty": False, "value": 1},
                {"test": {"field": "d", "equal": True}, "value": 1},
            ]},
            "tooltip": [
                {"field": "s", "title": "series"},
                {"field": "x", "title": x, "type": "quantitative", "format": ","},
                {"field": "y", "title": y, "type": "quantitative", "format": ".5~g"},
            ],
        },
    })  # fmt: skip
    layers[0]["params"] = [{
        "name": "zoom", "bind": "scales",
        "select": {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey || event.metaKey]"},
    }]  # fmt: skip
    return chart(says, height, values, layers)


def chart(says: str, height: int, values: list[Any], layers: list[Spec]) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",  # a name; nothing is fetched
        "description": says,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": values},
        "layer": layers,
    }


def colour_by(colours: Mapping[str, str], symbol: str = "stroke") -> Spec:
    return {
        "field": "s", "type": "nominal", "legend": {"symbolType": symbol, "symbolOpacity": 1},
        "scale": {"domain": list(colours), "range": list(colours.values())},
    }  # fmt: skip


def pale(colour: str) -> str:
    """A colour for what lies behind its own mean."""
    return f"color-mix(in srgb, {colour} 38%, var(--card))"


def _powers(values: Sequence[float]) -> list[float]:
    """Ticks of a logarithmic axis: powers of ten, with 2 and 5 between them where there are few."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    steps = (1,) if high - low > 2 else (1, 2, 5)
    return [float(f"{step}e{power}") for power in range(low, high + 1) for step in steps]


def short(value: float) -> float | int:
    """Six digits: a chart shows three, and the page stays small."""
    shortened = float(f"{value:.6g}")
    return int(shortened) if shortened.is_integer() and abs(shortened) < 1e15 else shortened
