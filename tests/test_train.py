"""The loop, from the outside: a real BERT, real files, numbers computed by hand beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sentiment_ft import clock, ladder, periodic, recipe, train
from sentiment_ft.data import batching
from sentiment_ft.errors import ConfigError, OutputError, TrainingError
from sentiment_ft.run import accelerator
from sentiment_ft.run.begin import Begin
from sentiment_ft.run.schedule import learning_rate
from sentiment_ft.state import Run
from tests.tiny import write_reviews


def test_the_share_of_the_peak_is_recorded_where_the_device_is_known(trained, monkeypatch):
    assert "mfu" not in records(trained(), "train")[0], "a CPU has no datasheet"
    monkeypatch.setattr(train, "peak_flops", lambda accelerator, precision: 1e12)
    first = records(trained(name="known"), "train")[0]
    matrices = 2 * (4 * 32 * 32 + 2 * 32 * 64) + 32 * 32 + 2 * 32  # 2 layers, pooler, classifier of tests/tiny.py
    assert first["mfu"] == pytest.approx(6 * matrices * first["real_tokens_per_s"] / 1e12)


@pytest.fixture(autouse=True)
def _own_accelerator():
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    return write_reviews(tmp_path_factory.mktemp("rows") / "reviews.jsonl", 130)


@pytest.fixture
def trained(model, reviews, tmp_path, monkeypatch):
    """Train with overrides; returns the run folder."""
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "cache"))

    def run(*overrides: str, name: str = "run", overwrite: bool = False) -> Path:
        AcceleratorState._reset_state(reset_partial_state=True)
        settings = (
            "mixed_precision=fp32",
            "freeze_embeddings=false",
            "max_length=64",
            "num_train_epochs=1",
            "learning_rate=1e-3",
            "warmup_ratio=0.1",
            "test=null",
            "bootstrap_samples=100",
            "logging_steps=1",
        )
        loaded = recipe.load(
            "quickstart", settings + overrides, {"data": str(reviews), "model_name_or_path": str(model)}
        )
        train.main(loaded, Begin(str(tmp_path / name), overwrite), quiet=True)
        return tmp_path / name

    return run


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def records(folder: Path, event: str) -> list[dict]:
    return [record for record in read(folder / "metrics.jsonl") if record["event"] == event]


def sureness(row: dict) -> float:
    return abs(row["p_positive"] - 0.5)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "best" / "model.safetensors")


def test_run_folder_holds_everything_and_the_model_is_a_plain_one(trained):
    folder = trained()
    for name in (
        "config.yaml",
        "environment.json",
        "metrics.jsonl",
        "summary.json",
        "lengths.json",
        "rejected.jsonl",
        "predictions.jsonl",
        "worst_errors.jsonl",
        "best/README.md",
        "best/tokenizer.json",
    ):
        assert (folder / name).is_file(), name
    assert len(list((folder / "plots").glob("*.png"))) >= 5
    assert [path.name for path in folder.rglob(".*")] == [".lock"], "nothing half-written is left"
    plain = AutoModelForSequenceClassification.from_pretrained(folder / "best")
    assert plain.config.id2label == {0: "negative", 1: "positive"}
    assert AutoTokenizer.from_pretrained(folder / "best").model_max_length == 64
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["rows"] == {"train": 104, "validation": 26}
    assert summary["updates"] == 7 and summary["wall_s"] > 0
    assert [receipt["rows_read"] for receipt in summary["receipts"]] == [130]


def test_every_judged_part_leaves_its_rows_errors_and_pictures_and_all_of_it_is_replaced(trained, tmp_path):
    test = write_reviews(tmp_path / "test.jsonl", 12)
    folder = trained("max_steps=1", f"test={test}")
    for prefix, count in (("", 26), ("test_", 12)):
        rows, wrong = (read(folder / f"{prefix}{name}.jsonl") for name in ("predictions", "worst_errors"))
        assert len(rows) == count and 0 < len(wrong) < count
        surest = sorted((row for row in rows if row["prediction"] != row["label"]), key=lambda row: -sureness(row))
        assert [sureness(row) for row in wrong] == [sureness(row) for row in surest]
        for name in ("confusion", "curves", "reliability"):
            assert (folder / "plots" / f"{prefix}{name}.png").is_file(), prefix + name
    assert {row["file"] for row in read(folder / "test_predictions.jsonl")} == {str(test)}
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    written.pop(folder / "attempts.jsonl")  # its last line says that the process is done
    assert written[folder / "summary.json"] == max(written.values()), "it says that the rest is there"
    trained("max_steps=1", overwrite=True)
    assert not list(folder.rglob("*test_*"))


def test_resolved_config_reloads_as_the_same_recipe(trained):
    folder = trained("max_steps=2")
    again = recipe.load(str(folder / "config.yaml"))
    assert again.config.max_steps == 2 and again.config.learning_rate == 1e-3


def test_same_seed_gives_the_same_bits_and_another_seed_others(trained):
    first, second, other = trained(name="a"), trained(name="b"), trained("seed=7", name="c")
    assert all(torch.equal(weights(first)[key], value) for key, value in weights(second).items())
    assert not torch.equal(weights(first)["classifier.weight"], weights(other)["classifier.weight"])


@pytest.mark.parametrize(("batch", "accumulation"), [(8, 2), (4, 4), (2, 8)])
def test_accumulation_changes_nothing_also_in_the_short_last_window(trained, batch, accumulation):
    """104 rows in batches of 16: six full updates and one of 8 rows."""
    free = ("hidden_dropout=0", "attention_dropout=0")
    whole = trained(*free, "per_device_batch_size=16", name="whole")
    parts = trained(
        *free, f"per_device_batch_size={batch}", f"gradient_accumulation_steps={accumulation}", name="parts"
    )
    for key in ("loss", "learning_rate", "grad_norm"):
        a, b = ([record[key] for record in records(folder, "train")] for folder in (whole, parts))
        np.testing.assert_allclose(a, b, rtol=2e-4, err_msg=key)
    for key, value in weights(whole).items():
        torch.testing.assert_close(weights(parts)[key], value, rtol=0, atol=3e-5, msg=key)


def test_updates_equal_a_plain_loop_computed_here(trained, model, reviews):
    """The reference: torch.optim.AdamW on the mean loss of each global batch, rows and rates taken from the
    documented rules.
    """
    folder = trained(
        "hidden_dropout=0", "attention_dropout=0", "per_device_batch_size=4", "gradient_accumulation_steps=4"
    )
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = [json.loads(line) for line in reviews.read_text().splitlines()]
    held_out = {json.loads(line)["id"] for line in (folder / "predictions.jsonl").read_text().splitlines()}
    train_rows = [row for number, row in enumerate(rows) if number not in held_out]
    ids = [tokenizer(row["text"], truncation=True, max_length=64)["input_ids"] for row in train_rows]
    order = batching.epoch_order(np.array(list(map(len, ids)), np.int32), 16, 42, 0, group_by_length=True)
    torch.manual_seed(42)
    reference = AutoModelForSequenceClassification.from_pretrained(
        model, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    decayed = [p for p in reference.parameters() if p.ndim >= 2]
    rest = [p for p in reference.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}])
    losses = []
    for update in range(7):
        batch = order[update * 16 : update * 16 + 16]
        padded = tokenizer.pad({"input_ids": [ids[row] for row in batch]}, return_tensors="pt")
        labels = torch.tensor([train_rows[row]["label"] for row in batch])
        loss = cross_entropy(reference(**padded).logits, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reference.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(update, peak=1e-3, total=7, warmup=1, shape="linear")  # ceil(0.1 x 7)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    np.testing.assert_allclose([record["loss"] for record in records(folder, "train")], losses, rtol=1e-3)
    for key, value in reference.state_dict().items():
        torch.testing.assert_close(weights(folder)[key], value, rtol=0, atol=5e-5, msg=key)


def test_early_stopping_ends_and_the_best_model_is_the_one_kept(trained):
    folder = trained(
        "num_train_epochs=6", "learning_rate=0.2", "early_stopping_patience=1", "lr_scheduler_type=constant"
    )
    summary = json.loads((folder / "summary.json").read_text())
    judged = records(folder, "eval")
    assert summary["stopped_early"] and summary["updates"] < summary["planned_updates"]
    best = max(judged, key=lambda record: (record["eval_accuracy"], -record["eval_log_loss"]))
    assert summary["best_update"] == best["update"] == [record["update"] for record in judged if record["best"]][-1]
    assert summary["best"]["scores"]["accuracy"] == best["eval_accuracy"]


@pytest.mark.parametrize("average", ["null", "0.1"])
def test_sealed_test_is_judged_with_the_best_weights_not_the_last(trained, reviews, monkeypatch, average):
    """The first evaluation is made the best; a learning rate of 0.5 has ruined the weights by the last."""
    real, calls = periodic.scores, []

    def worse_each_time(labels, p_positive):
        calls.append(real(labels, p_positive))
        return calls[-1] | {"accuracy": 1.0 / len(calls)}

    monkeypatch.setattr(periodic, "scores", worse_each_time)
    test = reviews.with_name("test.jsonl")
    test.write_bytes(reviews.read_bytes())
    long = ("num_train_epochs=3", "learning_rate=0.5", "lr_scheduler_type=constant", f"test={test}")
    folder = trained(*long, f"average_share={average}")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["best_update"] == 7 and summary["updates"] == 21
    assert calls[0] != calls[-1], "the last weights must judge otherwise than the first, or the test shows nothing"
    assert_judged_on_test(folder, reviews)


def assert_judged_on_test(folder: Path, test: Path) -> None:
    """The scores of the test rows are those of the model that was saved."""
    from sentiment_ft.predictor import Prediction, Predictor

    summary = json.loads((folder / "summary.json").read_text())
    rows = [json.loads(line) for line in test.read_text().splitlines()]
    predictor = Predictor(str(folder / "best"), precision="fp32")
    found = [record.p_positive for record in predictor.predict(Prediction(0, row["text"]) for row in rows)]
    np.testing.assert_allclose([row["p_positive"] for row in read(folder / "test_predictions.jsonl")], found, atol=1e-5)
    right = np.mean([(p > 0.5) == row["label"] for p, row in zip(found, rows, strict=True)])
    assert summary["test"]["scores"]["accuracy"] == pytest.approx(right)
    likelihood = np.where([row["label"] for row in rows], found, 1 - np.array(found))
    assert summary["test"]["scores"]["log_loss"] == pytest.approx(-np.log(likelihood).mean(), rel=1e-5)


def test_the_average_of_the_weights_is_judged_and_kept_while_training_goes_its_own_way(trained, reviews, monkeypatch):
    real_step, real_scores, seen = train.train_step, periodic.scores, []

    def step(run: Run, rows: batching.Indices) -> None:
        seen.append(run.model.classifier.weight.detach().numpy().copy())
        real_step(run, rows)
        seen[run.state.update :] = [run.model.classifier.weight.detach().numpy().copy()]

    monkeypatch.setattr(train, "train_step", step)
    monkeypatch.setattr(periodic, "scores", lambda *a: real_scores(*a) | {"accuracy": len(seen) / 100})  # last is best
    test = reviews.with_name("test.jsonl")
    test.write_bytes(reviews.read_bytes())
    settings = ("eval_steps=2", "learning_rate=3e-3", "lr_scheduler_type=constant", f"test={test}")
    plain = trained(*settings, name="plain")
    seen.clear()
    averaged = trained(*settings, "average_share=0.25", name="averaged")
    losses = [[record["loss"] for record in records(folder, "train")] for folder in (plain, averaged)]
    assert losses[0] == losses[1] and len(seen) == 8
    expected = np.zeros_like(seen[0])
    for before, update in ((0, 2), (2, 4), (4, 6), (6, 7)):  # the evaluations; 8 updates would be a look of its own
        expected += (1 - (before / update) ** 3) * (seen[update] - expected)
    assert json.loads((averaged / "summary.json").read_text())["best_update"] == 7
    np.testing.assert_allclose(weights(averaged)["classifier.weight"], expected, atol=1e-6)
    assert np.abs(weights(plain)["classifier.weight"].numpy() - expected).max() > 1e-4
    assert_judged_on_test(averaged, reviews)


def test_frozen_embeddings_do_not_move_and_gradual_unfreezing_releases_from_the_top(trained, model):
    start = load_file(model / "model.safetensors")
    frozen = weights(trained("freeze_embeddings=true", name="frozen"))
    assert torch.equal(
        frozen["bert.embeddings.word_embeddings.weight"], start["bert.embeddings.word_embeddings.weight"]
    )
    assert not torch.equal(
        frozen["bert.encoder.layer.0.output.dense.weight"], start["bert.encoder.layer.0.output.dense.weight"]
    )
    gradual = weights(
        trained("gradual_unfreezing_updates=3", "freeze_embeddings=true", name="gradual")
    )  # 7 updates: head, at update 3 the top layer, at update 6 the one below
    assert not torch.equal(
        gradual["bert.encoder.layer.1.output.dense.weight"], start["bert.encoder.layer.1.output.dense.weight"]
    )
    moved = gradual["bert.encoder.layer.0.output.dense.weight"] - start["bert.encoder.layer.0.output.dense.weight"]
    last_rate = learning_rate(6, peak=1e-3, total=7, warmup=1, shape="linear")
    assert 0 < moved.abs().max() < 1.05 * last_rate  # AdamW moves a weight by about the rate: one update, not more


def test_loss_that_is_no_number_stops_the_run_and_leaves_no_summary(trained, tmp_path, monkeypatch):
    real = train.cross_entropy
    monkeypatch.setattr(train, "cross_entropy", lambda *a, **k: real(*a, **k) * float("nan"))
    with pytest.raises(TrainingError, match="not a finite number"):
        trained()
    assert not (tmp_path / "run" / "summary.json").exists()


@pytest.fixture
def overflowing(monkeypatch):
    """Train under a real gradient scaler; the gradients of the chosen windows, counted from 1, overflow."""

    def choose(windows: Container[int]) -> list[float]:
        class Scaled(Accelerator):
            def __init__(self, **settings: Any) -> None:
                super().__init__(**settings)
                self.scaler = torch.amp.GradScaler("cpu")

            def unscale_gradients(self, optimizer: Any = None) -> None:  # Accelerate does so in fp16 only
                for prepared in self._optimizers:
                    self.scaler.unscale_(prepared.optimizer)

        rates: list[float] = []
        trying: list[bool] = []
        real_build, real_try = train.build, ladder.try_longest

        def try_longest(run: Run) -> None:
            trying.append(True)
            real_try(run)
            trying.clear()

        def build(*arguments: Any, **settings: Any) -> Run:
            run = real_build(*arguments, **settings)

            def overflow(gradient: torch.Tensor) -> torch.Tensor:
                if not run.state.window and trying:
                    return gradient
                rates.append(clock.rate_of(run, run.state.update))
                return gradient * float("inf") if len(rates) in windows else gradient

            run.model.classifier.weight.register_hook(overflow)
            return run

        monkeypatch.setattr(accelerator, "Accelerator", Scaled)
        monkeypatch.setattr(train, "build", build)
        monkeypatch.setattr(ladder, "try_longest", try_longest)
        return rates

    return choose


@pytest.mark.parametrize("windows", [(3, 4), (1, 2, 3), (5,)])
def test_an_update_that_overflows_moves_neither_schedule_nor_counter(trained, overflowing, windows):
    rates = overflowing(windows)
    folder = trained("logging_steps=5")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["skipped_updates"] == len(windows) and summary["updates"] == 7 and len(rates) == 7 + len(windows)
    expected = [learning_rate(update, peak=1e-3, total=7, warmup=1, shape="linear") for update in range(7)]
    applied = [rate for window, rate in enumerate(rates, 1) if window not in windows]
    assert applied == pytest.approx(expected)
    assert records(folder, "train")[-1]["loss_scale"] == 2.0 ** (16 - len(windows))


def test_scaled_gradients_train_the_same_weights(trained, overflowing):
    plain = weights(trained(name="plain"))
    overflowing(())
    scaled = weights(trained(name="scaled"))
    assert all(torch.allclose(scaled[name], plain[name], atol=1e-6) for name in plain)


def test_twenty_overflows_in_a_row_end_the_run(trained, overflowing):
    overflowing(range(2, 40))
    with pytest.raises(TrainingError, match="20 updates in a row had infinite gradients"):
        trained("num_train_epochs=9", "logging_steps=5")


def test_accumulation_asked_for_by_the_environment_changes_nothing(trained, monkeypatch):
    plain = records(trained(name="plain"), "train")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    asked = records(trained(name="asked"), "train")
    assert [record["grad_norm"] for record in asked] == [record["grad_norm"] for record in plain]


def test_unreleased_layers_do_not_count_in_the_norm_that_clips(trained):
    norms = [
        records(trained(*more, name=name), "train")[0]["grad_norm"]
        for name, more in (("all", ()), ("head", ("gradual_unfreezing_updates=2",)))
    ]
    assert 0 < norms[1] < norms[0]


def test_release_after_the_last_update_is_refused(trained):
    with pytest.raises(ConfigError, match="released after update 9, and the run has 7"):
        trained("gradual_unfreezing_updates=3")


def test_contradicting_batch_is_told_before_rows_are_read(trained, monkeypatch):
    monkeypatch.setattr(train, "prepare", lambda *arguments: pytest.fail("rows were read"))
    with pytest.raises(ConfigError, match="not a multiple"):
        trained("per_device_batch_size=16", "global_batch_size=40")


def test_config_of_a_run_reloads_under_its_name(trained):
    folder = trained("max_steps=1")
    assert recipe.load(str(folder / "config.yaml")).run_name == "quickstart-reviews"


def test_what_training_has_seen_is_counted_for_every_part_that_judges(trained, tmp_path):
    copies = write_reviews(tmp_path / "copies.jsonl", 12)
    folder = trained("max_steps=1", f"test={copies}")
    found = json.loads((folder / "summary.json").read_text())["overlap_with_train"]
    assert found["validation"]["rows"] == 26 and found["test"]["rows"] == 12
    assert 5 < found["test"]["exact"] <= 12  # they are rows of the source; a fifth of it is held out


def test_an_existing_folder_is_not_overwritten_silently(trained):
    folder = trained("max_steps=2")
    before = (folder / "summary.json").read_bytes()
    with pytest.raises(OutputError, match="not empty"):
        trained("max_steps=2")
    assert (folder / "summary.json").read_bytes() == before
    trained("max_steps=1", overwrite=True)
    assert json.loads((folder / "summary.json").read_text())["updates"] == 1


def test_max_length_beyond_the_model_is_refused(trained):
    with pytest.raises(ConfigError, match="128 positions"):
        trained("max_length=256")


def test_second_start_does_not_tokenise_again(trained, monkeypatch):
    trained("max_steps=1", name="first")
    from sentiment_ft.data import cache

    monkeypatch.setattr(cache.encoding, "encode", lambda *a: pytest.fail("tokenised again"))
    trained("max_steps=1", name="second")


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher", [("-m", "sentiment_ft.train"), ("-m", "accelerate.commands.launch", "-m", "sentiment_ft.train")]
)
def test_the_real_entry_points_train(launcher, model, reviews, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            *launcher,
            "--data",
            str(reviews),
            "--model",
            str(model),
            "--epochs",
            "1",
            "--max-length",
            "64",
            "-o",
            "test=null",
            "--output",
            str(tmp_path / "run"),
        ],
        env={**os.environ, "SENTIMENT_FT_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "summary.json").is_file()
    assert "Traceback" not in done.stderr and "rows read" in done.stderr
