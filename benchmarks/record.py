"""Runs a command as its own process and writes down what it took: the one place where figures come from."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Measured:
    """wall_s from exec to exit; cpu_s user and system, children included; peak_mib of the largest process."""

    command: list[str]
    exit_code: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    output: str


def measure(command: list[str], *, environment: dict[str, str] | None = None, stdin: Path | None = None) -> Measured:
    """Run a command to its end. Raises RuntimeError, with the end of what it printed, when it fails."""
    began = time.perf_counter()
    with (stdin or Path(os.devnull)).open("rb") as source:
        process = subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        assert process.stdout is not None
        output = process.stdout.read().decode("utf-8", "replace")
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{output[-2000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(command, code, round(wall, 2), round(cpu, 2), round(usage.ru_maxrss / 1024, 1), output)


def last_json(measured: Measured) -> dict[str, Any]:
    """The last line of the output that is a JSON object."""
    line = next(line for line in reversed(measured.output.splitlines()) if line.startswith("{"))
    found: dict[str, Any] = json.loads(line)
    return found


def write(name: str, figures: dict[str, Any]) -> Path:
    """Keep the figures under results/ with the date, the machine and the commit they were measured on."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=RESULTS.parent)
    dirty = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, cwd=RESULTS.parent)
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    measured_on = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit.stdout.strip() + ("+changes" if dirty.stdout.strip() else ""),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[2], 2),
    }
    path.write_text(json.dumps({"measured_on": measured_on, **figures}, indent=2) + "\n")
    return path


def plain(measured: Measured) -> dict[str, Any]:
    """Figures without the output, the command as typed."""
    figures = asdict(measured)
    del figures["output"], figures["exit_code"]
    figures["command"] = " ".join(
        Path(measured.command[0]).name if place == 0 else word for place, word in enumerate(measured.command)
    )
    return figures


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
