"""The `chaos` verb: a small training is killed, stopped and starved at seeded moments, and must end with the bits of
one that nothing touched.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table
from rich.text import Text
from safetensors import safe_open

from sentiment_ft.config import Config
from sentiment_ft.errors import EXIT_DONE, EXIT_PREEMPTED, EXIT_TRAINING, UserError
from sentiment_ft.launch import gpus
from sentiment_ft.proof.legs import environment
from sentiment_ft.proof.strikes import (
    FULL_DISK,
    HANG,
    RESTARTS_BY_HAND,
    STRIKES,
    Target,
    check,
    full_disk,
    newest_number,
)
from sentiment_ft.recipe import Loaded, dump
from sentiment_ft.terminal import console, printable, results, standard_output

SAVE_EVERY = 5  # updates
UPDATES_A_STRIKE = 50  # enough that the training does not end before the last of them
SECONDS_OF_SILENCE = 300.0  # without a new checkpoint: neither restarted nor told
SECONDS_BETWEEN_LOOKS = 0.005
SAVES_ON_A_FULL_DISK = 3
# Endings of what differs from run to run in metrics.jsonl.
TIMES = ("_s", "_memory_mib")


@dataclass
class Struck:
    """What became of one strike, about that update. recovered_s: from it to a checkpoint that was begun after it."""

    kind: str
    update: int
    recovered_s: float


@dataclass
class Report:
    """named_after_s: of each hang that the watchdog told, the seconds that it had lasted. different: names of what is
    not the same, to the bit, as in the untouched run.
    """

    strikes: list[Struck] = field(default_factory=list)
    starts: int = 0
    named_after_s: list[int] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def note(self, kind: str, number: int, began: float) -> None:
        self.strikes.append(Struck(kind, number * SAVE_EVERY, round(time.monotonic() - began, 1)))

    def to_json(self) -> dict[str, Any]:
        return {
            "strikes": [vars(struck) for struck in self.strikes],
            "starts": self.starts,
            "hangs_named": len(self.named_after_s),
            "named_after_s": self.named_after_s,
            "different": self.different,
            "passed": not self.different,
        }


def run(loaded: Loaded, wanted: Mapping[str, int], *, processes: int, as_json: bool, quiet: bool) -> int:
    """wanted: how many strikes of each kind. Prints the table; returns the exit code. Raises UserError."""
    check()
    on_cpu = len(gpus.visible()) < processes
    draw = random.Random(loaded.config.seed)
    order = [kind for kind, count in wanted.items() for _ in range(count)]
    draw.shuffle(order)
    config = shortened(loaded.config, len(order), processes)
    if not quiet:
        console.print(f"{len(order)} strikes at a training of {config.max_steps} updates", markup=False)
    with tempfile.TemporaryDirectory(prefix="sentiment-ft-chaos-") as temporary:
        folder = Path(temporary)
        (folder / "recipe.yaml").write_text(dump(config), encoding="utf-8")
        drill = Drill(folder, processes, on_cpu=on_cpu, tracked="tracker" in order, quiet=quiet)
        untouched = drill.train("untouched")
        report = drill.strike(order, draw)
        report.different = differences(untouched, folder / "struck")
    if as_json:
        print(json.dumps(report.to_json(), indent=2), file=standard_output())
    else:
        results.print(table(report))
        verdict = "the same bits as untouched" if not report.different else f"DIFFERENT: {', '.join(report.different)}"
        results.print(Text(verdict, style="bold"))
    return EXIT_TRAINING if report.different else EXIT_DONE


def shortened(config: Config, strikes: int, processes: int) -> Config:
    """Short updates, a checkpoint every few of them, and enough for all strikes."""
    updates = UPDATES_A_STRIKE * max(1, strikes)
    global_batch = config.global_batch_size or config.per_device_batch_size * (config.gradient_accumulation_steps or 1)
    rows = min(config.per_device_batch_size, max(1, global_batch // processes))
    return config.model_copy(
        update={
            "run_name": None,
            "test": None,
            "report_to": "none",
            "max_length": min(config.max_length, 32),
            "max_validation_samples": min(64, config.max_validation_samples or 64),
            "per_device_batch_size": rows,
            "gradient_accumulation_steps": None,
            "global_batch_size": rows * processes,
            "max_steps": updates,
            "warmup_steps": 2,
            "warmup_ratio": None,
            "eval_steps": 50,
            "logging_steps": 7,
            "early_stopping_patience": None,
            "bootstrap_samples": 100,
            "save_steps": SAVE_EVERY,
            "save_total_limit": 2,
        }
    )


@dataclass
class Drill:
    """Runs of the recipe in `folder`."""

    folder: Path
    processes: int
    on_cpu: bool
    tracked: bool
    quiet: bool

    def train(self, name: str) -> Path:
        """To its end, untouched. Raises UserError when it fails."""
        with self.started(name, [], tracked=False) as process:
            code = process.wait()
        if code != 0:
            raise UserError(f"the untouched training ended with exit code {code}\n{self._said(name)}", where="chaos")
        return self.folder / name

    def strike(self, order: list[str], draw: random.Random) -> Report:
        """Train `struck` under all strikes. Raises UserError where it does not recover."""
        report, left, run = Report(), list(order), self.folder / "struck"
        open_since: tuple[str, int, float] | None = None  # a strike after which this start is the recovery
        code, hangs = -1, 0
        while code != 0:
            with self.started("struck", ["--resume", "auto"], tracked=self.tracked) as process:
                target = Target(psutil.Process(process.pid))
                while left and self._wait_for(newest_number(run) + 1, run, process):
                    if open_since is not None:
                        report.note(*open_since)
                        open_since = None
                    began = time.monotonic()
                    if not self._wait_for(newest_number(run) + 1, run, process):
                        break
                    between_s = time.monotonic() - began
                    time.sleep(draw.random() * between_s)
                    kind, number, began = left.pop(0), newest_number(run), time.monotonic()
                    self._say(f"{kind}, after checkpoint {number}")
                    self._strike(kind, target, draw, between_s)
                    if kind in RESTARTS_BY_HAND:
                        open_since = (kind, number, began)
                        break
                    if kind == HANG:
                        hangs += 1
                        self._wait_until_named(hangs)
                    self._wait_for(newest_number(run) + 2, run, process)  # one may have been on its way
                    report.note(kind, number, began)
                code = process.wait()
            if code not in (0, EXIT_PREEMPTED, -signal.SIGKILL):
                raise UserError(f"the training ended with exit code {code}\n{self._said('struck')}", where="chaos")
            report.starts += 1
        if left:
            raise UserError(f"the training ended before {len(left)} of the strikes", where="chaos")
        if open_since is not None:
            report.note(*open_since)
        report.named_after_s = self._named_after_s()
        return report

    def _strike(self, kind: str, target: Target, draw: random.Random, between_s: float) -> None:
        """between_s: seconds from one checkpoint to the next."""
        if kind != FULL_DISK:
            STRIKES[kind](target, draw)
            return
        with full_disk(target):
            time.sleep(SAVES_ON_A_FULL_DISK * between_s)

    def _named_after_s(self) -> list[int]:
        """Seconds that each process had stood still when the watchdog named it and had ended all."""
        said = (self.folder / "struck.log").read_text("utf-8", "replace").rpartition("are ended")[0]
        return [int(seconds) for seconds in re.findall(r"\(SIGSTOP\) for (\d+) s", said)]

    def _wait_until_named(self, hangs: int) -> None:
        deadline = time.monotonic() + SECONDS_OF_SILENCE
        while len(self._named_after_s()) < hangs:
            if time.monotonic() > deadline:
                raise UserError(f"a hang was not told for {SECONDS_OF_SILENCE:.0f} s", where="chaos")
            time.sleep(0.1)

    def _wait_for(self, number: int, run: Path, process: subprocess.Popen[str]) -> bool:
        """Until there is the checkpoint of that number, or a later one; False when the run ends first."""
        deadline = time.monotonic() + SECONDS_OF_SILENCE
        while newest_number(run) < number:
            if process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise UserError(f"no checkpoint for {SECONDS_OF_SILENCE:.0f} s\n{self._said('struck')}", where="chaos")
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return True

    @contextlib.contextmanager
    def started(self, name: str, more: list[str], *, tracked: bool) -> Iterator[subprocess.Popen[str]]:
        """A training under `launch`; it and all it started are gone after the block."""
        topology = "cpu_2proc" if self.on_cpu else "multi_gpu_bf16"
        topology = "single_process" if self.processes == 1 else topology
        argv = [sys.executable, "-m", "sentiment_ft", "launch", "--quiet", "--topology", topology]
        argv += ["--processes", str(self.processes), "--max-restarts", "1000", "--"]
        argv += ["--recipe", str(self.folder / "recipe.yaml"), "--output", str(self.folder / name), "--quiet", *more]
        variables = environment(on_cpu=self.on_cpu) | {
            "TMPDIR": str(self.folder)
        }  # what killed ones leave goes with it
        if tracked:
            argv += ["-o", "report_to=wandb"]
            variables["WANDB_MODE"] = "offline"
        with (self.folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                argv, env=variables, process_group=0, stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    Target(psutil.Process(process.pid)).end()
                process.wait()

    def _say(self, text: str) -> None:
        if not self.quiet:
            console.print(text, markup=False)

    def _said(self, name: str) -> str:
        lines = (self.folder / f"{name}.log").read_text("utf-8", "replace").splitlines()[-8:]
        return "\n".join(printable(line, 300) for line in lines)


def differences(untouched: Path, struck: Path) -> list[str]:
    """Names of records, weights, optimizer states, random numbers and predictions that are not the same to the bit."""
    different = []
    if _records(untouched) != _records(struck):
        different.append("metrics.jsonl")
    if (untouched / "predictions.jsonl").read_bytes() != (struck / "predictions.jsonl").read_bytes():
        different.append("predictions.jsonl")
    files = ("checkpoints/*/model.safetensors", "checkpoints/*/training.safetensors", "best/model.safetensors")
    for pattern in files:
        one, other = (max(folder.glob(pattern)) for folder in (untouched, struck))
        different += [f"{one.name}: {name}" for name in _tensors(one, other)]
    return different


def _records(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    kept = [line for line in lines if line["event"] in ("train", "eval", "skipped")]
    return [{key: value for key, value in line.items() if not key.endswith(TIMES)} for line in kept]


def _tensors(one: Path, other: Path) -> list[str]:
    """Names of tensors that are not in both with the same bytes."""
    with safe_open(one, "np") as first, safe_open(other, "np") as second:
        names = sorted({*first.keys(), *second.keys()})
        both = set(first.keys()) & set(second.keys())
        return [
            name
            for name in names
            if name not in both or first.get_tensor(name).tobytes() != second.get_tensor(name).tobytes()
        ]


def table(report: Report) -> Table:
    """One line a kind of strike."""
    shown = Table(title=Text("strikes"), title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("strike", "times", "recovered", "seconds until saved again, mean and longest"):
        shown.add_column(name)
    counted = Counter(struck.kind for struck in report.strikes)
    for kind, count in counted.items():
        seconds = [struck.recovered_s for struck in report.strikes if struck.kind == kind]
        shown.add_row(kind, str(count), str(count), f"{sum(seconds) / count:.1f}, {max(seconds):.1f}")
    return shown
