"""Out of memory: smaller micro-batches, the same updates. CPUs have no such error of their own: a model that holds only
so many rows at once raises CUDA's. Everything after the error is real.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from transformers import BertForSequenceClassification

from sentiment_ft import ladder, recipe, train
from sentiment_ft.errors import EXIT_MODEL, ModelError, OutputError, Preempted
from sentiment_ft.run.begin import Begin
from sentiment_ft.state import Rung
from tests.tiny import write_reviews


class Memory:
    """Holds `rows` rows of a forward pass at most; of which sizes it was asked."""

    def __init__(self) -> None:
        self.training, self.judging, self.kept = 10**6, 10**6, 10**6
        self.asked: list[int] = []

    def take(self, model, input_ids: torch.Tensor) -> None:
        rows = len(input_ids)
        self.asked.append(rows)
        limit = self.training if model.training else self.judging
        if model.training and not model.is_activation_checkpointing:
            limit = min(limit, self.kept)
        if rows > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.fixture
def memory(monkeypatch) -> Memory:
    memory, real = Memory(), BertForSequenceClassification.forward

    def forward(model, input_ids, **rest):
        memory.take(model, input_ids)
        return real(model, input_ids, **rest)

    monkeypatch.setattr(BertForSequenceClassification, "forward", forward)
    return memory


@pytest.fixture
def trained(model, tmp_path, monkeypatch, no_pictures):
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    reviews = write_reviews(tmp_path / "reviews.jsonl", 130)

    def run(*overrides: str, name: str = "run", resume: str | None = None) -> Path:
        AcceleratorState._reset_state(reset_partial_state=True)
        settings = (
            "mixed_precision=fp32", "max_length=32", "per_device_batch_size=8", "global_batch_size=16", "test=null",
            "num_train_epochs=1", "learning_rate=1e-3", "warmup_ratio=0.1", "bootstrap_samples=100", "logging_steps=1",
            "hidden_dropout=0", "attention_dropout=0", "freeze_embeddings=false", "hang_seconds=null",
        )  # fmt: skip
        loaded = recipe.load(
            "quickstart", settings + overrides, {"data": str(reviews), "model_name_or_path": str(model)}
        )
        train.main(loaded, Begin(str(tmp_path / name), resume=resume), quiet=True)
        return tmp_path / name

    yield run
    AcceleratorState._reset_state(reset_partial_state=True)


def records(folder: Path, event: str) -> list[dict]:
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def rung(folder: Path) -> dict:
    return json.loads((folder / "memory.json").read_text())


def assert_same_training(folder: Path, other: Path) -> None:
    """The same rows in each update, and weights that differ by rounding only."""
    for key in ("rows_digest", "learning_rate", "update"):
        assert [r[key] for r in records(folder, "train")] == [r[key] for r in records(other, "train")]
    losses = [[record["loss"] for record in records(path, "train")] for path in (folder, other)]
    np.testing.assert_allclose(*losses, rtol=2e-4)
    mine, theirs = (load_file(path / "best" / "model.safetensors") for path in (folder, other))
    assert all(torch.allclose(mine[name], theirs[name], rtol=0, atol=3e-5) for name in theirs)


def test_the_longest_micro_batch_tells_before_the_first_update(trained, memory, capsys):
    whole = trained(name="whole")
    memory.training = 3
    memory.asked.clear()
    folder = trained()
    events = records(folder, "out_of_memory")
    assert [(event["update"], event["halvings"]) for event in events] == [(0, 1), (0, 2)]
    assert rung(folder) == {"halvings": 2, "activation_checkpointing": False, "eval_halvings": 0}
    said = capsys.readouterr().err
    assert "warning: out of memory; goes on with 4 rows x 4 accumulation x 1 process" in said
    assert "goes on with 2 rows x 8 accumulation x 1 process, still 16 an update" in said
    assert_same_training(folder, whole)


def test_later_the_update_is_tried_again(trained, memory, monkeypatch):
    whole = trained(name="whole")
    real = train.train_step

    def step(run, rows):
        if run.state.update == 3:
            memory.training = 4
        real(run, rows)

    monkeypatch.setattr(train, "train_step", step)
    folder = trained()
    assert [event["update"] for event in records(folder, "out_of_memory")] == [3]
    assert_same_training(folder, whole)


def test_at_one_row_activations_are_computed_twice(trained, memory):
    whole = trained(name="whole")
    memory.kept = 0
    folder = trained()
    assert rung(folder) == {"halvings": 3, "activation_checkpointing": True, "eval_halvings": 0}
    assert_same_training(folder, whole)


def test_where_no_rung_is_left_it_is_an_error_with_a_way_out(trained, memory):
    memory.training = 0
    with pytest.raises(ModelError, match="one row a micro-batch and activation checkpointing") as caught:
        trained()
    assert caught.value.exit_code == EXIT_MODEL and "--max-length" in str(caught.value)


def test_judging_has_a_micro_batch_of_its_own(trained, memory):
    whole = trained(name="whole")
    memory.judging = 9
    folder = trained()
    assert rung(folder) == {"halvings": 0, "activation_checkpointing": False, "eval_halvings": 2}
    assert_same_training(folder, whole)


def test_what_was_found_out_is_remembered(trained, memory, monkeypatch):
    memory.training = 4
    real = train.train_step

    def stopped(run, rows):
        if run.state.update == 2:
            run.control.signal = 15
        real(run, rows)

    with monkeypatch.context() as patched:
        patched.setattr(train, "train_step", stopped)
        with pytest.raises(Preempted):
            trained()
    memory.training, memory.asked = 10**6, []
    trained(resume="auto")
    assert max(memory.asked[1:]) <= 26 and 8 not in memory.asked, "it does not try again what did not fit"
    assert len(records(trained(resume="auto"), "out_of_memory")) <= 1


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", '{"halvings": 1e999}', "\0"])
def test_what_is_remembered_may_be_damaged(trained, memory, monkeypatch, tmp_path, content):
    memory.training = 4
    folder = trained()
    (folder / "memory.json").write_text(content)
    assert ladder._read(folder) == Rung()


def test_other_errors_are_not_taken_for_it(trained, monkeypatch):
    def forward(model, input_ids, **rest):
        raise RuntimeError("a bug on purpose")

    monkeypatch.setattr(BertForSequenceClassification, "forward", forward)
    with pytest.raises(RuntimeError, match="a bug on purpose"):
        trained()


def test_on_a_full_disk_it_goes_down_all_the_same(memory, trained, monkeypatch):
    """memory.json is for a resume; what this run has come to, it knows."""

    def full(*arguments: object) -> None:
        raise OutputError("cannot be written: No space left on device")

    monkeypatch.setattr(ladder, "write_json", full)
    memory.training = 2
    trained()
    assert 2 in memory.asked
