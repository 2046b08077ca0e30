"""Accelerate is started once and the same way; what the environment asks of it is taken, refused or explained."""

from __future__ import annotations

import pytest
from accelerate.state import AcceleratorState

from sentiment_ft.config import Config
from sentiment_ft.errors import ModelError
from sentiment_ft.hardware.detect import Device
from sentiment_ft.run.accelerator import start
from sentiment_ft.run.precision import device_in_use


@pytest.fixture(autouse=True)
def device() -> Device:
    AcceleratorState._reset_state(reset_partial_state=True)
    yield device_in_use()
    AcceleratorState._reset_state(reset_partial_state=True)


def test_plain_start_accumulates_nothing(device, monkeypatch):
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    accelerator = start("fp32", device)
    assert accelerator.gradient_accumulation_steps == 1 and accelerator.num_processes == 1


def test_deepspeed_that_would_be_dropped_is_refused(device, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(ModelError, match="DeepSpeed is for training"):
        start("fp32", device)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")  # with it Accelerate runs plain data parallelism in silence
    with pytest.raises(ModelError, match="without a word"):
        start("fp32", device, Config())


@pytest.mark.parametrize("name", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_TP"])
def test_plugins_that_are_not_supported_are_refused_not_dropped(device, monkeypatch, name):
    monkeypatch.setenv(name, "true")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")  # with it Accelerate runs plain data parallelism in silence
    with pytest.raises(ModelError, match=f"{name} is set"):
        start("fp32", device)


@pytest.mark.parametrize(
    "variables",
    [
        {"ACCELERATE_DYNAMO_BACKEND": "foo"},
        {"ACCELERATE_TORCH_DEVICE": "foo"},
        {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"},
    ],
)
def test_left_over_variables_are_named(device, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ModelError, match="Accelerate cannot start") as caught:
        start("fp32", device)
    assert next(iter(variables)) in str(caught.value)
