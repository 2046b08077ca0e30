"""What a training run holds while it lives."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from sentiment_ft.config import Config
from sentiment_ft.data.overlap import Overlap
from sentiment_ft.data.prepare import Prepared
from sentiment_ft.model.average import Average, NoAverage
from sentiment_ft.run.control import Control
from sentiment_ft.run.engine import Engine
from sentiment_ft.run.saver import Saver
from sentiment_ft.run.sizes import Sizes
from sentiment_ft.track.record import NoRecorder, Recorder


@dataclass
class State:
    """What cannot be recomputed. update: applied updates; window: global batches consumed (more, when fp16 skipped
    some).
    """

    update: int = 0
    window: int = 0
    rows_seen: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    loss_scale: float = 1.0
    """What the loss is multiplied by in fp16, so that small gradients do not vanish."""
    best: tuple[float, float] | None = None
    """(metric, -log-loss) of the best model; larger is better, so log_loss as a metric stands negated."""
    best_update: int = 0
    without_better: int = 0
    """Evaluations in a row without a better metric."""
    judged: int = 0
    """The update of the newest evaluation."""

    def place(self) -> tuple[int, int]:
        """What tells two states of a run apart: an update may be saved before it is judged, and again after."""
        return self.update, self.judged


@dataclass
class Interval:
    """Running sums since the last line in metrics.jsonl; loss and gradient norm stay on the device until then."""

    loss_sum: torch.Tensor
    grad_norm: torch.Tensor
    rows: int = 0
    digest: int = 0
    """Of the rows: see batching.digest."""
    real_tokens: int = 0
    padded_tokens: int = 0
    seconds: float = 0.0

    @classmethod
    def fresh(cls, device: torch.device) -> Interval:
        dtype = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no float64
        return cls(torch.zeros((), device=device, dtype=dtype), torch.zeros((), device=device))

    def add(self, other: Interval) -> None:
        """Take in the sums of a later one."""
        self.loss_sum += other.loss_sum
        self.grad_norm = other.grad_norm
        for name in ("rows", "digest", "real_tokens", "padded_tokens", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Totals:
    """Sums over the whole run, for the summary."""

    rows: int = 0
    real_tokens: int = 0
    train_s: float = 0.0
    eval_s: float = 0.0
    wall_s: float = 0.0
    """Of earlier starts, each up to the checkpoint that the next went on from."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What a run has given up where memory was short, see ladder.py. halvings of the micro-batch; then activations that
    are computed twice instead of kept. eval_halvings: of the micro-batch of evaluations.
    """

    halvings: int = 0
    activation_checkpointing: bool = False
    eval_halvings: int = 0


@dataclass
class Run:
    """Everything the loop needs."""

    config: Config
    accelerator: Accelerator
    control: Control
    model: Any
    tokenizer: Any
    optimizer: Any
    engine: Engine
    average: Average | NoAverage
    data: Prepared
    sizes: Sizes
    parameters: int
    """Of the whole model, trained or not."""
    weights: int
    """That each token is multiplied by, see `hardware/peaks.py`."""
    peak_flops: float | None
    """Operations a second of all devices together, by their datasheets; None where that is not known."""
    precision: str
    pad_id: int
    eval_rows: int
    """Rows of one evaluation micro-batch on one process."""
    quiet: bool
    interval: Interval
    folder: Path = field(default_factory=Path)
    """The run folder, once it is created."""
    state: State = field(default_factory=State)
    totals: Totals = field(default_factory=Totals)
    recorder: Recorder | NoRecorder = field(default_factory=NoRecorder)
    started: float = field(default_factory=time.perf_counter)
    best_p_positive: NDArray[np.float64] | None = None
    """Probabilities of the validation rows by the best model."""
    last_p_positive: NDArray[np.float64] | None = None
    """The same by the model of the newest evaluation."""
    saved_at: tuple[int, int] | None = None
    """`state.place()` of the newest checkpoint taken."""
    unkept: dict[str, torch.Tensor] | None = None
    """Weights of the best model, where a full disk kept them from best/. Main process only."""
    rung: Rung = field(default_factory=Rung)
    """How far down the ladder it has come: the same in every process."""
    saver: Saver | None = None
    """Main process only."""
    changed: bool = False
    """Whether it goes on with other settings, rows or code than it began with."""
    mirror_id: str | None = None
    """Under which W&B knows the run. Main process only."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the run is made of: settings, rows, code; compared when it is resumed."""
    environment: dict[str, Any] = field(default_factory=dict)
    """The content of environment.json. Main process only."""
    overlaps: dict[str, Overlap] = field(default_factory=dict)
    """By part that judges (validation, test): how much of it training has seen. Main process only."""

    def wall_s(self) -> float:
        """Seconds since this process began, and those of earlier starts."""
        return self.totals.wall_s + time.time() - psutil.Process().create_time()

    def elapsed_s(self) -> float:
        """Seconds since the training began, and those of earlier starts: on the record they never go back."""
        return self.totals.wall_s + time.perf_counter() - self.started
