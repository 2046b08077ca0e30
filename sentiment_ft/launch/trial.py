"""One trial of a sweep: a `sentiment-ft train` of its own, in a folder of its own, under the run id W&B gave it."""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentiment_ft.errors import EXIT_PREEMPTED
from sentiment_ft.launch.sweep_server import Place
from sentiment_ft.launch.sweep_values import FIXED, as_overrides
from sentiment_ft.terminal import ended_by

MAX_SUMMARY = 2**24
# Of another run or another process, should this one be started by one.
NOT_OURS = ("WANDB_SERVICE", "WANDB_RUN_ID", "WANDB_NAME", "WANDB_RESUME", "WANDB_SWEEP_PARAM_PATH", "WANDB_DIR")


@dataclass(frozen=True, slots=True)
class Plan:
    """What all trials of a sweep share. score: of judge/scores.py, by which they are compared."""

    recipe: str
    overrides: tuple[str, ...]
    place: Place
    score: str
    lower: bool

    def folder(self, run_id: str) -> Path:
        return Path("runs") / f"sweep-{self.place.sweep}" / run_id

    def argv(self, run_id: str, values: Mapping[str, Any]) -> list[str]:
        """A list for exec: nothing of it is read by a shell. --resume auto: W&B gives a preempted trial out again."""
        words = [sys.executable, "-m", "sentiment_ft", "train", "--recipe", self.recipe]
        for override in (*self.overrides, *as_overrides(values), *FIXED):
            words += ["-o", override]
        return [*words, "--output", str(self.folder(run_id)), "--resume", "auto", "--quiet"]

    def again(self, values: Mapping[str, Any]) -> str:
        """The command that trains with these values, for a shell."""
        words = ["sentiment-ft", "train", "--recipe", self.recipe]
        for override in (*self.overrides, *as_overrides(values)):
            words += ["-o", override]
        return shlex.join(words)

    def join(self, count: int | None = None) -> str:
        """The command of another agent of this sweep, or of this one once it was stopped: without its recipe and
        overrides it would train something else under the same sweep. count: of trials.
        """
        place = self.place
        words = ["sentiment-ft", "sweep", "--sweep-id", place.sweep, "--entity", place.entity]
        words += ["--project", place.project, "--recipe", self.recipe]
        for override in self.overrides:
            words += ["-o", override]
        return shlex.join(words + (["--count", str(count)] if count else []))

    def environment(self, run_id: str, given: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Where wandb.init finds the run that the agent was given."""
        kept = {name: value for name, value in given.items() if name not in NOT_OURS}
        return kept | {
            "WANDB_RUN_ID": run_id,
            "WANDB_SWEEP_ID": self.place.sweep,
            "WANDB_PROJECT": self.place.project,
            "WANDB_ENTITY": self.place.entity,
        }

    def start(self, run_id: str, values: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        """In a process group of its own: a Ctrl-C reaches it once, through the agent."""
        return subprocess.Popen(
            self.argv(run_id, values), env=self.environment(run_id), stdin=subprocess.DEVNULL, process_group=0
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """code: of the process; negative for a signal. value: of the score that trials are compared by; None without."""

    run_id: str
    values: Mapping[str, Any]
    folder: Path
    code: int
    value: float | None

    @property
    def failed(self) -> bool:
        return self.code not in (0, EXIT_PREEMPTED)

    def how(self) -> str:
        if self.code == 0:
            return "done"
        if self.code == EXIT_PREEMPTED:
            return "stopped, saved"
        return ended_by(-self.code) if self.code < 0 else f"failed ({self.code})"


def outcome(plan: Plan, run_id: str, values: Mapping[str, Any], code: int) -> Outcome:
    """What a trial has left."""
    folder = plan.folder(run_id)
    return Outcome(run_id, values, folder, code, _score(folder / "summary.json", plan.score) if code == 0 else None)


def best(outcomes: Sequence[Outcome], *, lower: bool) -> Outcome | None:
    """The best of those that were judged; of equal ones the first."""
    judged = [found for found in outcomes if found.value is not None]
    return (min if lower else max)(judged, key=lambda found: found.value or 0.0) if judged else None


def _score(summary: Path, score: str) -> float | None:
    """Of the best model on the validation rows."""
    try:
        with summary.open(encoding="utf-8") as file:
            value = json.loads(file.read(MAX_SUMMARY))["best"]["scores"][score]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
