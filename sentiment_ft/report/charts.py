"""The kinds of chart that the report draws, as plain Vega-Lite 6 specifications.

Colours are names of CSS variables (`var(--c1)`): the SVG that Vega makes follows the page from light to dark and to
paper without being drawn again. Field names are ours and flat; texts of users appear as data only, never as a field or
an expression, and Vega's own interpreter evaluates expressions, so that the page needs no `eval`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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
    values = [value for one in series for value in _points(one, thinned(one.points), log=log)]
    y_field = _y_field([value["y"] for value in values], log=log, zero=zero, form=form, zero_as=zero_as)
    # Vega puts ticks at halves too, where few updates are shown, and rounds them.
    whole: Spec = {"format": ",d", "tickMinStep": 1, "labelExpr": "datum.value % 1 ? '' : datum.label"}
    x_field: Spec = {"field": "x", "type": "quantitative", "title": x, "axis": whole,
                     "scale": {"nice": False, "zero": False, "padding": 6}}  # fmt: skip
    colour = colour_by({one.name: one.colour for one in series})
    if len(series) == 1:
        colour["legend"] = None
    elif sum(len(one.name) for one in series) > LEGEND_CHARACTERS:
        colour["legend"] |= {"columns": 2, "labelLimit": 128, "labelFontSize": 11}
    fields = {"x": x_field, "y": y_field, "color": colour}
    layers = [_bands(series, fields)] if any(one.band for one in series) else []
    layers += _lines(series, fields)
    layers.append(_near_points(series, fields, y=y, log=log))
    layers[0]["params"] = [{
        "name": "zoom", "bind": "scales",
        "select": {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey || event.metaKey]"},
    }]  # fmt: skip
    return chart(says, height, values, layers)


def _points(one: Series, points: Iterable[Point], *, log: bool) -> list[dict[str, Any]]:
    return [{"x": short(px), "y": short(py), "s": one.name} for px, py in points if not log or py > 0]


def _y_field(found: Sequence[float], *, log: bool, zero: bool, form: str, zero_as: str | None) -> Spec:
    scale: Spec = {"zero": True} if zero else {"zero": False, "padding": 8}
    if log:
        scale = {"type": "log", "nice": False, "padding": 8}
    axis: Spec = {"format": form} | ({"values": _powers(found)} if log else {})
    if zero_as is not None:
        axis |= {"labelExpr": f"datum.value === 0 ? '{zero_as}' : datum.label"}
    return {"field": "y", "type": "quantitative", "title": None, "scale": scale, "axis": axis}


def _bands(series: Sequence[Series], fields: Spec) -> Spec:
    band = [
        {"x": short(px), "low": short(low), "high": short(high), "s": one.name}
        for one in series
        for px, low, high in one.band
    ]
    ends = {"y": fields["y"] | {"field": "low"}, "y2": {"field": "high"}}
    return {
        "data": {"values": band},
        "mark": {"type": "area", "opacity": 0.16, "clip": True, "aria": False},
        "encoding": fields | ends,
    }


def _lines(series: Sequence[Series], fields: Spec) -> list[Spec]:
    """The faint ones first, behind the others."""
    dash = {
        "field": "s", "type": "nominal", "legend": fields["color"]["legend"],
        "scale": {"domain": [one.name for one in series], "range": [list(one.dash) for one in series]},
    }  # fmt: skip
    layers = []
    for faint in (True, False):
        names = [one.name for one in series if one.faint is faint]
        if names:
            layers.append({
                "transform": [{"filter": {"field": "s", "oneOf": names}}],
                "mark": {"type": "line", "clip": True, "aria": False, **({"strokeWidth": 1.2} if faint else {})},
                "encoding": fields | {"strokeDash": dash},
            })  # fmt: skip
    return layers


def _near_points(series: Sequence[Series], fields: Spec, *, y: str, log: bool) -> Spec:
    """Those that answer the pointer. Each is an element of the page: there are fewer of them than the line has."""
    felt = max(FEWEST_POINTS, POINTS // len(series))
    points = [
        value | {"d": one.dots or len(one.points) == 1}
        for one in series
        for value in _points(one, evenly(one.points, felt), log=log)
    ]
    return {
        "data": {"values": points},
        "mark": {"type": "point", "filled": True, "size": 55, "clip": True, "aria": False},
        "params": [NEAREST],
        "encoding": fields | {
            "opacity": {"value": 0, "condition": [
                {"param": "near", "empty": False, "value": 1},
                {"test": {"field": "d", "equal": True}, "value": 1},
            ]},
            "tooltip": [
                {"field": "s", "title": "series"},
                {"field": "x", "title": fields["x"]["title"], "type": "quantitative", "format": ","},
                {"field": "y", "title": y, "type": "quantitative", "format": ".5~g"},
            ],
        },
    }  # fmt: skip


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
