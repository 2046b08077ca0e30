"""The runs that `verify` compares: the user's recipe, shortened, in one process and in several."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError, UserError
from sentiment_ft.recipe import dump
from sentiment_ft.terminal import printable

SECONDS = 3600  # a leg of a few updates; more is a hang
SECONDS_TO_END = 5  # after SIGTERM; an interrupted verb has ten in all (cli/signals.py)


@dataclass(frozen=True, slots=True)
class Leg:
    """One run. topology: None is a plain process, without a launcher."""

    name: str
    topology: str | None
    processes: int
    precision: str

    @property
    def reference(self) -> Leg:
        """What it is compared with: one process in the same precision."""
        return Leg("1 process", None, 1, self.precision)


def legs(processes: int, stages: Sequence[str], precision: str, *, on_cpu: bool) -> list[Leg]:
    """Several processes in fp64, where rounding cannot hide a wrong factor; ZeRO, whose master weights are fp32, in
    fp32; and several processes in the recipe's own 16-bit format.
    """
    plain = "cpu_2proc" if on_cpu else "multi_gpu_bf16"
    found = [Leg("DDP", plain, processes, "fp64")]
    for stage in stages:
        found.append(Leg(f"ZeRO {stage.replace('_', ' ')}", f"deepspeed_zero{stage}", processes, "fp32"))
    if precision in ("bf16", "fp16"):
        found.append(Leg("DDP", plain, processes, precision))
    return found


def shortened(config: Config, processes: int, updates: int) -> Config:
    """A few updates of the recipe, over two epochs, each of which ends in a short and uneven window."""
    accumulation = config.gradient_accumulation_steps or 2
    if config.global_batch_size is not None:
        one_pass = config.per_device_batch_size * processes
        if config.global_batch_size % one_pass:
            raise ConfigError(
                f"global_batch_size {config.global_batch_size} is not a multiple of per_device_batch_size "
                f"{config.per_device_batch_size} x {processes} processes",
                way_out="a smaller --batch",
            )
        accumulation = config.global_batch_size // one_pass
    window = config.per_device_batch_size * accumulation * processes
    per_epoch = max(1, updates // 2)
    rows = max(2, (per_epoch - 1) * window + window // 2 + 1)
    return config.model_copy(
        update={
            "run_name": None,
            "test": None,
            "report_to": "none",
            "max_train_samples": min(rows, config.max_train_samples or rows),
            "max_validation_samples": min(37, config.max_validation_samples or 37),
            "per_device_eval_batch_size": 4,
            "gradient_accumulation_steps": None,
            "global_batch_size": window,
            "max_steps": updates,
            "warmup_steps": min(2, updates - 1),
            "warmup_ratio": None,
            "eval_steps": updates,
            "logging_steps": 1,
            "early_stopping_patience": None,
            "average_share": None,
            "gradual_unfreezing_updates": 0,
            "bootstrap_samples": 100,
        }
    )


def carry_out(leg: Leg, config: Config, folder: Path, environment: Mapping[str, str]) -> Path:
    """Run it for real, under the real launcher; returns the run folder. Raises LegFailed, also for one that hangs."""
    output = folder / "run"
    recipe = folder / "recipe.yaml"
    folder.mkdir(parents=True)
    recipe.write_text(dump(config.model_copy(update={"mixed_precision": leg.precision})), encoding="utf-8")
    train = ["--recipe", str(recipe), "--output", str(output), "--quiet"]
    if leg.topology is None:
        argv = [sys.executable, "-m", "sentiment_ft", "train", *train]
    else:
        start = ["launch", "--quiet", "--topology", leg.topology, "--processes", str(leg.processes), "--"]
        argv = [sys.executable, "-m", "sentiment_ft", *start, *train]
    with subprocess.Popen(
        argv,
        env=dict(environment),
        process_group=0,  # a Ctrl-C of the terminal would reach it, and then the SIGTERM of _end while it tidies up
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            _, said = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)
            raise LegFailed(leg, 1, f"did not end within {SECONDS / 60:.0f} minutes") from None
        except BaseException:  # interrupted: a launcher that is killed cannot tidy up
            _end(process)
            raise
    if process.returncode != 0:
        raise LegFailed(leg, process.returncode, said)
    return output


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()


class LegFailed(UserError):
    """A run of its own ended with an error."""

    def __init__(self, leg: Leg, code: int, said: str) -> None:
        lines = [printable(line, 300) for line in said.strip().splitlines()[-6:]]
        super().__init__(f"ended with exit code {code}\n" + "\n".join(lines), where=f"{leg.name} in {leg.precision}")
        self.exit_code = code if code > 0 else 1


def environment(*, on_cpu: bool) -> dict[str, str]:
    """What every leg inherits: one thread, so that sums are added in one order."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ACCELERATE_")}
    inherited["OMP_NUM_THREADS"] = "1"
    return inherited | ({"CUDA_VISIBLE_DEVICES": ""} if on_cpu else {})
