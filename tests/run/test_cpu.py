"""CPU defaults: the launcher's single thread and the slow attention are undone, a user's choice is not."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from sentiment_ft.hardware.detect import Device
from sentiment_ft.run import cpu

CPU = Device("cpu", "CPU", 8192, cores=8)
GPU = Device("cuda", "A100", 40_960, capability=(8, 0))
LAUNCHED = {"ACCELERATE_MIXED_PRECISION": "no", "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize(
    ("device", "environment", "expected"),
    [
        (CPU, LAUNCHED, 8),
        (CPU, {"TORCHELASTIC_RUN_ID": "x", "OMP_NUM_THREADS": "1"}, 8),
        (CPU, LAUNCHED | {"LOCAL_WORLD_SIZE": "3"}, 2),
        (CPU, LAUNCHED | {"LOCAL_WORLD_SIZE": "16"}, 1),
        (CPU, {"OMP_NUM_THREADS": "1"}, None),  # no launcher: somebody wrote it
        (CPU, LAUNCHED | {"OMP_NUM_THREADS": "4"}, None),
        (CPU, {"ACCELERATE_MIXED_PRECISION": "no"}, None),
        (CPU, {}, None),
        (GPU, LAUNCHED, None),
    ],
)
def test_all_cores_are_used_where_one_was_nobodys_choice(monkeypatch, device, environment, expected):
    chosen = []
    monkeypatch.setattr(cpu, "usable_cores", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    cpu.use_all_cores(device, environment)
    assert chosen == ([] if expected is None else [expected])


@pytest.mark.parametrize(("device", "changes"), [(CPU, True), (GPU, False)])
def test_fused_attention_is_left_on_a_cpu_only(monkeypatch, device, changes):
    said = []
    for switch in ("enable_flash_sdp", "allow_fp16_bf16_reduction_math_sdp"):
        monkeypatch.setattr(torch.backends.cuda, switch, lambda on, switch=switch: said.append((switch, on)))
    cpu.use_short_row_attention(device)
    assert said == ([("enable_flash_sdp", False), ("allow_fp16_bf16_reduction_math_sdp", True)] if changes else [])


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_freed_memory_is_kept():
    """In a process of its own, as it cannot be undone: 64 MB blocks cost no new pages once malloc holds enough of them
    (small objects that come to lie in a freed block make it ask for some more at first).
    """
    script = """
import resource, sys, torch
from sentiment_ft.run import cpu
if sys.argv[1] == "tuned":
    assert cpu.keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.zeros(16_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
faults()
print(faults())
"""
    pages = {
        mode: int(
            subprocess.run([sys.executable, "-c", script, mode], capture_output=True, text=True, check=True).stdout
        )
        for mode in ("plain", "tuned")
    }
    assert pages["tuned"] < 10_000 < 100_000 < pages["plain"], pages
