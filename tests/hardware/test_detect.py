from __future__ import annotations

import subprocess
import sys

import pytest

from sentiment_ft.hardware import detect as hardware
from sentiment_ft.hardware.detect import Device, best_precision, cpu_facts, detect, missing_kernels, why_not


def cuda(name: str, major: int, minor: int, *architectures: str) -> Device:
    return Device("cuda", name, 16_000, (major, minor), None, frozenset(architectures))


P100, V100, T4 = cuda("P100", 6, 0), cuda("V100", 7, 0), cuda("T4", 7, 5)
A100, H100 = cuda("A100", 8, 0), cuda("H100", 9, 0)
OLD_CPU = Device("cpu", "old CPU", 8_000, None, 2, frozenset({"avx2", "avx512f", "avx512_vnni"}))
ZEN4 = Device("cpu", "Zen 4", 8_000, None, 2, frozenset({"avx512f", "avx512_bf16"}))
XEON = Device("cpu", "Xeon", 8_000, None, 2, frozenset({"amx_bf16"}))
GRAVITON = Device("cpu", "Graviton", 8_000, None, 2, frozenset({"asimd", "bf16"}))
APPLE = Device("mps", "Apple GPU", 8_000)


@pytest.mark.parametrize(
    ("device", "native", "best"),
    [
        (P100, {"fp32"}, "fp32"),
        (V100, {"fp32", "fp16"}, "fp16"),
        (T4, {"fp32", "fp16"}, "fp16"),
        (A100, {"fp32", "fp16", "bf16"}, "bf16"),
        (H100, {"fp32", "fp16", "bf16"}, "bf16"),
        (OLD_CPU, {"fp32"}, "fp32"),
        (ZEN4, {"fp32", "bf16"}, "bf16"),
        (XEON, {"fp32", "bf16"}, "bf16"),
        (GRAVITON, {"fp32", "bf16"}, "bf16"),
        (APPLE, {"fp32"}, "fp32"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_precision_of_known_devices(device: Device, native: set[str], best: str) -> None:
    found = {precision for precision in hardware.PRECISIONS if why_not(device, precision) is None}
    assert found == native | (set() if device.kind == "mps" else {"fp64"})
    assert best_precision(device) == best


def test_the_reason_names_the_device_and_the_limit() -> None:
    reason = why_not(T4, "bf16")
    assert reason is not None and "T4" in reason and "7.5" in reason and "8.0" in reason
    assert "avx512_bf16" in (why_not(OLD_CPU, "bf16") or "")


def test_an_unknown_precision_is_not_silently_native() -> None:
    with pytest.raises(ValueError, match="fp8"):
        why_not(H100, "fp8")


X86 = """processor : 0
model name : AMD EPYC 9R14
flags : fpu sse2 avx2 avx512f avx512_bf16 avx512_vnni

processor : 1
model name : another one
flags : fpu
"""
ARM = "processor : 0\nFeatures : fp asimd sve i8mm bf16\nCPU implementer : 0x41\n"


def test_cpu_flags_of_x86_and_arm() -> None:
    assert cpu_facts(X86) == ("AMD EPYC 9R14", frozenset({"avx2", "avx512f", "avx512_bf16", "avx512_vnni"}))
    assert cpu_facts(ARM) == ("", frozenset({"asimd", "sve", "i8mm", "bf16"}))
    assert cpu_facts("") == ("", frozenset())


def files(**texts: str):
    def read(path: str) -> str:
        return texts.get(path.rsplit("/", 1)[-1].replace(".", "_"), "")

    return read


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, None),
        ({"memory_max": "max\n"}, None),
        ({"memory_max": "2147483648\n"}, 2048),
        ({"memory_limit_in_bytes": "1073741824\n"}, 1024),
        ({"memory_limit_in_bytes": "9223372036854771712\n"}, None),
    ],
)
def test_memory_limit_of_a_container(
    monkeypatch: pytest.MonkeyPatch, texts: dict[str, str], expected: int | None
) -> None:
    monkeypatch.setattr(hardware, "_read", files(**texts))
    assert hardware.container_memory_mib() == expected


def test_the_cpu_device_has_the_smaller_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_read", files(memory_max=str(64 * 2**20), cpuinfo=X86))
    device = hardware.cpu()
    assert device.memory_mib == 64
    assert device.name == "AMD EPYC 9R14"


def test_a_cpu_quota_cuts_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware.os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    monkeypatch.setattr(hardware, "_read", files(cpu_max="max 100000\n"))
    assert hardware.usable_cores() == 16
    monkeypatch.setattr(hardware, "_read", files(cpu_max="250000 100000\n"))
    assert hardware.usable_cores() == 3  # 2.5 cores, rounded up
    monkeypatch.setattr(hardware, "_read", files(cpu_max="5000 100000\n"))
    assert hardware.usable_cores() == 1


@pytest.mark.parametrize(
    ("device", "missing"),
    [
        (cuda("V100", 7, 0, "sm_75", "sm_80", "sm_90"), True),
        (cuda("T4", 7, 5, "sm_75", "sm_80"), False),
        (cuda("RTX 3090", 8, 6, "sm_80", "sm_90"), False),  # same major, higher minor
        (cuda("B200", 10, 0, "sm_80", "sm_90"), True),
        (cuda("B200", 10, 0, "sm_80", "compute_90"), False),  # compiled at load
        (cuda("H100", 9, 0, "sm_90a"), False),
        (cuda("MI300X", 9, 4, "gfx942"), False),
        (cuda("unknown build", 7, 0), False),
        (OLD_CPU, False),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_kernels_built_for_other_gpus(device: Device, missing: bool) -> None:
    assert missing_kernels(device) is missing


def test_detect_ends_with_the_cpu() -> None:
    devices = detect()
    assert devices[-1].kind == "cpu"
    assert devices[-1].cores is not None and devices[-1].cores >= 1
    assert devices[-1].memory_mib > 100


def test_without_torch_the_cpu_is_still_found() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"  # makes `import torch` raise ImportError
        "from sentiment_ft.errors import ModelError\n"
        "from sentiment_ft.hardware.detect import detect\n"
        "assert [device.kind for device in detect(torch_needed=False)] == ['cpu']\n"
        "try:\n    detect()\nexcept ModelError as error:\n    assert 'doctor' in (error.way_out or '')\n"
        "else:\n    raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
