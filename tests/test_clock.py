"""The clock of a run counts applied updates. Real runs under a real gradient scaler whose scale is far too large at
first and grows fast: fp16 gradients overflow now and then, all by themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from transformers import AutoTokenizer

from sentiment_ft import recipe, train
from sentiment_ft.data import batching
from sentiment_ft.data.prepare import prepare
from sentiment_ft.errors import EXIT_TRAINING, TrainingError
from sentiment_ft.model import bundled
from sentiment_ft.run import accelerator
from sentiment_ft.run.begin import Begin
from sentiment_ft.run.schedule import learning_rate
from tests.tiny import write_reviews

UPDATES = 12
ROWS = 44  # to train; windows of 16, 16 and 12


@pytest.fixture
def scaled(model, tmp_path, monkeypatch) -> Callable[..., Path]:
    """Train in fp16 from that loss scale on; returns the run folder. Accelerate makes a scaler for GPUs only: it is put
    in here.
    """
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    reviews = write_reviews(tmp_path / "reviews.jsonl", 56)

    def run(loss_scale: float, *overrides: str) -> Path:
        class Fp16(Accelerator):
            def __init__(self, **settings: Any) -> None:
                super().__init__(**settings)
                self.state._mixed_precision, self.native_amp = "fp16", True
                self.scaler = torch.amp.GradScaler("cpu", init_scale=loss_scale, growth_interval=2)

        monkeypatch.setattr(accelerator, "Accelerator", Fp16)
        AcceleratorState._reset_state(reset_partial_state=True)
        settings = (
            "mixed_precision=fp32", "max_length=16", "per_device_batch_size=8", "global_batch_size=16", "test=null",
            f"max_steps={UPDATES}", "warmup_steps=4", "learning_rate=1e-3", "logging_steps=1", "eval_steps=5",
            "bootstrap_samples=100", "freeze_embeddings=false",
        )  # fmt: skip
        named = {"data": str(reviews), "model_name_or_path": str(model)}
        loaded = recipe.load("quickstart", settings + overrides, named)
        train.main(loaded, Begin(str(tmp_path / "run"), overwrite=True), quiet=True)
        return tmp_path / "run"

    yield run
    AcceleratorState._reset_state(reset_partial_state=True)


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def windows(folder: Path) -> tuple[list[list[int]], list[int]]:
    """(the row numbers of each global batch in turn, their places in the training part), computed anew."""
    config = recipe.load(str(folder / "config.yaml"), (), {}).config
    part = prepare(config, AutoTokenizer.from_pretrained(bundled.folder())).train
    assert len(part) == ROWS
    places = []
    for epoch in range(40):
        order = batching.epoch_order(part.lengths, 16, config.seed, epoch, group_by_length=config.group_by_length)
        places += [batching.rows_of_update(order, number, 16) for number in range(3)]
    return [part.indices[rows].tolist() for rows in places], [batching.digest(rows) for rows in places]


def test_skipped_updates_move_neither_count_nor_rate_nor_interval(scaled):
    folder = scaled(2.0**22)
    ids, digests = windows(folder)
    events = records(folder)
    skipped = [record for record in events if record["event"] == "skipped"]
    trained = [record for record in events if record["event"] == "train"]
    assert len(skipped) >= 4, "or nothing is tested"
    assert any(later["update"] > 0 for later in skipped) and any(first["update"] == 0 for first in skipped)

    assert [record["update"] for record in trained] == list(range(1, UPDATES + 1))
    rates = [learning_rate(update, peak=1e-3, total=UPDATES, warmup=4, shape="linear") for update in range(UPDATES)]
    assert [record["learning_rate"] for record in trained] == rates
    assert [record["update"] for record in events if record["event"] == "eval"] == [5, 10, 12]

    window = applied = since = 0
    scale: float | None = None
    for record in (record for record in events if record["event"] in ("train", "skipped")):
        since += digests[window]
        if record["event"] == "skipped":
            assert record["ids"] == ids[window] and record["update"] == applied
            assert scale is None or record["loss_scale"] == scale / 2
        else:
            applied += 1
            assert int(record["rows_digest"], 16) == since % 2**64, "of all rows since the last line"
            assert record["skipped_updates"] == window + 1 - applied
            assert record["epoch"] == pytest.approx((window + 1) / 3, abs=1e-4), "skipped rows are not read again"
            since = 0
        scale = record["loss_scale"]
        window += 1

    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["updates"], summary["skipped_updates"]) == (UPDATES, len(skipped)) == (applied, window - applied)


def test_without_an_overflow_nothing_is_skipped(scaled):
    events = records(scaled(1.0, "max_steps=3", "warmup_steps=1"))
    assert [record["event"] for record in events if record["event"] != "checkpoint"] == [
        "train",
        "train",
        "train",
        "eval",
    ]
    assert [record["skipped_updates"] for record in events[:3]] == [0, 0, 0]


def test_twenty_in_a_row_end_the_run_and_leave_their_rows_and_loss_scales(scaled, tmp_path):
    """From 2^90 on: the twentieth leaves 2^70, 1.18059e+21. Windows 0 to 19; the last is a middle one of 16."""
    with pytest.raises(TrainingError) as caught:
        scaled(2.0**90)
    ids, _ = windows(tmp_path / "run")
    said = str(caught.value)
    assert caught.value.exit_code == EXIT_TRAINING
    assert f"{tmp_path / 'run'}: 20 updates in a row had infinite gradients (after update 0)" in said
    assert "down to 1.18059e+21" in said and f"16 rows of the update: {', '.join(map(str, ids[19]))}\n" in said
    assert "computed again without the loss scale it is finite\n" in said and "mixed_precision=fp32" in said
    assert records(tmp_path / "run") == [
        {"event": "skipped", "update": 0, "loss_scale": 2.0 ** (89 - number), "ids": ids[number]}
        for number in range(20)
    ]
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_long_list_of_rows_is_cut_in_the_message_only(scaled, tmp_path):
    with pytest.raises(TrainingError, match=r"22 rows of the update: (\d+, ){20}\.\.\.\n"):
        scaled(2.0**90, "per_device_batch_size=22", "global_batch_size=22")
    assert {len(record["ids"]) for record in records(tmp_path / "run")} == {22}
