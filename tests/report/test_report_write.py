"""The verb, and the report that a training leaves: written whole, in place of nothing but an older report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sentiment_ft import cli, outcome
from sentiment_ft.errors import ModelError
from sentiment_ft.report import bundle, write
from sentiment_ft.report.page import OPENING
from sentiment_ft.run.folder import choose
from sentiment_ft.run.layout import OWNED
from sentiment_ft.run.lock import LOCKS
from tests.report_runs import write_run
from tests.tiny import write_reviews

HEAVY = "torch", "transformers", "datasets", "accelerate", "sklearn", "matplotlib", "pandas", "pyarrow", "wandb"


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short text in its place: the browser tests have the real one."""
    monkeypatch.setattr(write, "bundle", lambda: "window.vegaEmbed = null")


def report(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, ["report", *map(str, arguments)])


def test_one_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    before = {path: path.read_bytes() for path in run.iterdir()}
    result = report(run)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"report  {run / 'report.html'}" in result.stderr
    after = {path: path.read_bytes() for path in run.iterdir()}
    assert after.pop(run / "report.html").startswith(OPENING.encode())
    assert after == before, "nothing else is touched"
    assert report(run).exit_code == 0, "the next one replaces it"
    assert "report.html" in OWNED
    assert choose(str(run), "x", overwrite=True) == run


def test_several_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [write_run(tmp_path / name, seed=seed) for seed, name in enumerate("abc")]
    assert report(*runs).exit_code == 0
    assert "3 runs compared" in (tmp_path / "report-compare.html").read_text()
    assert report(*runs, "--output", tmp_path / "x.html").exit_code == 0
    assert (tmp_path / "x.html").exists()


def test_more_runs_than_colours(tmp_path: Path) -> None:
    result = report(*[write_run(tmp_path / "a", rows=10)] * 9)
    assert result.exit_code == 2
    assert "at most 8" in result.stderr


@pytest.mark.parametrize("kind", ["file", "folder", "link", "empty"])
def test_what_is_no_report_is_not_replaced(kind: str, tmp_path: Path) -> None:
    run, path = write_run(tmp_path / "run"), tmp_path / "out.html"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "mine.html").write_text(OPENING)
        path.symlink_to(tmp_path / "mine.html")
    else:
        path.write_text("<!doctype html>\nmine" if kind == "file" else "")
    result = report(run, "--output", path)
    assert result.exit_code == 6
    assert "way out: another --output" in result.stderr
    if path.is_file():
        assert path.read_text() in ("<!doctype html>\nmine", "", OPENING)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert report(write_run(tmp_path / "run"), "--output", tmp_path / "no" / "x.html").exit_code == 6


def test_what_is_no_run(tmp_path: Path) -> None:
    write_run(tmp_path / "quickstart")
    for wrong in ("quickstrat", "quickstart/config.yaml", "."):
        result = report(tmp_path / wrong)
        assert result.exit_code == 2
        assert "quickstart" in result.stderr.split("way out:")[1], "a run that is near"
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text("a: 1\n")
    assert "it has no config.yaml of a run" in report(other).stderr
    assert report("x\x00y").exit_code == 2
    assert report("x" * 5000).exit_code == 2
    assert report().exit_code == 2


def test_a_run_that_has_not_finished(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", finished=False)
    assert report(run).exit_code == 0
    assert (
        "This run has not finished: it has no summary.json. Its record goes to update 300."
        in (run / "report.html").read_text()
    )


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    code = (
        "import sys; from sentiment_ft.report import record; from sentiment_ft.report.single import page_of; "
        f"from sentiment_ft.report.page import render; render(page_of(record.read({str(run)!r})), ''); "
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []


def test_the_library_is_kept_and_made_again_when_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(bundle, "_make", lambda: made.append(1) or "window.vegaEmbed = 1; // ä")
    assert bundle.bundle() == bundle.bundle() == "window.vegaEmbed = 1; // ä"
    assert len(made) == 1
    kept = next((tmp_path / "cache").iterdir())
    kept.write_bytes(kept.read_bytes()[:-3])
    assert bundle.bundle() == "window.vegaEmbed = 1; // ä"
    assert len(made) == 2
    monkeypatch.setenv("SENTIMENT_FT_CACHE", "/dev/null/nowhere")
    assert bundle.bundle() == "window.vegaEmbed = 1; // ä", "a cache that cannot be written costs time only"


def test_a_library_that_could_end_the_script_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in ("vegaEmbed </SCRIPT>", "vegaEmbed <!-- x", "nothing"):
        monkeypatch.setattr(bundle, "_WRITE", f"print({bad!r})")
        with pytest.raises(ModelError, match="cannot stand in a page"):
            bundle._make()
    monkeypatch.setattr(bundle, "_WRITE", "raise SystemExit('no such thing')")
    with pytest.raises(ModelError, match="no such thing"):
        bundle._make()


@pytest.fixture
def train(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(outcome, "training_plots", lambda *_: None)
    write_reviews(tmp_path / "reviews.jsonl", 40)
    given = "--batch 4 --epochs 1 --precision fp32 -o test=null -o max_length=32 -o bootstrap_samples=100"
    return ["train", "--data", "reviews.jsonl", "--model", str(model), "--output", "run", *given.split()]


def test_a_training_leaves_its_report(train: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.main, train)
    assert result.exit_code == 0, result.output
    assert "report" in result.stderr
    assert "run/report.html" in result.stderr
    html = (tmp_path / "run" / "report.html").read_text()
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert f"{summary['updates']:,} updates" in html
    assert ">finished<" in html
    assert "(killed)" not in html and re.search(rf'<td class="n">{summary["updates"]}</td><td>done', html), (
        "its only start has ended well"
    )
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {*OWNED, *LOCKS}
    written = [(tmp_path / "run" / name).stat().st_mtime_ns for name in ("report.html", "summary.json")]
    assert written == sorted(written), "summary.json is the last"


def test_a_report_that_fails_costs_no_run(train: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise RuntimeError("no \x1b[31m picture")

    monkeypatch.setattr(write, "bundle", broken)
    result = CliRunner().invoke(cli.main, train)
    assert result.exit_code == 0, result.output
    assert "warning: no report (RuntimeError: no \\x1b[31m picture); again: sentiment-ft report run" in result.stderr
    assert (tmp_path / "run" / "summary.json").exists()
    assert not (tmp_path / "run" / "report.html").exists()
