"""The devices of this machine, and which number formats each of them is fast and safe in.

The CPU part needs no torch, so that a login node can use it. The precision rules are pure functions of a `Device`.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sentiment_ft.errors import ModelError

Precision = Literal["fp64", "fp32", "fp16", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp64", "fp32", "fp16", "bf16")

TENSOR_CORES = (7, 0)  # first CUDA capability with fp16 matrix units (V100); T4 is (7, 5)
AMPERE = (8, 0)  # first with bf16 (A100). torch.cuda.is_bf16_supported() says True below it too: there bf16 is emulated
CPU_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})  # the last is the name on ARM (lscpu "Features")
_CPU_FLAGS = CPU_BF16 | {
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "neon",
    "asimd",
    "sve",
    "i8mm",
}


@dataclass(frozen=True, slots=True)
class Device:
    """One CPU or accelerator.

    memory_mib: what a process may use; on a CPU the smaller of the machine and its container. capability: CUDA's, else
    None. cores: cores this process may run on (CPU only). flags: instruction sets of a CPU that matter here; on CUDA
    the architectures ("sm_75") the installed torch has kernels for.
    """

    kind: Literal["cpu", "cuda", "mps"]
    name: str
    memory_mib: int
    capability: tuple[int, int] | None = None
    cores: int | None = None
    flags: frozenset[str] = field(default_factory=frozenset)


def why_not(device: Device, precision: str) -> str | None:
    """None when `device` computes in `precision` natively, else the reason in one sentence."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
    if precision == "fp32":
        return None
    if precision == "fp64":
        return "Apple GPUs have no fp64" if device.kind == "mps" else None
    if device.kind == "cuda":
        capability = device.capability or (0, 0)
        spelled = ".".join(map(str, capability))
        if precision == "bf16" and capability < AMPERE:
            return f"{device.name} (compute capability {spelled}) only emulates bf16, 4 times slower; it starts at 8.0"
        if precision == "fp16" and capability < TENSOR_CORES:
            return f"{device.name} (compute capability {spelled}) has no fp16 matrix units; they start at 7.0"
        return None
    if device.kind == "mps":
        return f"{precision} has not been tested on Apple GPUs, where mixed precision depends on the chip and the macOS"
    if precision == "fp16":
        # accelerate 1.15: Accelerator(cpu=True, mixed_precision="fp16") has no autocast, no scaler and says nothing.
        return (
            "fp16 is not for CPUs: Accelerate silently computes in fp32 instead, and real fp16 is several times slower"
        )
    if device.flags.isdisjoint(CPU_BF16):
        return f"{device.name} has no bf16 instructions (avx512_bf16, amx_bf16, or bf16 on ARM) and would emulate them"
    return None


def best_precision(device: Device) -> Precision:
    """What `mixed_precision: auto` means here: bf16 where native (no loss scaling needed), else fp16, else fp32."""
    ordered: tuple[Precision, ...] = ("bf16", "fp16", "fp32")
    return next(precision for precision in ordered if why_not(device, precision) is None)


def detect(torch_needed: bool = True) -> list[Device]:
    """Accelerators first, in torch's order, then the CPU: the first one is what a single process trains on.

    torch_needed: False looks at the CPU only and imports no torch. Raises ModelError when torch is needed and cannot be
    imported.
    """
    return [*(_accelerators() if torch_needed else []), cpu()]


def cpu() -> Device:
    """The CPU this process runs on."""
    facts = cpu_facts(_read("/proc/cpuinfo"))
    return Device(
        kind="cpu",
        name=facts[0] or platform.processor() or platform.machine() or "CPU",
        memory_mib=min(filter(None, (total_memory_mib(), container_memory_mib())), default=0),
        cores=usable_cores(),
        flags=facts[1],
    )


def cpu_facts(cpuinfo: str) -> tuple[str, frozenset[str]]:
    """Name and known flags of the first processor in the text of /proc/cpuinfo ("flags" on x86, "Features" on ARM)."""
    first: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            first.setdefault(key.strip().lower(), value.strip())
    flags = f"{first.get('flags', '')} {first.get('features', '')}".split()
    return first.get("model name", ""), frozenset(flags) & _CPU_FLAGS


def usable_cores() -> int:
    """Cores this process may run on: the affinity mask, cut by the CPU quota of the container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.strip().isdigit() and period.strip().isdigit():
        cores = min(cores, math.ceil(int(quota) / int(period)))
    return max(cores, 1)


def total_memory_mib() -> int:
    """Physical memory of the machine; 0 when the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    except (AttributeError, ValueError, OSError):
        return 0


def container_memory_mib() -> int | None:
    """The memory limit of the cgroup (version 2, then 1); None without one. Above it the kernel kills the process."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _read(path).strip()
        if text.isdigit() and int(text) < 2**60:  # version 1 writes "no limit" as nearly 2**63
            return int(text) // 2**20
    return None


def missing_kernels(device: Device) -> bool:
    """Whether the installed torch was built without kernels for this GPU (then its first operation fails).

    A binary for sm_XY runs on the same X and an equal or higher Y; "compute_XY" is compiled at load for anything newer.
    """
    if device.kind != "cuda" or device.capability is None or not device.flags:
        return False
    return not any(_runs_on(architecture, device.capability) for architecture in device.flags)


def _runs_on(architecture: str, capability: tuple[int, int]) -> bool:
    kind, _, digits = architecture.partition("_")
    number = digits.rstrip("af")  # sm_90a, sm_120f: features of one chip
    if not number.isdigit():
        return True  # not CUDA's naming (ROCm: gfx90a): no judgement
    built = (int(number[:-1]), int(number[-1]))
    return built <= capability and (kind == "compute" or built[0] == capability[0])


def _accelerators() -> Iterable[Device]:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of torch is missing
        raise ModelError(
            f"torch cannot be imported: {error}",
            way_out="install the package again (make train does), or look at `sentiment-ft doctor`",
        ) from error
    if torch.cuda.is_available():
        built_for = frozenset(torch.cuda.get_arch_list())
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            yield Device(
                kind="cuda",
                name=properties.name,
                memory_mib=properties.total_memory // 2**20,
                capability=(properties.major, properties.minor),
                flags=built_for,
            )
    elif torch.backends.mps.is_available():
        # Unified memory: the limit Metal recommends is not the machine's total.
        yield Device(kind="mps", name="Apple GPU", memory_mib=torch.mps.recommended_max_memory() // 2**20)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
