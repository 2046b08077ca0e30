"""What stands in the file: every text escaped, nothing of the machine, nothing to fetch, and not too much of it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from sentiment_ft.report import compare, page, record, training
from sentiment_ft.report.single import page_of
from tests.report_runs import write_lines, write_run
from tests.report_texts import HOSTILE, hostile_run


class Reader(HTMLParser):
    """Tags with their attributes, ids, links and the visible text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_code = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._in_code = False

    def handle_data(self, data: str) -> None:
        if not self._in_code:
            self.texts.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_the_band_of_accuracy_is_the_recorded_one(tmp_path: Path) -> None:
    """A run of before it was recorded has none."""
    run = write_run(tmp_path / "run", rows=20)
    assert "with the 95% band of accuracy" in page.render(page_of(record.read(run)), "")
    kept = (run / "metrics.jsonl").read_text().replace("eval_accuracy_low", "eval_other")
    (run / "metrics.jsonl").write_text(kept)
    assert "with the 95% band of accuracy" not in page.render(page_of(record.read(run)), "")


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    names = [HOSTILE[0].replace("/", "⁄"), HOSTILE[2]]
    runs = [record.read(hostile_run(tmp_path / name, number)) for number, name in enumerate(names)]
    plain = write_run(tmp_path / "plain", rows=60)
    expected = [page_of(record.read(plain)), compare.page_of([record.read(plain), record.read(plain)])]
    for made, usual in zip([page_of(runs[0]), compare.page_of(runs)], expected, strict=True):
        html = page.render(made, "")
        found = read(html)
        kinds = {tag for tag, _ in read(page.render(usual, "")).tags} | {"details", "summary", "p", "span"}
        assert {tag for tag, _ in found.tags} <= kinds, "no tag but those of the page"
        assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
        assert [attributes for tag, attributes in found.tags if tag == "script"] == [
            {"type": "application/json", "id": "data"}
        ]
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]", html)
        text = "".join(found.texts)
        assert "<script>window.struck=1</script>" in text, "shown as it is"
        assert "{{ 7*7 }}" in text
        assert "49" not in text.split("{{ 7*7 }}")[1][:5]


def test_links_lead_into_the_page_and_ids_are_there_once(tmp_path: Path) -> None:
    found = read(page.render(page_of(record.read(hostile_run(tmp_path / "run"))), ""))
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] or "" for tag, attributes in found.tags if tag == "a"]
    assert links
    assert all(link.removeprefix("#") in ids for link in links)
    for tag, attributes in found.tags:
        assert not {"src", "srcset", "action", "data", "poster"} & attributes.keys(), tag
    assert [tag for tag, _ in found.tags if tag == "h1"] == ["h1"]


def test_no_folder_of_this_machine(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", overrides=["model_name_or_path=/home/somebody/models/bert"])
    write_lines(run / "attempts.jsonl", [
        {"event": "began", "at": "2026-11-28T01:02:03Z", "update": 0, "processes": 1},
        {"event": "ended", "at": "2026-11-28T01:02:09Z", "update": 4, "code": 6, "why": "/home/somebody/x: disk full"},
    ])  # fmt: skip
    environment = (run / "environment.json").read_text().replace('"2"', json.dumps("C:\\Users\\somebody\\x"))
    (run / "environment.json").write_text(environment)
    for made in (page_of(record.read(run)), compare.page_of([record.read(run), record.read(run)])):
        html = page.render(made, "")
        assert "somebody" not in html
        assert str(tmp_path) not in html


def test_json_in_a_script_ends_nothing() -> None:
    text = page.script_json({"a": "".join(HOSTILE)})
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == {"a": "".join(HOSTILE)}


def test_the_policy_forbids_requests(tmp_path: Path) -> None:
    html = page.render(page_of(record.read(write_run(tmp_path / "run"))), "")
    policy = next(a["content"] for tag, a in read(html).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "eval" not in policy
    assert "http" not in policy


def test_a_missing_name_in_the_template_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        page._template().render(page=None)


def test_a_hundred_thousand_records_and_long_texts_stay_small(tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "run",
        rows=400,
        updates=100_000,
        every=1,
        texts=dict.fromkeys(range(400), "long " * 5000),
        sharpness=0.1,
    )
    made = page_of(record.read(run))
    html = page.render(made, "")
    assert len(html.encode()) < 3_000_000, "with the library of 0.9 MB below 5 MB"
    curve = next(chart for chart in page.charts_of(made.sections) if chart.id == "learning-rate")
    assert 700 < len(curve.spec["data"]["values"]) <= 1000
    assert "of 100,000 records" in html.replace("Of", "of"), "said"


def test_what_came_out_stands_in_the_summary(tmp_path: Path) -> None:
    run = record.read(write_run(tmp_path / "run", rows=100))
    text = "".join(read(page.render(page_of(run), "")).texts)
    accuracy = run.judgement("test")["scores"]["accuracy"]
    assert f"100 test rows, kept apart until the end, the best model is right on {accuracy:.1%}" in text
    assert "3 of the 100 validation rows are in the training rows too (2 exactly, 1 nearly)" in text


def test_what_a_comparison_says_and_lists_is_recorded_and_not_a_mean(tmp_path: Path) -> None:
    """Only drawn are means, where the records are many."""
    run = record.read(write_run(tmp_path / "run", rows=20, updates=2000))
    chart = next(c for c in page.charts_of(compare.page_of([run, run]).sections) if c.id == "compare-loss")
    recorded = [event["loss"] for event in run.of("train")]
    assert len(recorded) > training.DENSE
    assert f"run {recorded[-1]:.4g}" in chart.says and f"run (2) {recorded[-1]:.4g}" in chart.says
    assert chart.table is not None
    listed = {line[1] for line in chart.table.lines}
    assert listed <= {f"{loss:.5g}" for loss in recorded} and f"{recorded[-1]:.5g}" in listed


def test_no_test_rows_says_that_the_figure_leans_high(tmp_path: Path) -> None:
    run = record.read(write_run(tmp_path / "run", test=False))
    assert "leans high; no test rows" in page.render(page_of(run), "")


def test_starts_and_ends(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    began = [{"event": "began", "at": f"2026-11-28T01:0{n}:00Z", "update": 10 * n, "processes": 2} for n in range(3)]
    ended = {"event": "ended", "at": "2026-11-28T01:01:30Z", "update": 19, "code": 75, "why": "ended by SIGTERM"}
    write_lines(run / "attempts.jsonl", [began[0], began[1], ended, began[2]])
    table = next(s for s in page_of(record.read(run)).sections if s.anchor == "faults").blocks[0]
    assert [line[-1].text for line in table.lines] == [
        "ended without a word (killed)",
        "ended by SIGTERM (code 75)",
        "done",
    ]
    assert table.lines[1][4] == "30.0 s"
    write_lines(run / "attempts.jsonl", began)
    (run / "summary.json").unlink()
    table = next(s for s in page_of(record.read(run)).sections if s.anchor == "faults").blocks[0]
    assert table.lines[2][-1].text == "at work, or ended without a word"


def test_only_shares_are_written_in_per_cent() -> None:
    """A gradient norm of 0.12 is no share."""
    points = [(1.0, 0.12), (2.0, 0.5), (3.0, 0.95)]
    assert training._range(points) == "0.12 to 0.95, median 0.5"
    assert training._range(points, share=True) == "12.0% to 95.0%, median 50.0%"
