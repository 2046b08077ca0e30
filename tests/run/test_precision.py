"""Which number format, on devices that are not here."""

from __future__ import annotations

import pytest

from sentiment_ft.errors import ConfigError
from sentiment_ft.hardware.detect import Device
from sentiment_ft.run import precision
from sentiment_ft.run.precision import device_in_use, resolve

T4 = Device("cuda", "Tesla T4", 15_360, capability=(7, 5))
V100 = Device("cuda", "Tesla V100", 16_384, capability=(7, 0))
P100 = Device("cuda", "Tesla P100", 16_384, capability=(6, 0))
A100 = Device("cuda", "A100", 40_960, capability=(8, 0))
CPU = Device("cpu", "old CPU", 8192, cores=2, flags=frozenset({"avx2"}))
CPU_BF16 = Device("cpu", "new CPU", 8192, cores=2, flags=frozenset({"avx512_bf16"}))


@pytest.mark.parametrize(
    ("device", "best", "refused"),
    [
        (T4, "fp16", ["bf16"]),
        (V100, "fp16", ["bf16"]),
        (P100, "fp32", ["fp16", "bf16"]),
        (A100, "bf16", []),
        (CPU, "fp32", ["fp16", "bf16"]),
        (CPU_BF16, "bf16", ["fp16"]),
    ],
    ids=lambda value: value.name if isinstance(value, Device) else None,
)
def test_auto_takes_the_best_and_what_is_not_native_is_refused(device, best, refused):
    assert resolve("auto", device, {}) == best
    for wanted in ("fp32", "fp16", "bf16"):
        if wanted in refused:
            with pytest.raises(ConfigError, match=f"here: {best}"):
                resolve(wanted, device, {})
        else:
            assert resolve(wanted, device, {}) == wanted


def test_auto_follows_the_launcher():
    assert resolve("auto", A100, {"ACCELERATE_MIXED_PRECISION": "fp16"}) == "fp16"
    assert resolve("auto", A100, {"ACCELERATE_MIXED_PRECISION": "no"}) == "bf16", "no may mean: not said"
    with pytest.raises(ConfigError, match="emulates bf16"):
        resolve("auto", T4, {"ACCELERATE_MIXED_PRECISION": "bf16"})


def test_recipe_and_launcher_that_disagree_are_refused():
    assert resolve("fp16", T4, {"ACCELERATE_MIXED_PRECISION": "fp16"}) == "fp16"
    assert resolve("fp16", T4, {"ACCELERATE_MIXED_PRECISION": "no"}) == "fp16"
    for wanted, launcher in (("fp32", "fp16"), ("fp16", "bf16"), ("bf16", "fp16")):
        with pytest.raises(ConfigError, match=f"mixed_precision {wanted}, the launcher {launcher}"):
            resolve(wanted, A100, {"ACCELERATE_MIXED_PRECISION": launcher})


def test_fp8_of_the_launcher_is_not_ours():
    with pytest.raises(ConfigError, match="'fp8' is not supported"):
        resolve("auto", A100, {"ACCELERATE_MIXED_PRECISION": "fp8"})


def test_device_in_use_is_the_one_accelerate_takes(monkeypatch):
    other = Device("cuda", "second", 1024, capability=(8, 0))
    monkeypatch.setattr(precision, "detect", lambda: [A100, other, CPU])
    assert device_in_use({}) == A100
    assert device_in_use({"LOCAL_RANK": "1"}) == other
    assert device_in_use({"LOCAL_RANK": "7"}) == other, "one visible GPU a process: never past the list"
    for yes in ("1", "true", "True", "yes"):
        assert device_in_use({"ACCELERATE_USE_CPU": yes}) == CPU
    assert device_in_use({"ACCELERATE_USE_CPU": "false"}) == A100
    monkeypatch.setattr(precision, "detect", lambda: [CPU])
    assert device_in_use({"LOCAL_RANK": "1"}) == CPU
