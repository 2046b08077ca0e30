"""Rows of two runs are paired when they are the same rows, in any order; otherwise it is said why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentiment_ft.judge.paired import Paired
from sentiment_ft.report import compare, record
from sentiment_ft.report.against import points
from sentiment_ft.report.pairing import Pairing, disagreements, pair
from tests.report_runs import write_lines, write_run


def lines_of(run: Path, name: str = "test_predictions.jsonl") -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    return write_run(tmp_path / "a", seed=1), write_run(tmp_path / "b", seed=2)


def found(runs: tuple[Path, Path], part: str = "test") -> Pairing | str:
    return pair(record.read(runs[0]), record.read(runs[1]), part)


def test_counts_and_order(runs: tuple[Path, Path]) -> None:
    right = [{line["id"]: line["prediction"] == line["label"] for line in lines_of(run)} for run in runs]
    gained = sum(right[1][n] and not right[0][n] for n in right[0])
    lost = sum(right[0][n] and not right[1][n] for n in right[0])
    assert gained > 0 < lost
    once = found(runs)
    assert isinstance(once, Pairing)
    assert (once.found.gained, once.found.lost, once.found.rows) == (gained, lost, 120)
    write_lines(runs[1] / "test_predictions.jsonl", lines_of(runs[1])[::-1])
    again = found(runs)
    assert isinstance(again, Pairing)
    assert again.found == once.found


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda lines: lines[1:], "1 id in one of them only (120 and 119 rows)"),
        (lambda lines: [lines[0] | {"text": "another"}, *lines[1:]], "1 of 120 have another text or label"),
        (
            lambda lines: [lines[0] | {"label": 1 - lines[0]["label"]}, *lines[1:]],
            "1 of 120 have another text or label",
        ),
        (lambda lines: [lines[0], lines[0], *lines[2:]], "an id stands for several rows"),
        (lambda lines: [], "the other has no judged test rows"),
    ],
)
def test_other_rows_are_not_paired(change, reason: str, runs: tuple[Path, Path]) -> None:
    write_lines(runs[1] / "test_predictions.jsonl", change(lines_of(runs[1])))
    refused = found(runs)
    assert isinstance(refused, str)
    assert reason in refused
    assert isinstance(found(runs, "validation"), Pairing), "the other part still is"
    page = compare.page_of([record.read(run) for run in runs])
    section = next(one for one in page.sections if one.anchor == "difference")
    assert refused in str(section)


def test_disagreements_are_rows_that_one_alone_has_right(runs: tuple[Path, Path]) -> None:
    first, second = (record.read(run) for run in runs)
    pairing = pair(first, second, "test")
    assert isinstance(pairing, Pairing)
    gained, lost = disagreements(first, second, pairing)
    assert len(gained) == min(25, pairing.found.gained)
    assert len(lost) == min(25, pairing.found.lost)
    theirs = {line["id"]: line["p_positive"] for line in lines_of(runs[1])}
    for one in gained:
        assert (one.p_second > 0.5) == (one.row.label == 1) != (one.p_first > 0.5)
        assert (one.p_first, one.p_second) == (one.row.p, theirs[one.row.id])
    apart = [abs(one.p_first - one.p_second) for one in lost]
    assert apart == sorted(apart, reverse=True)


def test_only_what_differs_in_the_config_is_shown(tmp_path: Path) -> None:
    made = [
        write_run(tmp_path / "a" / "run", overrides=["learning_rate=3e-5", "run_name=x"]),
        write_run(tmp_path / "b" / "run", overrides=["seed=7", "skip_nonfinite_updates=true", "run_name=y"]),
    ]
    page = compare.page_of([record.read(run) for run in made])
    table = next(one for one in page.sections if one.anchor == "config").blocks[0]
    assert list(table.head) == ["key", "run", "run (2)"]
    assert [list(line) for line in table.lines] == [
        ["learning_rate", "3e-05", "0.0001"],
        ["seed", "42", "7"],
        ["skip_nonfinite_updates", "false", "true"],
    ]


def test_a_comparison_claims_no_more_than_it_can(runs: tuple[Path, Path]) -> None:
    from sentiment_ft.report.against import _verdict

    near = Paired(600, 500, 12, 8, 4 / 600, (-0.009, 0.023), 0.5)
    assert _verdict("b", "a", "test", near).endswith("These rows do not tell which is better.")
    far = Paired(600, 400, 8, 40, -32 / 600, (-0.078, -0.031), 0.0001)
    assert _verdict("b", "a", "test", far).endswith("It is worse, by 5.3 points (\u22127.80 to \u22123.10).")
    assert points(-0.00001) == "0.00"
