"""What DeepSpeed is given: ZeRO from the topology's file, all else from the recipe, and no word of the file lost."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError
from sentiment_ft.run.zero_config import zero_config
from sentiment_ft.shipped import shipped

FILE = "ACCELERATE_DEEPSPEED_CONFIG_FILE"
STAGE = "ACCELERATE_DEEPSPEED_ZERO_STAGE"
ZERO = {"stage": 2, "overlap_comm": True}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def filled(content: Any, *, precision: str = "fp32", processes: int = 2, **recipe: Any) -> dict[str, Any]:
    """From a DeepSpeed config of that content."""
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    Path("ds.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    return zero_config(Config(**recipe), precision, processes, {FILE: "ds.json"})


def refused(content: Any, **more: Any) -> str:
    """The message; safe to print, whatever is in the file."""
    with pytest.raises(ConfigError) as caught:
        filled(content, **more)
    message = str(caught.value)
    assert message.startswith("ds.json: ") and message.replace("\n", "").isprintable()
    return message


# --- what is filled in ----------------------------------------------------------------------------------------------


def test_the_recipe_fills_what_the_file_leaves_out():
    """4 rows x 3 micro-batches x 2 processes are 24 rows; what is ZeRO's, and what nobody owns, stays."""
    found = filled(
        {"zero_optimization": ZERO, "steps_per_print": 7},
        per_device_batch_size=4, gradient_accumulation_steps=3, max_grad_norm=0.5,
    )  # fmt: skip
    assert found["zero_optimization"] == ZERO and found["steps_per_print"] == 7
    sizes = ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "train_batch_size", "gradient_clipping")
    assert [found[key] for key in sizes] == [4, 3, 24, 0.5]
    assert filled({"zero_optimization": ZERO}, global_batch_size=64)["gradient_accumulation_steps"] == 4
    assert filled({"zero_optimization": ZERO}, max_grad_norm=None)["gradient_clipping"] == 0.0, "DeepSpeed's word: none"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_precision_is_the_recipes_and_the_scaler_that_of_torch(precision):
    found = filled({"zero_optimization": ZERO}, precision=precision)
    assert (found["fp16"]["enabled"], found["bf16"]["enabled"]) == (precision == "fp16", precision == "bf16")
    scaler = torch.amp.GradScaler("cpu")
    assert 2.0 ** found["fp16"]["initial_scale_power"] == scaler.get_scale()
    assert found["fp16"]["loss_scale_window"] == scaler.get_growth_interval()
    assert found["fp16"]["hysteresis"] == 1, "halved at the first overflow"


def test_what_the_file_says_about_the_scaler_stays():
    own = {"enabled": "auto", "initial_scale_power": 8, "min_loss_scale": 4}
    found = filled({"zero_optimization": ZERO, "fp16": own}, precision="fp16")
    assert found["fp16"] == {"enabled": True, "initial_scale_power": 8, "min_loss_scale": 4} | {
        key: found["fp16"][key] for key in ("hysteresis", "loss_scale_window")
    }


SAID = {
    "zero_optimization": {"stage": 2},
    "train_micro_batch_size_per_gpu": 8,
    "gradient_accumulation_steps": 1,
    "train_batch_size": 16,
    "gradient_clipping": 1,
    "bf16": {"enabled": True},
    "fp16": {"enabled": False},
}


def test_a_file_that_says_the_same_or_auto_is_taken():
    same = filled(SAID, precision="bf16")
    auto = {key: "auto" if not isinstance(value, dict) else value for key, value in SAID.items()}
    assert filled(auto, precision="bf16") == same == filled({"zero_optimization": {"stage": 2}}, precision="bf16")


def test_every_contradiction_is_told_at_once_with_both_numbers():
    said = refused(
        SAID, precision="fp16", processes=3, per_device_batch_size=4, global_batch_size=24, max_grad_norm=None
    )
    assert (
        "train_micro_batch_size_per_gpu is 8, the recipe makes it 4; gradient_accumulation_steps is 1, the recipe "
        "makes it 2; train_batch_size is 16, the recipe makes it 24; gradient_clipping is 1, the recipe makes it 0.0; "
        "fp16.enabled is false, the recipe makes it true; bf16.enabled is true, the recipe makes it false"
    ) in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train_batch_size", "16"),
        ("gradient_clipping", [1.0]),
        ("gradient_clipping", None),
        ("train_batch_size", "\x1b[31m\n"),
        ("fp16", True),
        ("bf16", "yes"),
        ("optimizer", {"type": "AdamW"}),
        ("scheduler", {}),
        ("amp", {"enabled": True}),
    ],
    ids=str,
)
def test_what_the_recipe_owns_cannot_be_said_otherwise_in_the_file(key, value):
    assert key in refused({"zero_optimization": ZERO, key: value})


