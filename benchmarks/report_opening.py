"""How long `report.html` takes: to be made, and to be open in Chromium with every chart drawn.

python benchmarks/report_opening.py runs/quickstart [--times 9]

Each opening is a new browser context, from navigation to the last of its charts. Writes results/report-opening.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright
from record import measure, plain, write

DRAWN = "() => document.documentElement.hasAttribute('data-drawn')"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--times", type=int, default=9)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        argv = [sys.executable, "-m", "sentiment_ft", "report", chosen.run, "--output", str(page)]
        made = [measure(argv) for _ in range(3) if page.unlink(missing_ok=True) is None]
        opened, charts = [], 0
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for _ in range(chosen.times):
                context = browser.new_context()
                tab = context.new_page()
                began = time.perf_counter()
                tab.goto(page.as_uri())
                tab.wait_for_function(DRAWN)
                opened.append(round(time.perf_counter() - began, 3))
                charts = tab.locator(".chart svg").count()
                context.close()
            version = browser.version
            browser.close()
        figures = {
            "bytes": page.stat().st_size,
            "charts": charts,
            "opened_s": opened,
            "opened_median_s": statistics.median(opened),
            "chromium": version,
            "made": plain(min(made, key=lambda one: one.wall_s)) | {"command": "sentiment-ft report RUN --output FILE"},
        }
    print(write("report-opening", figures), json.dumps(figures))


if __name__ == "__main__":
    main()
