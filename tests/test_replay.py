"""Numbers that are not finite: the update is not applied, nothing bad is saved, and place, rows and texts are named.

The fault is real: a weight of one rare word is so large that its square is infinite.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sentiment_ft import recipe, train
from sentiment_ft.errors import EXIT_TRAINING, TrainingError
from sentiment_ft.run.begin import Begin
from tests.tiny import write_reviews

WORD = "zebra"  # one token, in no synthetic review
BAD_ROW = 90
TEXT = f"A film with a {WORD} and\x1b[31m little else to say for itself."


@pytest.fixture
def trained(model, tmp_path, monkeypatch, no_pictures):
    """Train with overrides on 130 reviews, of which one has the word; returns the run folder."""
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    reviews = write_reviews(tmp_path / "reviews.jsonl", 130)
    lines = reviews.read_text().splitlines()
    lines[BAD_ROW] = json.dumps({"text": TEXT, "label": 1})
    reviews.write_text("\n".join(lines) + "\n")
    validation = write_reviews(tmp_path / "validation.jsonl", 20, seed=5)
    broken = shutil.copytree(model, tmp_path / "broken")
    loud = AutoModelForSequenceClassification.from_pretrained(broken)
    token = AutoTokenizer.from_pretrained(broken).convert_tokens_to_ids(WORD)
    with torch.no_grad():
        loud.bert.embeddings.word_embeddings.weight[token] = 1e38
    loud.save_pretrained(broken)

    def run(*overrides: str, model: Path = broken) -> Path:
        AcceleratorState._reset_state(reset_partial_state=True)
        settings = (
            "mixed_precision=fp32", "max_length=32", "per_device_batch_size=4", "global_batch_size=16", "test=null",
            "num_train_epochs=1", "warmup_ratio=0.1", "bootstrap_samples=100", "logging_steps=1", "save_steps=1",
            "freeze_embeddings=false", f"validation={validation}", "save_total_limit=100", "hang_seconds=null",
        )  # fmt: skip
        given = {"data": str(reviews), "model_name_or_path": str(model)}
        train.main(recipe.load("quickstart", settings + overrides, given), Begin(str(tmp_path / "run")), quiet=True)
        return tmp_path / "run"

    yield run
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "run"


def records(folder: Path, event: str) -> list[dict]:
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def test_the_run_stops_before_the_update_and_names_its_cause(trained, folder):
    with pytest.raises(TrainingError) as caught:
        trained()
    said = str(caught.value)
    last = records(folder, "train")[-1]["update"]
    assert caught.value.exit_code == EXIT_TRAINING
    assert f"of update {last + 1} is not a finite number; nothing of it was applied or saved" in said
    assert "first in the output of bert.embeddings.LayerNorm, also when computed in fp32" in said
    assert f"1 rows with such a loss: {BAD_ROW}\n" in said
    assert f"  row {BAD_ROW}: A film with a {WORD} and" in said and "\x1b" not in said
    checkpoints = sorted((folder / "checkpoints").iterdir(), key=lambda path: int(path.name.split("-")[-1]))
    assert int(checkpoints[-1].name.split("-")[-1]) in (last, last - 1), "the one before may still have been written"
    for path in checkpoints:
        assert all(torch.isfinite(tensor).all() for tensor in load_file(path / "model.safetensors").values())
    assert not (folder / "summary.json").exists()


def test_such_updates_can_be_left_out_and_are_counted(trained):
    folder = trained("skip_nonfinite_updates=true")
    summary = json.loads((folder / "summary.json").read_text())
    skipped = records(folder, "skipped")
    # 130 rows are 9 global batches; the one with the row is left out, another of the next epoch is trained instead.
    assert (summary["updates"], summary["skipped_updates"]) == (9, len(skipped)) and len(skipped) >= 1
    assert all(BAD_ROW in record["ids"] for record in skipped)
    assert all(torch.isfinite(tensor).all() for tensor in load_file(folder / "best" / "model.safetensors").values())
    assert [record["update"] for record in records(folder, "train")] == list(range(1, 10))


def test_what_only_a_16_bit_format_cannot_hold_is_told_apart(trained, monkeypatch):
    """In fp32 the replay is finite: the advice is the precision. The fault is put into the loss here."""
    from sentiment_ft import replay

    real = train.cross_entropy
    monkeypatch.setattr(train, "cross_entropy", lambda *a, **k: real(*a, **k) * float("inf"))
    monkeypatch.setattr(
        replay, "_pass", lambda run, rows, window, fp32: (None if fp32 else "the output of classifier", [])
    )
    with pytest.raises(TrainingError) as caught:
        trained()
    assert "first in the output of classifier, in fp32; in fp32 all of it is finite" in str(caught.value)
    assert "16 rows of the update: " in str(caught.value)


def test_a_fault_that_does_not_come_back_is_told_as_one_of_the_machine(trained, model, monkeypatch):
    real, calls = train.cross_entropy, []

    def once(*arguments, **settings):
        calls.append(None)
        return real(*arguments, **settings) * (float("nan") if len(calls) == 2 else 1.0)

    monkeypatch.setattr(train, "cross_entropy", once)
    with pytest.raises(TrainingError, match="computed again it is finite: a fault of the machine"):
        trained(model=model)


def test_a_replay_that_runs_out_of_memory_says_so(trained, monkeypatch):
    from sentiment_ft import replay

    def too_much(run, rows, window, fp32):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(replay, "_pass", too_much)
    with pytest.raises(TrainingError, match="in which layer is not known: computed again it needs more memory than"):
        trained()


def test_under_zero_nothing_is_computed_again(trained, monkeypatch):
    """The engine here is none of ZeRO: it only says so."""
    from sentiment_ft import replay

    real = replay.explain

    def as_zero(run, rows, window, **settings):
        run.engine.in_background = False
        return real(run, rows, window)

    monkeypatch.setattr(replay, "explain", as_zero)
    with pytest.raises(TrainingError, match="in which layer is not known: under ZeRO it is not computed again"):
        trained()


def test_twenty_that_were_left_out_in_a_row_end_the_run_with_place_and_rows(trained, monkeypatch):
    real = train.cross_entropy
    monkeypatch.setattr(train, "cross_entropy", lambda *a, **k: real(*a, **k) * float("inf"))
    with pytest.raises(TrainingError) as caught:
        trained("skip_nonfinite_updates=true", "num_train_epochs=9")
    said = str(caught.value)
    assert "20 updates in a row had infinite gradients (after update 0); metrics.jsonl has" in said
    assert "loss scale" not in said and "fp32" not in said and "skip_nonfinite" not in said
    assert "way out: a lower learning_rate" in said
