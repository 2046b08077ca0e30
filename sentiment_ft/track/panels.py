"""The panels of our W&B dashboards: each says which of a run's names it shows. Workspace and report are made of them.

The names are those that the W&B mirror logs; `update` is the axis of all but the machine's own, which W&B measures by
the clock.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from sentiment_ft.errors import ModelError

Panels = list[Any]
TRAINING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("loss", ("train/loss",)),
    ("learning rate", ("train/learning_rate",)),
    ("gradient norm", ("train/grad_norm",)),
    ("loss scale (fp16)", ("train/loss_scale",)),
    ("skipped updates", ("train/skipped_updates",)),
    ("epoch", ("train/epoch",)),
)
EVALUATION: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("accuracy and its 95% interval", ("eval/accuracy", "eval/accuracy_low", "eval/accuracy_high")),
    ("log-loss (nats)", ("eval/log_loss",)),
    ("F1, precision, recall", ("eval/f1", "eval/precision", "eval/recall")),
    ("Matthews correlation", ("eval/mcc",)),
    ("ROC AUC and average precision", ("eval/roc_auc", "eval/average_precision")),
    ("calibration error", ("eval/expected_calibration_error",)),
)
PICTURES = ("confusion", "curves", "reliability")  # of plots/ in the run folder, behind `test_` for the test rows
THROUGHPUT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("rows a second", ("train/rows_per_s",)),
    ("real tokens a second", ("train/real_tokens_per_s",)),
    ("share of padding", ("train/padding_share",)),
    ("model FLOPs utilisation (known devices)", ("train/mfu",)),
    ("host memory (MiB)", ("train/host_memory_mib",)),
    ("device memory (MiB)", ("train/device_memory_mib", "train/device_reserved_mib")),
    ("seconds since the start", ("train/elapsed_s",)),
    ("a checkpoint: bytes", ("checkpoint/bytes",)),
    ("a checkpoint: seconds, and seconds held up", ("checkpoint/seconds", "checkpoint/held_up_s")),
)
# W&B's own measurements: system.cpu in what a run sends, system/cpu on its pages. GPUs are as many as there are.
SYSTEM: tuple[tuple[str, str], ...] = (
    ("CPU (%)", r"^system[/.]cpu$"),
    ("memory of the process (MB)", r"^system[/.]proc\.memory\.rssMB$"),
    ("memory of the machine (%)", r"^system[/.]memory_percent$"),
    ("GPUs: busy (%)", r"^system[/.]gpu\.\d+\.gpu$"),
    ("GPUs: memory in use (%)", r"^system[/.]gpu\.\d+\.memoryAllocated$"),
    ("GPUs: power (W)", r"^system[/.]gpu\.\d+\.powerWatts$"),
)
TEST_ACCURACY = ("test/accuracy_low", "test/accuracy", "test/accuracy_high")
# What a run was given, by the two ways to say batch and warm-up. W&B draws a run where it has a value for every column.
BY_SHARE = ("learning_rate", "per_device_batch_size", "warmup_ratio")
BY_COUNT = ("learning_rate", "global_batch_size", "warmup_steps")


def library() -> tuple[Any, Any]:
    """wandb-workspaces: (workspaces, reports.v2). Raises ModelError when it is not installed or is another one."""
    try:
        with warnings.catch_warnings():  # it is written for pydantic 1 in places, which pydantic 2 remarks upon
            warnings.simplefilter("ignore", DeprecationWarning)
            import wandb_workspaces.reports.v2 as reports
            import wandb_workspaces.workspaces as workspaces
    except ImportError as error:
        raise ModelError(
            f"the package is missing or does not fit ({error.name or 'import fails'})",
            where="wandb-workspaces",
            way_out="pip install 'wandb-workspaces>=0.4.13,<0.5'",
        ) from None
    return workspaces, reports


def stable_id(*words: str) -> str:
    """12 letters and digits that depend on the words only: the library draws new ones each time, and W&B would take an
    unchanged panel for another.
    """
    number = int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:9], "big")
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(digits[number // 36**place % 36] for place in range(12))


def named(panels: Panels, *place: str) -> Panels:
    """The panels with ids by where they stand."""
    for number, panel in enumerate(panels):
        panel._id = stable_id(*place, str(number), type(panel).__name__)
    return panels


def lines(reports: Any, group: Sequence[tuple[str, tuple[str, ...]]]) -> Panels:
    """One plot over updates for each title."""
    return [reports.LinePlot(title=title, x="update", y=list(names), title_x="update") for title, names in group]


def training(reports: Any) -> Panels:
    found = lines(reports, TRAINING)
    found[0].smoothing_type, found[0].smoothing_factor = "exponential", 0.6
    found[0].smoothing_show_original = True
    return [*found, reports.MediaBrowser(title="lengths of the rows (tokens)", media_keys=["plots/lengths"])]


def evaluation(reports: Any) -> Panels:
    return [*lines(reports, EVALUATION), *pictures(reports, "validation"), *pictures(reports, "test")]


def pictures(reports: Any, part: str) -> Panels:
    """What was drawn of one judgement. part: validation or test."""
    prefix = "" if part == "validation" else f"{part}_"
    keys = [f"plots/{prefix}{name}" for name in PICTURES]
    return [reports.MediaBrowser(title=f"{part} rows: confusion, curves, calibration", media_keys=keys)]


def errors(reports: Any, part: str) -> Panels:
    """The table of predictions."""
    return [reports.WeavePanelSummaryTable(table_name=f"{part}/predictions")]


def throughput(reports: Any) -> Panels:
    return lines(reports, THROUGHPUT)


def system(reports: Any) -> Panels:
    return [
        reports.LinePlot(title=title, x="RelativeTime(Process)", title_x="time", metric_regex=pattern)
        for title, pattern in SYSTEM
    ]


def test_accuracy(reports: Any) -> Any:
    """W&B's bar chart has no whiskers: the ends of the interval are bars of their own."""
    return reports.BarPlot(title="test accuracy and its 95% interval", metrics=list(TEST_ACCURACY))


def comparison(reports: Any) -> Panels:
    return [
        test_accuracy(reports),
        _coordinates(reports, "settings to accuracy: warm-up as a share", BY_SHARE),
        _coordinates(reports, "settings to accuracy: warm-up in updates", BY_COUNT),
        reports.RunComparer(diff_only=True),
    ]


def _coordinates(reports: Any, title: str, keys: Sequence[str]) -> Any:
    column = reports.ParallelCoordinatesPlotColumn
    settings = [column(metric=reports.Config(key), log=True if key == "learning_rate" else None) for key in keys]
    reached = column(metric=reports.SummaryMetric("eval/accuracy"), display_name="eval/accuracy")
    return reports.ParallelCoordinatesPlot(title=title, columns=[*settings, reached])


SECTIONS: tuple[tuple[str, Callable[[Any], Panels]], ...] = (
    ("Training", training),
    ("Evaluation", evaluation),
    ("Throughput and memory", throughput),
    ("System", system),
    ("Compare runs", comparison),
)
