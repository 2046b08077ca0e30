"""Which views a run has of its record, and what they are told of it."""

from __future__ import annotations

import contextlib
import os
import shlex
from dataclasses import replace
from importlib.util import find_spec

from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError, OutputError
from sentiment_ft.state import Run
from sentiment_ft.track import tracked as tracking
from sentiment_ft.track import wandb_api
from sentiment_ft.track.mirror import Mirror
from sentiment_ft.track.record import NoRecorder, Recorder
from sentiment_ft.track.tensorboard_mirror import TensorBoardMirror
from sentiment_ft.track.tracked import Tracked
from sentiment_ft.track.wandb_mirror import WandbMirror
from sentiment_ft.track.wandb_run import describe


def check(config: Config) -> None:
    """Raises ConfigError where a view is asked for whose package is not installed: told before any row is read."""
    for tracker in config.report_to:
        if find_spec(tracker) is None:
            raise ConfigError(f"{tracker} is not installed", where="report_to", way_out=f"pip install {tracker}")


def open_recorder(run: Run, cut_at: int | None) -> Recorder | NoRecorder:
    """cut_at: bytes of metrics.jsonl that a resumed run keeps; None for a new run. Raises OutputError.

    A run that goes on with other settings, rows or code (`--allow-changed`) is a run of its own on W&B, with all of its
    record: W&B cannot take back what it shows of the updates that are trained again.
    """
    if not run.accelerator.is_main_process:
        return NoRecorder()
    mirrors: list[Mirror] = []
    known = None if run.changed else tracking.read(run.folder)
    if not run.changed and run.mirror_id is not None and (known is None or known.id != run.mirror_id):
        # The file is lost, or of a changed run that was killed before it saved.
        known = replace(known or Tracked(run.mirror_id), id=run.mirror_id, url=None, complete=False)
    if "wandb" in run.config.report_to and not _is_disabled(run.config):
        known = replace(known or Tracked(_given_id() or tracking.new_id()), complete=False)
        mirrors.append(WandbMirror(describe(run.folder, run.config), known, quiet=run.quiet))
    elif known is None:  # the next that sends it begins a run of its own there
        with contextlib.suppress(OSError):
            (run.folder / tracking.FILE).unlink()
    else:  # tracked before, and not now: W&B lacks what comes
        with contextlib.suppress(OutputError):
            tracking.write(run.folder, replace(known, complete=False))
    run.mirror_id = None if known is None else known.id
    if "tensorboard" in run.config.report_to:
        mirrors.append(TensorBoardMirror(run.folder))
    return Recorder(
        run.folder / "metrics.jsonl", mirrors, cut_at=cut_at, place=None if cut_at is None else run.state.place()
    )


def seen_at(run: Run) -> list[tuple[str, str]]:
    """The views of a run that has ended: name, and where it is; of what W&B lacks, the command that sends it."""
    found = []
    folder = shlex.quote(str(run.folder))
    if "wandb" in run.config.report_to and (known := tracking.read(run.folder)) is not None:
        found.append(("W&B", known.url if known.complete and known.url else f"later: sentiment-ft sync {folder}"))
    if "tensorboard" in run.config.report_to:
        found.append(("TensorBoard", f"tensorboard --logdir {folder}"))
    return found


def _is_disabled(config: Config) -> bool:
    asked = config.wandb_mode or os.environ.get("WANDB_MODE")
    return asked == "disabled" or (config.wandb_mode is None and wandb_api.is_disabled())


def _given_id() -> str | None:
    """By a sweep. Elsewhere it is ignored: exported in a shell it would make one run of two."""
    given = os.environ.get("WANDB_RUN_ID", "")
    return given if tracking.is_id(given) and os.environ.get("WANDB_SWEEP_ID") else None
