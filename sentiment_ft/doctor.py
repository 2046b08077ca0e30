"""`sentiment-ft doctor`: what this machine has, what it can compute in, and what is known to go wrong here.

Every check is a small function that yields findings; none of them opens a connection or changes anything.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from packaging.version import Version
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sentiment_ft import __version__
from sentiment_ft.errors import EXIT_DONE, EXIT_MODEL, ModelError
from sentiment_ft.hardware import detect as hardware
from sentiment_ft.hardware.detect import PRECISIONS, Device, best_precision, missing_kernels, why_not
from sentiment_ft.model import bundled
from sentiment_ft.run import surroundings
from sentiment_ft.run.environment import device_record, versions
from sentiment_ft.run.surroundings import Finding, Status
from sentiment_ft.terminal import printable, standard_output

COLOURS: dict[Status, str] = {"ok": "green", "note": "cyan", "warning": "yellow", "broken": "bold red"}

# Lowest versions with the security fixes and interfaces the code relies on; the same numbers as in pyproject.toml.
FLOORS = {
    "torch": "2.10",
    "transformers": "5.3",
    "accelerate": "1.15",
    "datasets": "4",
    "evaluate": "0.4.6",
    "wandb": "0.28.2",
}
CEILINGS = {"transformers": "6", "accelerate": "2"}  # first versions that nobody has tried
LOW_SPACE_MIB = 2048  # a run with MiniLM writes 0.4 GB of checkpoints, BERT-base 2 GB
LOW_SHARED_MIB = 256  # Docker gives 64 MiB, too little for NCCL's buffers of several processes


def run(as_json: bool = False) -> int:
    """Examine, print on standard output, and return the exit code: 4 when something is broken, else 0."""
    findings = examine()
    if as_json:
        print(json.dumps(_report(findings), indent=2), file=standard_output())
    else:
        render(findings, Console(highlight=False, markup=False))
    return EXIT_MODEL if any(finding.status == "broken" for finding in findings) else EXIT_DONE


def examine(variables: Mapping[str, str] = os.environ) -> list[Finding]:
    """Every finding, in the order of the report: software, devices, space, model, then settings in force."""
    devices, failure = _devices()
    return [
        *_packages(versions()),
        *failure,
        *(finding for device in devices for finding in _device(device)),
        *_torch_build(devices, variables),
        *_memory(hardware.total_memory_mib(), hardware.container_memory_mib()),
        *_space(Path.cwd(), Path("/dev/shm")),
        *_bundled_model(),
        Finding("note", "hub", "reachability of the Hugging Face hub: not checked"),
        *surroundings.examine(variables, hardware.usable_cores(), accelerated=devices[0].kind != "cpu"),
        *_compiler(versions()["deepspeed"]),
    ]


def render(findings: list[Finding], console: Console) -> None:
    """A table on a terminal; one plain line a finding (and one for its way out) in a pipe."""
    if not console.is_terminal:
        for finding in findings:
            print(f"{finding.status:<8} {finding.topic}: {finding.what}", file=console.file)
            if finding.way_out:
                print(f"{'':<8} way out: {finding.way_out}", file=console.file)
        return
    table = Table("", "", "", show_header=False, show_edge=False, pad_edge=False, box=None)
    for finding in findings:
        text = Text(finding.what)
        if finding.way_out:
            text.append(f"\nway out: {finding.way_out}", style="dim")
        table.add_row(Text(finding.status, style=COLOURS[finding.status]), finding.topic, text)
    console.print(table)


def _report(findings: list[Finding]) -> dict[str, object]:
    devices, _ = _devices()
    return {
        "sentiment_ft": __version__,
        "python": platform.python_version(),
        "packages": versions(),
        "devices": [
            device_record(device)
            | {
                "best_precision": best_precision(device),
                "why_not": {name: why_not(device, name) for name in PRECISIONS},
            }
            for device in devices
        ],
        "findings": [asdict(finding) for finding in findings],
        "broken": sum(finding.status == "broken" for finding in findings),
    }


def _devices() -> tuple[list[Device], list[Finding]]:
    try:
        return hardware.detect(), []
    except ModelError as error:
        return [hardware.cpu()], [Finding("broken", "torch", printable(error.what), error.way_out)]


def _packages(installed: Mapping[str, str | None]) -> Iterator[Finding]:
    present = ", ".join(f"{name} {version}" for name, version in installed.items() if version)
    yield Finding("ok", "versions", f"sentiment_ft {__version__}, Python {platform.python_version()}, {present}")
    for name, floor in FLOORS.items():
        version = installed.get(name)
        if version is None:
            yield Finding("broken", name, "not installed", f"pip install '{name}>={floor}'")
        elif Version(version) < Version(floor):
            yield Finding(
                "broken", name, f"{version} is older than {floor} and lacks its fixes", f"pip install '{name}>={floor}'"
            )
        elif name in CEILINGS and Version(version) >= Version(CEILINGS[name]):
            yield Finding("warning", name, f"{version} has not been tried", f"pip install '{name}<{CEILINGS[name]}'")


def _device(device: Device) -> Iterator[Finding]:
    size = f"{device.memory_mib / 1024:.1f} GiB" if device.memory_mib else "memory unknown"
    cores = f", {device.cores} cores" if device.cores else ""
    capability = f", compute capability {device.capability[0]}.{device.capability[1]}" if device.capability else ""
    yield Finding("ok", device.kind, f"{printable(device.name)}{cores}{capability}, {size}")
    for precision in PRECISIONS:
        reason = why_not(device, precision)
        chosen = " (mixed_precision: auto picks it)" if precision == best_precision(device) else ""
        yield Finding("note" if reason else "ok", precision, f"no: {printable(reason)}" if reason else f"yes{chosen}")
    if missing_kernels(device):
        yield Finding(
            "broken",
            device.kind,
            f"torch has no kernels for {printable(device.name)}, only for {', '.join(sorted(device.flags))}",
            "install a torch build for this GPU: https://pytorch.org/get-started/previous-versions/",
        )


def _torch_build(devices: list[Device], variables: Mapping[str, str]) -> Iterator[Finding]:
    torch = sys.modules.get("torch")  # imported by detect(); absent when that failed
    if torch is None or any(device.kind == "cuda" for device in devices):
        return
    driver = Path("/proc/driver/nvidia/version").exists()
    if torch.version.cuda is None and driver:
        yield Finding(
            "warning",
            "torch",
            f"there is an NVIDIA driver, but torch {torch.__version__} is a build without CUDA: it trains on the CPU",
            "install the CUDA build: https://pytorch.org/get-started/locally/",
        )
    elif torch.version.cuda is not None and variables.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        yield Finding("note", "torch", "CUDA_VISIBLE_DEVICES hides every GPU", "unset CUDA_VISIBLE_DEVICES")
    elif torch.version.cuda is not None:
        yield Finding(
            "warning" if driver else "note",
            "torch",
            f"built for CUDA {torch.version.cuda}, but it sees no GPU"
            + (" although there is a driver" if driver else ""),
            "run nvidia-smi: is the driver new enough?"
            if driver
            else "fine on a login node; else install the NVIDIA driver",
        )


def _memory(total_mib: int, limit_mib: int | None) -> Iterator[Finding]:
    if limit_mib is not None and limit_mib < total_mib:
        yield Finding(
            "note" if limit_mib >= LOW_SPACE_MIB else "warning",
            "memory",
            f"the container may use {limit_mib:,} MiB of {total_mib:,}; a process above it is killed without a message",
            "a smaller per_device_batch_size, or a larger limit (docker run --memory)",
        )


def _space(folder: Path, shared: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free // 2**20
    yield Finding(
        "ok" if free >= LOW_SPACE_MIB else "warning",
        "disk",
        f"{free:,} MiB free here",
        None if free >= LOW_SPACE_MIB else "free some space, or write the run folder to another disk",
    )
    if shared.is_dir() and (size := shutil.disk_usage(shared).total // 2**20) < LOW_SHARED_MIB:
        yield Finding(
            "warning",
            "memory",
            f"{shared} holds {size} MiB; several processes on one machine exchange data through it",
            "docker run --shm-size=1g, or --ipc=host",
        )


def _bundled_model() -> Iterator[Finding]:
    try:
        bundled.folder()
    except ModelError as error:
        yield Finding("broken", "model", printable(error.what), error.way_out)
    else:
        yield Finding("ok", "model", f"bundled all-MiniLM-L6-v2, sha256 {bundled.WEIGHTS_SHA256[:16]}... as expected")


def _compiler(deepspeed: str | None) -> Iterator[Finding]:
    if deepspeed is None:
        yield Finding(
            "note", "deepspeed", "not installed: ZeRO topologies do not run", "pip install deepspeed (Linux only)"
        )
        return
    beside_python = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    missing = [name for name in ("g++", "ninja") if shutil.which(name, path=beside_python) is None]
    if missing:
        yield Finding(
            "note",
            "deepspeed",
            f"{' and '.join(missing)} not found: offload and CPU training compile their kernels at the first start",
            "apt install g++, pip install ninja",
        )
