"""Draws docs/wandb-workspace.svg: how the W&B workspace of `sentiment-ft dashboard` is laid out, from the JSON that its
dry run prints.

    python docs/draw_workspace.py
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from sentiment_ft.track import dashboard

FILE = Path(__file__).parent / "wandb-workspace.svg"
CAPTION = "layout, drawn from `sentiment-ft dashboard --dry-run`; not a screenshot of wandb.ai"
WIDTH, MARGIN, GAP = 1200, 24, 12
PANEL_HEIGHT, HEADER = 112, 34
IN_A_ROW = 58  # characters of the small font
KINDS = {
    "Run History Line Plot": "lines",
    "Bar Chart": "bars",
    "Media Browser": "pictures",
    "Parallel Coordinates Plot": "parallel coordinates",
    "Run Comparer": "table",
    "Weave": "table",
}
FONT = 'font-family="DejaVu Sans, Verdana, sans-serif"'


def draw(spec: dict[str, Any]) -> str:
    """The picture. spec: of a workspace."""
    parts: list[str] = []
    top = 64
    for section in spec["section"]["panelBankConfig"]["sections"]:
        columns = section["flowConfig"]["columnsPerPage"]
        panels = section["panels"]
        parts.append(_text(MARGIN, top + 22, section["name"], 17, "#222222", bold=True))
        many = f"{len(panels)} panels, {columns} in a row"
        parts.append(_text(WIDTH - MARGIN, top + 22, many, 12, "#6b6b6b", anchor="end"))
        top += HEADER
        wide = (WIDTH - 2 * MARGIN - GAP * (columns - 1)) / columns
        for number, panel in enumerate(panels):
            row, column = divmod(number, columns)
            parts += _panel(panel, MARGIN + column * (wide + GAP), top + row * (PANEL_HEIGHT + GAP), wide)
        top += -(-len(panels) // columns) * (PANEL_HEIGHT + GAP) + 10
    height = top + 10
    frame = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    title = _text(MARGIN, 30, f"W&B workspace {dashboard.NAME}", 20, "#222222", bold=True)
    caption = _text(MARGIN, 50, CAPTION, 13, "#6b6b6b")
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(CAPTION)}">'
    return "\n".join([head, frame, title, caption, *parts, "</svg>", ""])


def _panel(panel: dict[str, Any], x: float, y: float, wide: float) -> list[str]:
    config = panel["config"]
    kind = KINDS[panel["viewType"]]
    title = config.get("chartTitle") or ("runs side by side, where they differ" if kind == "table" else kind)
    shown = config.get("metrics") or config.get("mediaKeys") or [c["accessor"] for c in config.get("columns", [])]
    shown = shown or ([config["metricRegex"]] if "metricRegex" in config else [])
    box = (
        f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{PANEL_HEIGHT}" rx="5" fill="#f7f7f7" stroke="#d4d4d4"/>'
    )
    lines = [box, _text(x + 12, y + 23, title, 13, "#222222", bold=True, width=48)]
    for number, words in enumerate(_rows(shown)):
        lines.append(_text(x + 12, y + 43 + 16 * number, words, 11, "#0072B2", width=IN_A_ROW))
    return [*lines, _text(x + wide - 10, y + PANEL_HEIGHT - 9, kind, 11, "#6b6b6b", anchor="end")]


def _rows(names: list[str]) -> list[str]:
    """Names, two in a row where they fit."""
    rows: list[str] = []
    for name in names:
        if rows and ", " not in rows[-1] and len(f"{rows[-1]}, {name}") <= IN_A_ROW:
            rows[-1] += f", {name}"
        else:
            rows.append(name)
    return rows


def _text(
    x: float,
    y: float,
    words: str,
    size: int,
    colour: str,
    *,
    bold: bool = False,
    anchor: str = "start",
    width: int = 200,
) -> str:
    words = words if len(words) <= width else words[: width - 1] + "…"
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} {FONT} font-size="{size}" fill="{colour}"{weight}>{escape(words)}</text>'


if __name__ == "__main__":
    FILE.write_text(draw(dashboard.workspace("films").spec), encoding="utf-8")
    print(FILE)
