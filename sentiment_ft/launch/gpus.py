"""The GPUs of this machine, asked of the driver: torch would hold memory on each of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

QUERY = ("--query-gpu=index,uuid,compute_cap,name", "--format=csv,noheader")
UNKNOWN = (0, 0)


@dataclass(frozen=True, slots=True)
class Gpu:
    """capability: CUDA's; a T4 is (7, 5), UNKNOWN where the driver does not say."""

    name: str
    capability: tuple[int, int]


def visible(environment: Mapping[str, str] = os.environ) -> list[Gpu]:
    """NVIDIA GPUs that CUDA_VISIBLE_DEVICES leaves, in the driver's order; none where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run([program, *QUERY], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):  # ValueError: what it says is no text
        return []
    return parse(done.stdout, environment.get("CUDA_VISIBLE_DEVICES")) if done.returncode == 0 else []


def parse(table: str, chosen: str | None) -> list[Gpu]:
    """The GPUs in nvidia-smi's csv. chosen: CUDA_VISIBLE_DEVICES; CUDA ends its list at the first unknown name."""
    known: dict[str, Gpu] = {}
    for line in table.splitlines():
        fields = [field.strip() for field in line.split(",", 3)]
        if len(fields) == 4:
            numbers = re.fullmatch(r"([0-9]+)\.([0-9]+)", fields[2])
            capability = (int(numbers[1]), int(numbers[2])) if numbers else UNKNOWN
            known[fields[0]] = known[fields[1]] = Gpu(fields[3], capability)
    if chosen is None:
        return [gpu for key, gpu in known.items() if key.isdigit()]
    found = []
    for key in map(str.strip, chosen.split(",")):
        matches = [gpu for name, gpu in known.items() if name == key or (len(key) > 4 and name.startswith(key))]
        if not matches:
            break
        found.append(matches[0])
    return found
