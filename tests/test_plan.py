"""The plan: numbers computed by hand, the same rows with and without a model, and no torch on a login node."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from sentiment_ft import cli
from sentiment_ft.config import Config
from tests.tiny import write_reviews


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "cache"))
    write_reviews(tmp_path / "reviews.jsonl", 130)
    write_reviews(tmp_path / "other.jsonl", 30, seed=5)


def show(*arguments: object) -> str:
    result = CliRunner().invoke(cli.main, list(map(str, ("plan", *arguments))))
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def plan(*arguments: object) -> dict:
    """Strict: NaN and Infinity are no JSON."""
    return json.loads(show(*arguments, "--json"), parse_constant=lambda word: pytest.fail(word))


def test_numbers_are_those_computed_by_hand(model):
    found = plan(
        *("-d", "reviews.jsonl", "-m", model, "--max-length", 64, "--batch", 4, "--accumulation", 3, "--epochs", 3),
        *("--processes", 2, "--lr", 0.001, "-o", "warmup_ratio=0.2", "--precision", "fp32", "-o", "eval_steps=5"),
    )
    # 130 rows, a fifth held out: 104 + 26. A global batch of 4 x 3 x 2 = 24: ceil(104 / 24) = 5 updates an epoch.
    assert found["rows"] == {"train": 104, "validation": 26}
    assert found["global_batch_size"] == 24 and found["gradient_accumulation_steps"] == 3 and found["processes"] == 2
    assert found["updates_per_epoch"] == 5 and found["total_updates"] == 15
    assert found["warmup_updates"] == 3 and found["eval_every"] == 5
    # Warm-up 1/3, 2/3, 3/3 of the peak; the peak once more, then a line that would reach zero at update 16.
    rates = [1 / 3, 2 / 3, 1] + [1 - place / 12 for place in range(12)]
    assert found["learning_rate_at"].keys() == {"1", "3", "9", "15"}
    for update, rate in found["learning_rate_at"].items():
        assert rate == pytest.approx(0.001 * rates[int(update) - 1]), update
    assert found["mixed_precision"] == "fp32"
    # 2 layers of 32, vocabulary 30522, 128 positions, 2 token types, pooler, head of 2.
    layer = 4 * (32 * 32 + 32) + 2 * 64 * 32 + 64 + 32 + 4 * 32
    parameters = (30522 + 128 + 2) * 32 + 2 * 32 + 2 * layer + (32 * 32 + 32) + (2 * 32 + 2)
    assert found["parameters"] == parameters
    assert found["parameter_state_mib"] == round(parameters * 16 / 2**20, 1)
    assert 0 < found["padding_share"] < 1 and found["lengths"]["max_length"] == 64


def test_an_average_of_the_weights_takes_four_bytes_a_parameter():
    plain, averaged = plan("--no-model"), plan("--no-model", "-o", "average_share=0.1")
    assert averaged["parameter_state_mib"] == pytest.approx(plain["parameter_state_mib"] * 20 / 16, abs=0.1)


def test_every_key_is_there_with_its_origin(tmp_path):
    (tmp_path / "my.yaml").write_text("# mine\nseed: 3\ndata: reviews.jsonl\nlearning_rate: 1e-6\n")
    found = plan("--no-model", "-r", "my.yaml", "--seed", 4, "-o", "logging_steps=7")
    assert found["config"].keys() == Config.model_fields.keys()
    assert found["config"]["seed"] == {"value": 4, "origin": "--seed"}
    assert found["config"]["logging_steps"] == {"value": 7, "origin": "-o"}
    assert found["config"]["learning_rate"] == {"value": 1e-6, "origin": "my.yaml:4"}
    assert found["config"]["adam_beta1"] == {"value": 0.9, "origin": "default"}
    assert found["run_name"] == "my"


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--validation", "other.jsonl"),
        ("--test", "other.jsonl", "-o", "validation_fraction=0.37"),
        ("-o", "validation_split=families"),
        ("-o", "max_train_samples=50"),
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_without_a_model_the_rows_are_the_same(options, model):
    common = ("-d", "reviews.jsonl", "-m", model, "--max-length", 64, *options)
    full, light = plan(*common), plan("--no-model", *common)
    assert light["lengths"] is None and light["padding_share"] is None and full["lengths"] is not None
    for key in ("rows", "total_updates", "updates_per_epoch", "warmup_updates", "learning_rate_at", "parameters"):
        assert light[key] == full[key], key


def test_synthetic_rows_are_the_same_too(model):
    common = ("-m", model, "--max-length", 64, "-o", "synthetic_rows=200")
    full, light = plan(*common), plan("--no-model", *common)
    assert full["rows"] == light["rows"] == {"train": 160, "validation": 40, "test": 40}


def test_no_torch_is_loaded_without_a_model():
    code = (
        "import sys\n"
        "from sentiment_ft.cli import main\n"
        "main(['plan', '--no-model', '-d', 'reviews.jsonl'], standalone_mode=False)\n"
        "print('HEAVY', *({'torch', 'transformers', 'tokenizers', 'accelerate', 'datasets'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY"


def test_the_table_fits_80_columns_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    before = sorted(os.listdir(tmp_path))
    shown = show("--no-model", "-d", "reviews.jsonl")
    assert max(map(len, shown.splitlines())) <= 80
    assert "train 104, validation 26" in shown and "x 1 process = 16 rows" in shown
    for key in Config.model_fields:
        assert f"\n{key} " in shown
    assert sorted(os.listdir(tmp_path)) == before


def test_quiet_says_nothing():
    assert show("--no-model", "-d", "reviews.jsonl", "-q") == ""
