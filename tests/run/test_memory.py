"""Peak memory, in the unit its name says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sentiment_ft.run.memory import peak_memory_mib, reset_peak


def test_host_peak_is_in_mib_and_grows_with_what_is_touched():
    cpu = torch.device("cpu")
    reset_peak(cpu)
    before = peak_memory_mib(cpu)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20 if Path("/proc").is_dir() else 0
    assert list(before) == ["host_memory_mib"] and before["host_memory_mib"] >= resident - 1
    size = int(before["host_memory_mib"] - resident) + 64
    block = np.ones(size * 2**20, np.uint8)
    assert peak_memory_mib(cpu)["host_memory_mib"] - before["host_memory_mib"] == pytest.approx(64, abs=24)
    del block


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_device_peak_starts_anew():
    cuda = torch.device("cuda")
    block = torch.zeros(64 * 2**20, dtype=torch.uint8, device=cuda)
    assert peak_memory_mib(cuda)["device_memory_mib"] >= 64
    del block
    reset_peak(cuda)
    assert peak_memory_mib(cuda)["device_memory_mib"] < 64
