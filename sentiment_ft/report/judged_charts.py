"""Charts of judged rows: scores and differences with intervals, shares over bins, and curves between 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sentiment_ft.report.charts import COLOURS, HEIGHT, NEAREST, PART_COLOURS, Series, Spec, chart, colour_by, short
from sentiment_ft.report.thin import Point

Mark = Mapping[str, Any]


def scores(lines: Sequence[Mark], says: str, *, around_zero: float | None = None) -> Spec:
    """A dot and its interval a line. lines: {"name", "s", "value", "low", "high"}, low and high None where there is
    no interval. around_zero: the axis goes as far to both sides, for differences in shares, written as points.
    """
    names = list(dict.fromkeys(line["name"] for line in lines))
    parts = list(dict.fromkeys(line["s"] for line in lines))
    place: Spec = {
        "y": {
            "field": "name", "type": "nominal", "title": None, "sort": names,
            "axis": {"labelLimit": 150, "labelColor": "var(--ink)", "grid": True},
        },
        "yOffset": {
            "field": "s", "type": "nominal", "sort": parts, "scale": {"paddingInner": 0.5, "paddingOuter": 0.7},
        },
        "color": _by_part(parts),
    }  # fmt: skip
    low = min(min(line["value"], line["low"] if line["low"] is not None else 1.0) for line in lines)
    floor = max(-1.0, int(low * 20 - 1) / 20) if low > 0 else -1.0
    domain = [floor, 1] if around_zero is None else [-around_zero, around_zero]
    x: Spec = {
        "type": "quantitative",
        "title": None,
        "scale": {"domain": domain, "nice": False},
        "axis": {"grid": True, "tickCount": 6},
    }
    if around_zero is not None:
        x |= {"title": "percentage points"}
        x["axis"] |= {"labelExpr": "format(100 * datum.value, '+~g')"}
    tooltip = [
        {"field": "name", "title": "score"},
        {"field": "s", "title": "rows"},
        *({"field": key, "title": title, "type": "quantitative", "format": ".4f"}
          for key, title in (("value", "value"), ("low", "from"), ("high", "to"))),
    ]  # fmt: skip
    layers: list[Spec] = [
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
    if around_zero is not None:
        layers.insert(0, {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": "var(--muted)", "strokeDash": [4, 4], "aria": False},
            "encoding": {"x": x | {"field": "zero"}},
        })  # fmt: skip
    return chart(says, max(38 * len(names) + 40, 130), list(lines), layers)


def shares(lines: Sequence[Mark], says: str, *, x: str, ordinal: bool, y: str, diagonal: bool = False) -> Spec:
    """A share with its interval over x. lines: {"x", "s", "value", "low", "high", "rows"}, and "share" where x are
    numbers. ordinal: x are names of bins, in order; else numbers between 0.5 and 1. diagonal: on which they ought to
    lie.
    """
    parts = list(dict.fromkeys(line["s"] for line in lines))
    floor = max(0.0, int(min(line["low"] for line in lines) * 10) / 10)
    x_field: Spec = {"field": "x", "title": x}
    if ordinal:
        x_field |= {"type": "ordinal", "sort": None, "axis": {"labelAngle": 0, "labelOverlap": "parity"}}
    else:
        x_field |= {
            "type": "quantitative",
            "scale": {"domain": [0.5, 1], "nice": False},
            "axis": {"format": ".0%", "tickCount": 5},
        }
    y_field: Spec = {
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [floor, 1], "nice": False},
        "axis": {"format": ".0%"},
    }
    place: Spec = {"x": x_field, "color": _by_part(parts)}
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
    # Bins of a handful of rows are drawn small: they say little.
    size = (
        {}
        if ordinal
        else {"size": {"field": "share", "type": "quantitative", "legend": None, "scale": {"range": [22, 150]}}}
    )
    layers: list[Spec] = [_diagonal([(0.5, 0.5), (1, 1)])] if diagonal else []
    layers += [
        {
            "mark": {"type": "rule", "strokeWidth": 2.5, "opacity": 0.45, "strokeCap": "round", "aria": False},
            "encoding": place | {"y": y_field | {"field": "low"}, "y2": {"field": "high"}, "tooltip": tooltip},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 65, "opacity": 1, "aria": False},
            "encoding": place | {"y": y_field | {"field": "value"}, "tooltip": tooltip, **size},
        },
    ]  # fmt: skip
    if diagonal:
        layers[0]["encoding"]["y"] |= {"scale": y_field["scale"]}
        layers[0]["encoding"]["x"] |= {"scale": x_field["scale"]}
    return chart(says, HEIGHT, list(lines), layers)


def bars(lines: Sequence[Mark], says: str, *, x: str, y: str) -> Spec:
    """Counts of bins, parts beside each other. lines: {"x", "s", "rows", "share"}."""
    parts = list(dict.fromkeys(line["s"] for line in lines))
    encoding = {
        "x": {
            "field": "x", "type": "ordinal", "sort": None, "title": x,
            "axis": {"labelAngle": 0, "labelOverlap": "parity"},
        },
        "xOffset": {"field": "s", "type": "nominal", "sort": parts},
        "y": {"field": "share", "type": "quantitative", "title": None, "axis": {"format": ".0%"}},
        "color": _by_part(parts, symbol="square"),
        "tooltip": [
            {"field": "x", "title": x},
            {"field": "s", "title": "rows of"},
            {"field": "rows", "title": "rows", "type": "quantitative", "format": ","},
            {"field": "share", "title": y, "type": "quantitative", "format": ".1%"},
        ],
    }  # fmt: skip
    return chart(says, HEIGHT, list(lines), [{"mark": {"type": "bar", "aria": False}, "encoding": encoding}])


def square(lines: Sequence[Series], says: str, *, x: str, y: str, diagonal: bool) -> Spec:
    """Curves from 0 to 1 on both axes: ROC, with its diagonal; without, precision by recall, whose value between two
    thresholds is that of the next one: the area under its steps is the average precision.
    """
    values = [{"x": short(px), "y": short(py), "s": one.name, "o": n}
              for one in lines for n, (px, py) in enumerate(one.points)]  # fmt: skip
    unit: Spec = {
        "type": "quantitative",
        "scale": {"domain": [0, 1], "nice": False},
        "axis": {"format": ".0%", "tickCount": 5},
    }
    layers: list[Spec] = [_diagonal([(0, 0), (1, 1)])] if diagonal else []
    form = "linear" if diagonal else "step-before"
    layers.append({
        "mark": {"type": "line", "interpolate": form, "tooltip": True, "aria": False},
        "encoding": {
            "x": unit | {"field": "x", "title": x}, "y": unit | {"field": "y", "title": None},
            "order": {"field": "o"}, "color": colour_by({one.name: one.colour for one in lines}),
        },
    })  # fmt: skip
    layers.append({
        "mark": {"type": "point", "filled": True, "size": 55, "aria": False},
        "params": [NEAREST],
        "encoding": {
            "x": unit | {"field": "x", "title": x}, "y": unit | {"field": "y", "title": None},
            "color": colour_by({one.name: one.colour for one in lines}),
            "opacity": {"value": 0, "condition": {"param": "near", "empty": False, "value": 1}},
            "tooltip": [
                {"field": "s", "title": "rows"},
                {"field": "x", "title": x, "type": "quantitative", "format": ".1%"},
                {"field": "y", "title": y, "type": "quantitative", "format": ".1%"},
            ],
        },
    })  # fmt: skip
    return chart(says, 280, values, layers)


def _diagonal(ends: Sequence[Point]) -> Spec:
    return {
        "data": {"values": [{"x": x, "y": y} for x, y in ends]},
        "mark": {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1, "color": "var(--muted)", "aria": False},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }


def _by_part(parts: Sequence[str], symbol: str = "stroke") -> Spec:
    return colour_by({part: PART_COLOURS.get(part, COLOURS[2]) for part in parts}, symbol)
