"""Every row judged exactly once, whatever the batch; and the `eval` verb against numbers computed by hand."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from click.testing import CliRunner
from sklearn.metrics import f1_score, log_loss, matthews_corrcoef
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sentiment_ft import cli, evaluation
from sentiment_ft.data.prepare import Part, load_source
from sentiment_ft.data.sources import Source
from sentiment_ft.evaluation import Limits, probabilities
from sentiment_ft.judge import intervals
from sentiment_ft.judge.scores import SCORES, scores
from tests import launched
from tests.tiny import write_model, write_reviews


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path.parent / "cache"))
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    return write_reviews(tmp_path_factory.mktemp("rows") / "reviews.jsonl", 45)


def logits_by_hand(folder: Path, rows: list[dict]) -> torch.Tensor:
    """(N, 2): transformers alone, row by row, so without padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = [tokenizer(row["text"], truncation=True, max_length=128, return_tensors="pt") for row in rows]
    with torch.inference_mode():
        return torch.cat([plain(**row).logits for row in ids])


@pytest.fixture(scope="module")
def written(reviews) -> list[dict]:
    return [json.loads(line) for line in reviews.read_text().splitlines()]


@pytest.fixture(scope="module")
def model(tmp_path_factory, written) -> Path:
    """Random, but with a head large and even enough that both labels are predicted."""
    folder = write_model(tmp_path_factory.mktemp("tiny"), seed=3)
    loud = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        loud.classifier.weight.mul_(200)
        loud.save_pretrained(folder)
        loud.classifier.bias.sub_(logits_by_hand(folder, written).median(0).values)
    loud.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def by_hand(model, written) -> tuple[np.ndarray, np.ndarray]:
    """(labels, p_positive)."""
    p_positive = torch.softmax(logits_by_hand(model, written).double(), -1)[:, 1].numpy()
    return np.array([row["label"] for row in written]), p_positive


@pytest.fixture
def part(model, reviews) -> Part:
    return Part.of(load_source(Source(str(reviews)), AutoTokenizer.from_pretrained(model), 128, 0.0).rows)


def judged(model: Path, part: Part, **limits: int | None) -> np.ndarray:
    accelerator = Accelerator(cpu=True)
    plain = AutoModelForSequenceClassification.from_pretrained(model)
    return probabilities(accelerator, plain, part, 0, Limits(**limits))


@pytest.mark.parametrize(("rows", "batch"), [(1, 1), (1, 32), (3, 8), (8, 8), (9, 8), (45, 7), (45, 100)])
def test_each_row_once_in_order(rows, batch, model, part, by_hand):
    found = judged(model, Part.of(part.rows, np.arange(rows)), rows=batch)
    np.testing.assert_allclose(found, by_hand[1][:rows], atol=1e-5)


def test_a_part_in_another_order_and_with_repeats(model, part, by_hand):
    places = np.array([7, 7, 3, 44, 0])
    np.testing.assert_allclose(judged(model, Part.of(part.rows, places), rows=2), by_hand[1][places], atol=1e-5)


def test_the_positive_output_can_be_the_first(model, part, by_hand):
    np.testing.assert_allclose(judged(model, part, rows=8, positive=0), 1 - by_hand[1], atol=1e-5)


def test_a_few_micro_batches_are_the_longest_rows(model, part, by_hand):
    longest = np.sort(np.argsort(-part.lengths, kind="stable")[:8])
    np.testing.assert_allclose(judged(model, part, rows=4, micro_batches=2), by_hand[1][longest], atol=1e-5)


def test_a_batch_larger_than_the_part_takes_no_more_memory(model, part, by_hand):
    np.testing.assert_allclose(judged(model, part, rows=10**12, micro_batches=1), by_hand[1], atol=1e-5)


