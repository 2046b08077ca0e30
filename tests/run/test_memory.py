"""Peak memory, in the unit its name says."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from sentiment_ft.run.memory import peak_memory_mib, reset_peak

# In a process of its own: what others have touched before would hide it.
TOUCHED = """
import numpy as np, torch
from sentiment_ft.run.memory import peak_memory_mib, reset_peak
cpu = torch.device("cpu")
reset_peak(cpu)
before = peak_memory_mib(cpu)
resident = int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
assert list(before) == ["host_memory_mib"] and before["host_memory_mib"] >= resident - 1
block = np.ones((int(before["host_memory_mib"] - resident) + 64) * 2**20, np.uint8)
print(peak_memory_mib(cpu)["host_memory_mib"] - before["host_memory_mib"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_host_peak_is_in_mib_and_grows_with_what_is_touched():
    done = subprocess.run([sys.executable, "-c", TOUCHED], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(64, abs=24)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_device_peak_starts_anew():
    cuda = torch.device("cuda")
    block = torch.zeros(64 * 2**20, dtype=torch.uint8, device=cuda)
    assert peak_memory_mib(cuda)["device_memory_mib"] >= 64
    del block
    reset_peak(cuda)
    assert peak_memory_mib(cuda)["device_memory_mib"] < 64