@pytest.mark.parametrize("key", ["average_share", "gradual_unfreezing_updates"])
def test_what_deepspeed_cannot_do_is_refused(key):
    value = {"average_share": 0.1, "gradual_unfreezing_updates": 1}[key]
    with pytest.raises(ConfigError, match=f"{key}: not under DeepSpeed"):
        zero_config(Config(**{key: value}), "fp32", 2, {})
    with pytest.raises(ConfigError, match="fp64: not under DeepSpeed"):
        zero_config(Config(), "fp64", 2, {})


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "zero_optimization: {stage: 2}",
        "{}",
        {"zero_optimization": None},
        {"zero_optimization": 2},
        {"zero_optimization": "auto"},
        b"\xff\xfe",
        '{"zero_optimization": {"stage": 2}, "x": %s}' % ("9" * 5000),
        '{"zero_optimization": {"stage": 2}, "x": %s}' % ("[" * 100_000 + "]" * 100_000),
        '{"zero_optimization": {"stage": 2}}' + " " * 2**20,
    ],
    ids=lambda content: repr(content)[:30],
)
def test_a_file_that_is_no_deepspeed_config(content):
    refused(content)


@pytest.mark.parametrize("stage", ["2", "auto", 4, -1, True, None, 2.5, [2], {}], ids=repr)
def test_a_stage_that_is_none(stage):
    assert "stage" in refused({"zero_optimization": {"stage": stage}})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none(number):
    """Not JSON, though Python reads it; DeepSpeed would take it, and a comparison with it is never true."""
    for section in ('"stage": %s', '"stage": 2, "reduce_bucket_size": %s'):
        refused('{"zero_optimization": {%s}}' % (section % number))
    refused('{"zero_optimization": {"stage": 2}, "gradient_clipping": ' + number + "}")


@pytest.mark.parametrize(
    "name",
    ["", ".", "no-such.json", "x" * 5000, "~no-such-user/a", "\x1b[2J\n.json", "/nowhere/zero2.json"],
)
def test_a_file_that_is_not_there(name):
    with pytest.raises(ConfigError) as caught:
        zero_config(Config(), "fp32", 2, {FILE: name})
    assert str(caught.value).split("\nway out")[0].isprintable()


def test_a_pipe_is_not_waited_for(elsewhere):
    os.mkfifo("ds.json")

    def waited(number: int, frame: object) -> None:
        raise TimeoutError("it waits for someone to write")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(5)
    try:
        with pytest.raises(ConfigError):
            zero_config(Config(), "fp32", 2, {FILE: "ds.json"})
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_ours_are_found_from_any_folder_and_give_way_to_ones_own(elsewhere):
    """Only under the name that our topologies use: another file that is missing is not replaced."""
    environment = {FILE: "ds_configs/zero3.json"}
    ours = json.loads((shipped("ds_configs") / "zero3.json").read_text())["zero_optimization"]
    assert zero_config(Config(), "fp32", 2, environment)["zero_optimization"] == ours
    (elsewhere / "ds_configs").mkdir()
    (elsewhere / "ds_configs" / "zero3.json").write_text('{"zero_optimization": {"stage": 1}}')
    assert zero_config(Config(), "fp32", 2, environment)["zero_optimization"] == {"stage": 1}
    for name in ("zero2.json", "other/ds_configs/zero2.json", "ds_configs/../ds_configs/zero2.json", "ds_configs/.."):
        with pytest.raises(ConfigError, match="cannot be read"):
            zero_config(Config(), "fp32", 2, {FILE: name})


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("path", sorted(shipped("ds_configs").glob("*.json")), ids=lambda path: path.stem)
def test_deepspeed_itself_takes_ours(path, precision, monkeypatch):
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    configuration = pytest.importorskip("deepspeed.runtime.config")
    given = zero_config(Config(gradient_accumulation_steps=2), precision, 1, {FILE: str(path)})
    taken = configuration.DeepSpeedConfig(given)
    assert (taken.train_batch_size, taken.gradient_accumulation_steps, taken.gradient_clipping) == (16, 2, 1.0)
    assert (taken.float16_config.enabled, taken.bfloat16_config.enabled) == (precision == "fp16", precision == "bf16")
    offload = taken.zero_config.offload_optimizer
    assert (taken.zero_optimization_stage, offload is not None) == (int(path.stem[4]), "offload" in path.stem)


# --- accelerate launch --use_deepspeed, without a file ----------------------------------------------------------------


def test_flags_of_the_launcher():
    assert zero_config(Config(), "fp32", 2, {})["zero_optimization"] == {"stage": 2}, "Accelerate's default"
    environment = {STAGE: "3", "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE": "cpu", FILE: "none"}
    found = zero_config(Config(), "fp32", 2, environment | {"ACCELERATE_GRADIENT_CLIPPING": "1.0"})
    assert found["zero_optimization"] == {"stage": 3, "offload_optimizer": {"device": "cpu"}}
    assert (found["gradient_accumulation_steps"], found["gradient_clipping"], found["train_batch_size"]) == (1, 1.0, 16)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (STAGE, "x"),
        (STAGE, ""),
        (STAGE, "4"),
        (STAGE, "-1"),
        (STAGE, "2.5"),
        (STAGE, "\x1b[31m"),
        ("ACCELERATE_GRADIENT_CLIPPING", "foo"),
        ("ACCELERATE_GRADIENT_CLIPPING", "nan"),
        ("ACCELERATE_GRADIENT_CLIPPING", "0.5"),
        ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "many"),
        ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4"),
        ("ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE", "moon"),
        ("ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE", "cpu"),  # not passed on: not to be dropped without a word
    ],
)
def test_a_flag_that_cannot_be_followed(name, value):
    with pytest.raises(ConfigError) as caught:
        zero_config(Config(), "fp32", 2, {name: value})
    assert str(caught.value).replace("\n", "").isprintable()
