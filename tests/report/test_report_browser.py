"""The report in a real browser: it draws everything by itself, asks the network for nothing, and can be read by all.

Needs Debian's chromium; playwright drives it. Without it the tests are skipped, but not in CI.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from sentiment_ft.report import compare, page, record
from sentiment_ft.report.bundle import bundle
from sentiment_ft.report.single import page_of
from tests.report_runs import write_run
from tests.report_texts import HOSTILE, hostile_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DESKTOP, PHONE = {"width": 1320, "height": 900}, {"width": 375, "height": 740}
DRAW_SECONDS = 30  # a limit against a hang: how fast it is, no test decides

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no chromium here: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "CI has a browser: .ci/run installs Debian's"
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of each kind: one run, several, hostile ones."""
    folder = tmp_path_factory.mktemp("pages")
    run = write_run(folder / "quickstart", rows=60, updates=1000, every=20, sharpness=2)
    other = write_run(folder / "other", rows=60, updates=600, seed=5, overrides=["learning_rate=3e-5"])
    bad, worse = hostile_run(folder / HOSTILE[2].replace("/", "⁄")), hostile_run(folder / "{{ 7*7 }}", 1)
    library = bundle()
    made = {
        "one": page_of(record.read(run)),
        "several": compare.page_of([record.read(one) for one in (run, other, run)]),
        "hostile": page_of(record.read(bad)),
        "hostile-several": compare.page_of([record.read(one) for one in (bad, worse)]),
    }
    for name, content in made.items():
        (folder / f"{name}.html").write_text(page.render(content, library), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[Callable[..., Page]]:
    """Opens a page and waits until it has drawn. At the end nothing may have been asked for, warned of or struck."""
    contexts: list[BrowserContext] = []
    asked: list[str] = []
    said: list[str] = []

    def open_page(name: str, *, size: dict[str, int] = DESKTOP, javascript: bool = True, **settings: Any) -> Page:
        context = browser.new_context(viewport=size, java_script_enabled=javascript, **settings)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: said.append(f"error: {error}"))
        tab.on("dialog", lambda dialog: said.append("dialog") or dialog.dismiss())
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(pages[name].as_uri())
        if javascript:
            tab.wait_for_selector("html[data-drawn]", state="attached", timeout=1000 * DRAW_SECONDS)
            assert tab.evaluate("window.struck") is None
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if url not in {path.as_uri() for path in pages.values()} | {"data:,"}] == []


def charts(name: str, pages: dict[str, Path]) -> list[str]:
    return re.findall(r'data-chart="([\w-]+)"', pages[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["one", "several", "hostile", "hostile-several"])
def test_every_chart_is_drawn(name: str, opened: Callable[..., Page], pages: dict[str, Path]) -> None:
    tab = opened(name)
    assert len(charts(name, pages)) >= (13 if name in ("one", "hostile") else 8)
    for chart in charts(name, pages):
        drawn = tab.locator(f"#chart-{chart} svg")
        assert drawn.count() == 1, chart
        box = drawn.bounding_box()
        assert box is not None
        assert box["width"] > 250 < box["height"] + 150
        assert tab.locator(f"#chart-{chart} svg path[d], #chart-{chart} svg line").count() > 3, f"{chart} is empty"
        assert "NaN" not in drawn.inner_html()


@pytest.mark.parametrize(
    ("name", "colours", "size"),
    [
        ("one", "light", DESKTOP), ("one", "dark", DESKTOP), ("one", "light", PHONE), ("several", "light", DESKTOP),
        pytest.param("one", "dark", PHONE, marks=pytest.mark.slow),
        pytest.param("several", "dark", PHONE, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_everybody_can_read_it(name: str, colours: str, size: dict[str, int], opened: Callable[..., Page]) -> None:
    tab = opened(name, size=size, color_scheme=colours)
    tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", ["one", "several", "hostile", "hostile-several"])
def test_a_phone_scrolls_down_only(name: str, opened: Callable[..., Page]) -> None:
    tab = opened(name, size=PHONE)
    tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_hostile_texts_can_be_read(opened: Callable[..., Page]) -> None:
    tab = opened("hostile")
    shown = tab.locator("body").text_content() or ""
    assert "<script>window.struck=1</script>" in shown
    assert "{{ 7*7 }}" in shown
    assert tab.locator("main img, main script, main a").count() == 0


def test_a_tooltip_has_the_numbers(opened: Callable[..., Page]) -> None:
    tab = opened("one")
    chart = tab.locator("#chart-learning-rate svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.wait_for_selector("#vg-tooltip-element.visible")
    shown = tab.locator("#vg-tooltip-element").text_content() or ""
    assert re.search(r"update\s*5\d\d", shown), shown


def test_zoom_and_back(opened: Callable[..., Page]) -> None:
    tab = opened("one")
    chart = tab.locator("#chart-loss svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None

    def labels() -> list[str]:
        return sorted(chart.locator(".role-axis-label text").all_text_contents())

    before = labels()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.wheel(0, -400)  # scrolls the page, as everywhere
    tab.wait_for_timeout(200)
    assert labels() == before
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -400)
    tab.keyboard.up("Control")
    tab.wait_for_timeout(200)
    assert labels() != before
    tab.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.wait_for_timeout(200)
    assert labels() == before


def test_charts_follow_the_width(opened: Callable[..., Page]) -> None:
    """Drawn again by Vega, not stretched: its own width is that of its place."""
    tab = opened("one")
    for size, least in ((DESKTOP, 440), (PHONE, 250), (DESKTOP, 440)):
        tab.set_viewport_size(size)
        tab.wait_for_timeout(500)
        place = tab.locator("#chart-loss").bounding_box()
        assert place is not None
        assert place["width"] > least
        assert float(tab.locator("#chart-loss svg").get_attribute("width") or 0) == pytest.approx(place["width"], abs=2)


def test_the_colours_can_be_chosen(opened: Callable[..., Page]) -> None:
    tab = opened("one", color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    line = "getComputedStyle(document.querySelector('#chart-gradient .mark-line path')).stroke"
    dark = tab.evaluate(colour), tab.evaluate(line)
    tab.get_by_text("Light", exact=True).click()
    light = tab.evaluate(colour), tab.evaluate(line)
    assert light[0] != dark[0]
    assert light[1] != dark[1], "charts are not drawn again: their colours are variables"


def test_without_javascript_the_numbers_are_there(opened: Callable[..., Page]) -> None:
    tab = opened("one", javascript=False)
    assert tab.get_by_text("Charts need JavaScript").is_visible()
    assert tab.locator("table").count() > 10
    tab.locator("#figure-loss summary").click()
    assert tab.locator("#figure-loss td").first.is_visible()
    assert not tab.locator(".chart").first.is_visible(), "no empty frame"


def test_on_paper_everything_is_open_and_dark_on_white(opened: Callable[..., Page]) -> None:
    tab = opened("one", color_scheme="dark")
    ink = "getComputedStyle(document.body).color"
    light = tab.evaluate(ink)
    assert tab.locator("details:not([open])").count() > 0
    tab.emulate_media(media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("details:not([open])").count() == 0
    assert not tab.locator("nav").is_visible()
    assert (light, tab.evaluate(ink)) == ("rgb(231, 235, 238)", "rgb(28, 35, 41)")
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator("details:not([open])").count() > 0
    printed = tab.pdf(format="A4")
    assert printed.startswith(b"%PDF")


def test_keys_reach_what_can_be_opened(opened: Callable[..., Page]) -> None:
    tab = opened("one")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.locator("#config summary").focus()
    tab.keyboard.press("Enter")
    assert tab.locator("#config table").is_visible()
