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


def test_a_compiler_that_the_topology_asks_for_is_refused(device, monkeypatch):
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR")
    with pytest.raises(ModelError, match="ACCELERATE_DYNAMO_BACKEND is set: not supported"):
        start("fp32", device)
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "no")  # `accelerate launch` always says something
    assert start("fp32", device).num_processes == 1


def test_a_debug_level_that_crashes_is_refused(device, monkeypatch):
    monkeypatch.setenv("TORCH_DISTRIBUTED_DEBUG", "DETAIL")
    assert start("fp32", device).num_processes == 1, "one process has no DistributedDataParallel"
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ModelError, match=r"TORCH_DISTRIBUTED_DEBUG=DETAIL .* segmentation fault"):
        start("fp32", device)


def test_what_torchrun_sets_itself_is_not_named_for_a_start_that_fails(device, monkeypatch):
    """The ten variables of every launch would hide the one that is wrong."""
    given = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "abc"}
    given |= {"TORCHELASTIC_RUN_ID": "none", "ACCELERATE_USE_CPU": "true", "ACCELERATE_DYNAMO_BACKEND": "no"}
    for name, value in (given | {"GLOO_SOCKET_IFNAME": "nowhere0", "OMP_NUM_THREADS": "1"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ModelError) as caught:
        start("fp32", device)
    assert "the environment sets ACCELERATE_USE_CPU, GLOO_SOCKET_IFNAME: unset" in str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [
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
