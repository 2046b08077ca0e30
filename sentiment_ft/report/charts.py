"""The kinds of chart that the report draws, as plain Vega-Lite 6 specifications.

Colours are names of CSS variables (`var(--c1)`): the SVG that Vega makes follows the page from light to dark and to
paper without being drawn again. Field names are ours and flat; texts of users appear as data only, never as a field or
an expression, and Vega's own interpreter evaluates expressions, so that the page needs no `eval`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentiment_ft.report.thin import Point, thinned

Spec = dict[str, Any]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
COLOURS = tuple(f"var(--c{number})" for number in range(1, 9))
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [5, 2], [1, 3], [12, 4], [4, 4])
PART_COLOURS = {"validation": COLOURS[0], "test": COLOURS[1]}
HEIGHT = 230  # pixels

CONFIG: Spec = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)", "titleColor": "var(--muted)", "gridColor": "var(--grid)",
        "domainColor": "var(--axis)", "tickColor": "var(--axis)", "labelFontSize": 11, "titleFontSize": 11,
        "titleFontWeight": "normal", "titlePadding": 8, "labelPadding": 4, "gridWidth": 1,
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
    height: int = HEIGHT,
    domain: tuple[float, float] | None = None,
) -> Spec:
    """Lines over updates, with a zoom along x and the numbers of the nearest point. y: what the numbers are. form: how
    d3 writes them. log: a logarithmic y axis, which the caller chooses only for numbers above 0.
    """
    values = [
        {"x": _short(px), "y": _short(py), "s": one.name}
        for one in series
        for px, py in thinned(one.points)
        if not log or py > 0
    ]
    scale: Spec = {"type": "log"} if log else {"zero": zero, **({"domain": list(domain)} if domain else {})}
    y_field: Spec = {"field": "y", "type": "quantitative", "title": None, "scale": scale, "axis": {"format": form}}
    x_field: Spec = {"field": "x", "type": "quantitative", "title": x, "axis": {"format": ",", "tickMinStep": 1},
                     "scale": {"nice": False, "zero": False}}  # fmt: skip
    colour = _colour_by({one.name: one.colour for one in series})
    if len(series) == 1:
        colour = colour | {"legend": None}
    dash = {
        "field": "s", "type": "nominal", "legend": None,
        "scale": {"domain": [one.name for one in series], "range": [list(one.dash) for one in series]},
    }  # fmt: skip
    layers: list[Spec] = []
    if any(one.band for one in series):
        band = [
            {"x": _short(px), "low": _short(low), "high": _short(high), "s": one.name}
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
                         **({"opacity": 0.4, "strokeWidth": 1.2} if faint else {})},
                "encoding": {"x": x_field, "y": y_field, "color": colour, "strokeDash": dash},
            })  # fmt: skip
    dotted = [one.name for one in series if one.dots or len(one.points) == 1]
    layers.append({
        "mark": {"type": "point", "filled": True, "size": 55, "clip": True, "aria": False},
        "params": [{"name": "near", "select": {"type": "point", "on": "pointerover", "clear": "pointerout", "nearest": True}}],
        "encoding": {
            "x": x_field, "y": y_field, "color": colour,
            "opacity": {"value": 0, "condition": [
                {"param": "near", "empty": False, "value": 1},
                {"test": {"field": "s", "oneOf": dotted}, "value": 1},
            ]},
            "tooltip": [{"field": "s", "title": "series"}, {"field": "x", "title": x, "type": "quantitative", "format": ","},
                        {"field": "y", "title": y, "type": "quantitative", "format": ".5~g"}],
        },
    })  # fmt: skip
    layers[0]["params"] = [{
        "name": "zoom", "bind": "scales",
        "select": {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey || event.metaKey]"},
    }]  # fmt: skip
    return _chart(says, height, values, layers)


def scores(lines: Sequence[Mapping[str, Any]], says: str) -> Spec:
    """A dot and its interval a line. lines: {"name", "s", "value", "low", "high"}, low and high None where there is
    no interval.
    """
    names = list(dict.fromkeys(line["name"] for line in lines))
    parts = list(dict.fromkeys(line["s"] for line in lines))
    place: Spec = {
        "y": {"field": "name", "type": "nominal", "title": None, "sort": names, "axis": {"labelLimit": 150, "labelColor": "var(--ink)", "grid": True}},
        "yOffset": {"field": "s", "type": "nominal", "sort": parts, "scale": {"paddingInner": 0.5, "paddingOuter": 0.7}},
        "color": _colour_by({part: PART_COLOURS.get(part, COLOURS[2]) for part in parts}),
    }  # fmt: skip
    low = min(min(line["value"], line["low"] if line["low"] is not None else 1.0) for line in lines)
    floor = max(-1.0, int(low * 20 - 1) / 20) if low > 0 else -1.0
    x: Spec = {"type": "quantitative", "title": None, "scale": {"domain": [floor, 1], "nice": False}, "axis": {"grid": True}}
    tooltip = [
        {"field": "name", "title": "score"},
        {"field": "s", "title": "rows"},
        *({"field": key, "title": title, "type": "quantitative", "format": ".4f"}
          for key, title in (("value", "value"), ("low", "from"), ("high", "to"))),
    ]  # fmt: skip
    layers = [
        {
            "transform": [{"filter": {"field": "low", "valid": True}}],
            "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.45, "strokeCap": "round", "aria": False},
            "encoding": place | {"x": x | {"field": "low"}, "x2": {"field": "high"}, "tooltip": tooltip},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "aria": False},
            "encoding": place | {"x": x | {"field": "value"}, "tooltip": tooltip},
        },
    ]
    return _chart(says, 38 * len(names) + 20, list(lines), layers)


def shares(lines: Sequence[Mapping[str, Any]], says: str, *, x: str, ordinal: bool, y: str, diagonal: bool = False) -> Spec:
    """A share with its interval over x. lines: {"x", "s", "value", "low", "high", "rows"}. ordinal: x are names of
    bins, in order; else numbers between 0.5 and 1, with the diagonal that they ought to lie on.
    """
    parts = list(dict.fromkeys(line["s"] for line in lines))
    floor = max(0.0, int(min(line["low"] for line in lines) * 10) / 10)
    x_field: Spec = {"field": "x", "title": x}
    if ordinal:
        x_field |= {"type": "ordinal", "sort": None, "axis": {"labelAngle": 0, "labelOverlap": True}}
    else:
        x_field |= {"type": "quantitative", "scale": {"domain": [0.5, 1], "nice": False}, "axis": {"format": ".0%", "tickCount": 5}}
    y_field: Spec = {"type": "quantitative", "title": None, "scale": {"domain": [floor, 1], "nice": False}, "axis": {"format": ".0%"}}
    place: Spec = {"x": x_field, "color": _colour_by({part: PART_COLOURS.get(part, COLOURS[2]) for part in parts})}
    if ordinal:
        place["xOffset"] = {"field": "s", "type": "nominal", "sort": parts, "scale": {"paddingOuter": 2.2}}
    tooltip = [
        {"field": "x", "title": x, **({} if ordinal else {"type": "quantitative", "format": ".1%"})},
        {"field": "s", "title": "rows of"},
        {"field": "value", "title": y, "type": "quantitative", "format": ".1%"},
        {"field": "low", "title": "from", "type": "quantitative", "format": ".1%"},
        {"field": "high", "title": "to", "type": "quantitative", "format": ".1%"},
        {"field": "rows", "title": "rows", "type": "quantitative", "format": ","},
    ]
    layers: list[Spec] = [_diagonal([(0.5, 0.5), (1, 1)])] if diagonal else []
    layers += [
        {
            "mark": {"type": "rule", "strokeWidth": 2.5, "opacity": 0.45, "strokeCap": "round", "clip": True, "aria": False},
            "encoding": place | {"y": y_field | {"field": "low"}, "y2": {"field": "high"}, "tooltip": tooltip},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 65, "opacity": 1, "aria": False},
            "encoding": place | {"y": y_field | {"field": "value"}, "tooltip": tooltip},
        },
    ]  # fmt: skip
    if diagonal:
        layers[0]["encoding"]["y"] |= {"scale": y_field["scale"]}
        layers[0]["encoding"]["x"] |= {"scale": x_field["scale"]}
    return _chart(says, HEIGHT, list(lines), layers)


def bars(lines: Sequence[Mapping[str, Any]], says: str, *, x: str, y: str) -> Spec:
    """Counts of bins, parts beside each other. lines: {"x", "s", "rows", "share"}."""
    parts = list(dict.fromkeys(line["s"] for line in lines))
    encoding = {
        "x": {"field": "x", "type": "ordinal", "sort": None, "title": x, "axis": {"labelAngle": 0, "labelOverlap": True}},
        "xOffset": {"field": "s", "type": "nominal", "sort": parts},
        "y": {"field": "share", "type": "quantitative", "title": None, "axis": {"format": ".0%"}},
        "color": _colour_by({part: PART_COLOURS.get(part, COLOURS[2]) for part in parts}, symbol="square"),
        "tooltip": [
            {"field": "x", "title": x},
            {"field": "s", "title": "rows of"},
            {"field": "rows", "title": "rows", "type": "quantitative", "format": ","},
            {"field": "share", "title": y, "type": "quantitative", "format": ".1%"},
        ],
    }  # fmt: skip
    return _chart(says, HEIGHT, list(lines), [{"mark": {"type": "bar", "aria": False}, "encoding": encoding}])


def square(lines: Sequence[Series], says: str, *, x: str, y: str, diagonal: bool) -> Spec:
    """Curves from 0 to 1 on both axes: ROC, precision and recall."""
    values = [{"x": _short(px), "y": _short(py), "s": one.name, "o": n}
              for one in lines for n, (px, py) in enumerate(one.points)]  # fmt: skip
    unit: Spec = {"type": "quantitative", "scale": {"domain": [0, 1], "nice": False}, "axis": {"format": ".0%", "tickCount": 5}}
    layers: list[Spec] = [_diagonal([(0, 0), (1, 1)])] if diagonal else []
    layers.append({
        "mark": {"type": "line", "interpolate": "linear", "tooltip": True, "aria": False},
        "encoding": {
            "x": unit | {"field": "x", "title": x}, "y": unit | {"field": "y", "title": None},
            "order": {"field": "o"}, "color": _colour_by({one.name: one.colour for one in lines}),
        },
    })  # fmt: skip
    layers.append({
        "mark": {"type": "point", "filled": True, "size": 55, "aria": False},
        "params": [{"name": "near", "select": {"type": "point", "on": "pointerover", "clear": "pointerout", "nearest": True}}],
        "encoding": {
            "x": unit | {"field": "x", "title": x}, "y": unit | {"field": "y", "title": None},
            "color": _colour_by({one.name: one.colour for one in lines}),
            "opacity": {"value": 0, "condition": {"param": "near", "empty": False, "value": 1}},
            "tooltip": [{"field": "s", "title": "rows"}, {"field": "x", "title": x, "type": "quantitative", "format": ".1%"},
                        {"field": "y", "title": y, "type": "quantitative", "format": ".1%"}],
        },
    })  # fmt: skip
    return _chart(says, 280, values, layers)


def _chart(says: str, height: int, values: list[Any], layers: list[Spec]) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",  # a name; nothing is fetched
        "description": says,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": values},
        "layer": layers,
    }


def _colour_by(colours: Mapping[str, str], symbol: str = "stroke") -> Spec:
    return {
        "field": "s", "type": "nominal", "legend": {"symbolType": symbol},
        "scale": {"domain": list(colours), "range": list(colours.values())},
    }  # fmt: skip


def _diagonal(ends: Sequence[Point]) -> Spec:
    return {
        "data": {"values": [{"x": x, "y": y} for x, y in ends]},
        "mark": {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1, "color": "var(--muted)", "aria": False},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }


def _short(value: float) -> float | int:
    """Six digits: a chart shows three, and the page stays small."""
    shortened = float(f"{value:.6g}")
    return int(shortened) if shortened.is_integer() and abs(shortened) < 1e15 else shortened