@pytest.mark.parametrize("processes", [2, 3])
def test_each_row_once_over_several_processes(processes, model, part, by_hand, monkeypatch):
    """Process by process, in one: what each hands to `gather` is joined as the collective joins it."""
    pieces: list[tuple[torch.Tensor, torch.Tensor]] = []

    class Gathered(Exception):
        pass

    class Fake:
        num_processes, device = processes, torch.device("cpu")

        def __init__(self, index: int, joined: list[tuple[torch.Tensor, torch.Tensor]] | None = None) -> None:
            self.process_index, self.joined = index, joined

        def gather(self, given: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
            if self.joined is None:
                pieces.append(given)
                raise Gathered
            return torch.cat([a for a, _ in self.joined]), torch.cat([b for _, b in self.joined])

    plain = AutoModelForSequenceClassification.from_pretrained(model)
    for index in range(processes):
        with pytest.raises(Gathered):
            probabilities(Fake(index), plain, part, 0, Limits(8))
    assert len({len(numbers) for numbers, _ in pieces}) == 1, "gather needs the same shape of every process"
    found = probabilities(Fake(0, pieces), plain, part, 0, Limits(8))
    np.testing.assert_allclose(found, by_hand[1], atol=1e-5)


def call(*arguments: object, code: int = 0) -> str:
    AcceleratorState._reset_state(reset_partial_state=True)
    result = CliRunner().invoke(cli.main, list(map(str, ("eval", "--precision", "fp32", *arguments))))
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def test_the_verb_says_what_hand_computed_numbers_say(model, reviews, by_hand):
    labels, p = by_hand
    found = json.loads(call(model, "--data", reviews, "--samples", 200, "--batch", 7, "--json"))
    assert found["rows"] == found["rows_read"] == 45 and found["rows_rejected"] == 0
    scores = found["scores"]
    assert scores["accuracy"] == pytest.approx(np.mean((p > 0.5) == labels))
    assert 0 < scores["accuracy"] < 1, "or the test shows little"
    assert scores["f1"] == pytest.approx(f1_score(labels, p > 0.5))
    assert scores["mcc"] == pytest.approx(matthews_corrcoef(labels, p > 0.5))
    assert scores["log_loss"] == pytest.approx(log_loss(labels, p), abs=1e-5)
    confusion = found["confusion"]
    assert confusion["true_positive"] == int(((p > 0.5) & (labels == 1)).sum())
    assert sum(confusion.values()) == 45
    low, high = found["intervals"]["accuracy"]
    assert low < scores["accuracy"] < high


def test_scores_come_through_the_evaluate_metric(model, reviews, monkeypatch):
    seen = []

    class Metric:
        def compute(self, *, predictions: np.ndarray, references: np.ndarray) -> dict[str, float | None]:
            seen.append({"references": references, "predictions": predictions})
            return scores(references, predictions) | {"accuracy": 0.125}

    monkeypatch.setattr(evaluation, "metric", Metric)
    monkeypatch.setattr(intervals, "scores", lambda *_: pytest.fail("computed twice"))
    found = json.loads(call(model, "--data", reviews, "--samples", 100, "--json"))
    assert found["scores"]["accuracy"] == 0.125 and list(found["scores"]) == list(SCORES)
    assert len(seen[0]["references"]) == len(seen[0]["predictions"]) == 45


def test_files_of_the_verb(model, reviews, by_hand, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(reviews.read_text() + '{"text": "so so", "label": "neutral"}\n')
    call(model, "--data", bad, "--output", "new/judged", "--max-rejected-share", 0.5, "--samples", 100, "-q")
    folder = tmp_path / "new" / "judged"
    tables = ["judgement.json", "predictions.jsonl", "worst_errors.jsonl", "rejected.jsonl"]
    plots = ["confusion.png", "curves.png", "reliability.png"]
    assert sorted(os.listdir(folder)) == sorted(tables + plots)
    assert os.listdir(folder.parent) == ["judged"]
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    labels, p = by_hand
    assert [line["id"] for line in lines] == list(range(45)) and [line["line"] for line in lines] == list(range(1, 46))
    assert [line["label"] for line in lines] == labels.tolist()
    np.testing.assert_allclose([line["p_positive"] for line in lines], p, atol=1e-5)
    assert [line["prediction"] for line in lines] == (p > 0.5).astype(int).tolist()
    worst = [json.loads(line) for line in (folder / "worst_errors.jsonl").read_text().splitlines()]
    assert {line["id"] for line in worst} == set(np.flatnonzero((p > 0.5) != labels).tolist())
    assert worst[0]["id"] == max(worst, key=lambda line: abs(line["p_positive"] - 0.5))["id"]
    [rejected] = map(json.loads, (folder / "rejected.jsonl").read_text().splitlines())
    assert rejected["line"] == 46 and "neutral" in rejected["reason"]
    judgement = json.loads((folder / "judgement.json").read_text())
    assert judgement["rows"] == 45 and judgement["rows_read"] == 46 and judgement["rows_rejected"] == 1


@pytest.mark.slow
def test_two_processes_judge_as_one(model, reviews, by_hand, tmp_path):
    """45 rows, 16 a turn on each: of the last 13 one process has all, the other none. One speaks and writes."""
    asked = ["eval", model, "--data", reviews, "--batch", 16, "--samples", 100, "--output", "judged", "--json"]
    done = launched.run(launched.accelerate_launch("sentiment_ft", *asked, "--precision", "fp32"), tmp_path)
    assert done.returncode == 0, done.stderr
    judgement = json.loads(done.stdout)
    labels, p = by_hand
    lines = [json.loads(line) for line in (tmp_path / "judged" / "predictions.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == list(range(45)) and judgement["rows"] == 45
    np.testing.assert_allclose([line["p_positive"] for line in lines], p, atol=1e-5)
    assert judgement["scores"]["accuracy"] == np.mean((p > 0.5) == labels)
    assert done.stderr.count("evaluating") == 1, "the main process alone shows a bar"


def test_columns_and_labels_can_be_named(model, tmp_path):
    (tmp_path / "a.csv").write_text("words,verdict\nA lovely film,good\nA dull film,bad\n")
    named = ("--text-column", "words", "--label-column", "verdict")
    flags = call(model, "-d", "a.csv", *named, "--label-map", "{good: 1, bad: 0}", "--json", "--samples", 100)
    overrides = ("-o", "text_column=words", "-o", "label_column=verdict", "-o", "label_map={good: 1, bad: 0}")
    assert json.loads(flags) == json.loads(call(model, "-d", "a.csv", *overrides, "--json", "--samples", 100))
    assert json.loads(flags)["confusion"].keys() and json.loads(flags)["rows"] == 2


def test_a_model_that_gives_no_number_is_refused(model, reviews, tmp_path):
    broken = AutoModelForSequenceClassification.from_pretrained(model)
    with torch.no_grad():
        broken.bert.embeddings.LayerNorm.weight.fill_(3e38)  # finite, but their sums are not
    broken.save_pretrained(tmp_path / "broken")
    AutoTokenizer.from_pretrained(model).save_pretrained(tmp_path / "broken")
    AcceleratorState._reset_state(reset_partial_state=True)
    result = CliRunner().invoke(cli.main, f"eval broken -d {reviews} --output judged --precision fp32".split())
    assert result.exit_code == 4 and "gives no number for 45 of 45 rows" in result.stderr
    assert "another model" in result.stderr and "--precision" not in result.stderr, "it is fp32 already"
    assert os.listdir(tmp_path) == ["broken"]


def test_seed_is_that_of_the_resamples_and_not_of_the_rows(model):
    def judged(*seeds: object) -> dict:
        return json.loads(call(model, "-d", "synthetic", "-o", "synthetic_rows=40", "--samples", 100, "--json", *seeds))

    plain, resampled, others = judged(), judged("--seed", 1), judged("-o", "seed=1")
    assert resampled["scores"] == plain["scores"] != others["scores"]
    assert resampled["intervals"]["log_loss"] != plain["intervals"]["log_loss"]
    assert judged("--seed", 42) == plain
    assert [found["seed"] for found in (plain, resampled, others)] == [42, 1, 42]


def test_rows_may_be_longer_than_in_training(model, reviews, tmp_path):
    short = Path(shutil.copytree(model, tmp_path / "short"))
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.model_max_length = 16
    tokenizer.save_pretrained(short)
    asked = {length: json.loads(call("short", "-d", reviews, "--samples", 100, "--json", *length)) for length in (
        (), ("--max-length", 12), ("--max-length", 128),
    )}  # fmt: skip
    assert [found["max_length"] for found in asked.values()] == [16, 12, 128]
    whole = json.loads(call(model, "-d", reviews, "--samples", 100, "--json"))
    assert asked["--max-length", 128]["scores"] == whole["scores"] != asked[()]["scores"]
    call("short", "-d", reviews, "--max-length", 129, code=2)


def test_a_tokenizer_with_more_words_than_the_model_is_refused(model, reviews, tmp_path):
    AutoModelForSequenceClassification.from_pretrained(model).save_pretrained(tmp_path / "other")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens(["unheard-of"])
    tokenizer.save_pretrained(tmp_path / "other")
    call("other", "--data", reviews, code=4)


def test_the_newest_finished_run_is_the_default(model, reviews, tmp_path):
    for age, name in enumerate(["old", "new"]):
        best = tmp_path / "runs" / name / "best"
        best.parent.mkdir(parents=True)
        best.symlink_to(model)
        (best.parent / "summary.json").write_text("{}")
        os.utime(best.parent / "summary.json", (1_000_000 + age, 1_000_000 + age))
    unfinished = tmp_path / "runs" / "unfinished"
    unfinished.mkdir()
    (unfinished / "best").symlink_to(model)
    assert json.loads(call("--data", reviews, "--samples", 100, "--json"))["model"] == "runs/new/best"
