"""Programs in several processes, started as users start them: `accelerate launch` or `sentiment-ft launch`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = Path(__file__).parent / "scripts"
TRAIN = "sentiment_ft.train"


def accelerate_launch(
    program: str | Path, *arguments: object, processes: int = 2, topology: str = "cpu_2proc"
) -> list[str]:
    """The argv for a script (a path) or a module (a name) under one of our topologies, or a file."""
    argv = [sys.executable, "-m", "accelerate.commands.launch"]
    file = topology if topology.endswith(".yaml") else str(ROOT / "accelerate_configs" / f"{topology}.yaml")
    argv += ["--config_file", file, "--num_processes", str(processes)]
    argv += ["--main_process_port", "0"] if topology != "single_process" else []
    argv += [str(program)] if isinstance(program, Path) else ["-m", program]
    return argv + [str(argument) for argument in arguments]


def sentiment_ft_launch(
    *arguments: object, processes: int = 2, topology: str = "cpu_2proc", restarts: int = 0
) -> list[str]:
    """The argv for a training; arguments: those of `train`."""
    argv = [sys.executable, "-m", "sentiment_ft", "launch", "--quiet", "--topology", topology]
    argv += ["--max-restarts", str(restarts)]
    return [*argv, "--processes", str(processes), "--", *map(str, arguments)]


def alone(program: str | Path, *arguments: object) -> list[str]:
    """The argv for one process without a launcher."""
    start = [str(program)] if isinstance(program, Path) else ["-m", program]
    return [sys.executable, *start, *map(str, arguments)]


def environment(folder: Path, argv: list[str], **variables: str) -> dict[str, str]:
    """CPUs only, one thread a process, a token cache in `folder`; nothing that a launcher may have left."""
    left = ("ACCELERATE_", "CUDA_", "DS_", "OMP_", "TORCHELASTIC_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(left)}
    inherited["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), inherited.get("PYTHONPATH")]))
    found = inherited | {
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "SENTIMENT_FT_CACHE": str(folder / "cache"),
    }
    if any("cpu_2proc" in word for word in argv):
        found["ACCELERATE_USE_CPU"] = "true"  # `accelerate launch` does not pass the topology's use_cpu on
    return found | variables


def run(argv: list[str], folder: Path, *, timeout: float = 240, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it in `folder` to its end. One that takes longer is killed with all it started, and the test fails."""
    with tempfile.TemporaryDirectory() as temporary:  # `accelerate launch` leaves a torchelastic_... folder there
        found = environment(folder, argv, **({"TMPDIR": temporary} | variables))
        process = subprocess.Popen(
            argv, cwd=folder, env=found, start_new_session=True, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"did not end within {timeout:.0f} s\n{out}\n{err}") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(argv, process.returncode, out, err)
