"""`sentiment-ft sync`: send to Weights & Biases what it does not have yet of runs that have ended.

metrics.jsonl is the truth: W&B is asked where it stands, and gets what comes after that. Whatever was lost on the way,
by a dead server, a killed process or no account, is in the run folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sentiment_ft.errors import ModelError
from sentiment_ft.run.folder import check_idle, config_of
from sentiment_ft.terminal import console, printable
from sentiment_ft.track import tracked as tracking
from sentiment_ft.track import wandb_run
from sentiment_ft.track.record import read_records
from sentiment_ft.track.tracked import Tracked
from sentiment_ft.track.wandb_run import Described, Refused
from sentiment_ft.track.wandb_views import close_views, open_views

FINISH_S = 300.0  # nothing waits for it but the user, who can press Ctrl-C: it goes on where it was


def run(names: Sequence[str], *, quiet: bool) -> None:
    """names: run folders; none: those under runs/ that W&B has not all of. Raises UserError for the first that cannot
    be sent; those before it are sent.
    """
    folders = [config_of(name, "RUN").parent for name in names] or left(Path("runs"))
    if not folders and not quiet:
        console.print("nothing to send: W&B has all of the runs under runs/ that it was told of", markup=False)
    for folder in folders:
        check_idle(folder)
        records, url = send(folder)
        if not quiet:
            name = printable(str(folder), 200)
            console.print(f"{name}: W&B has all {records:,} records: {printable(url, 4096)}", markup=False)


def left(runs: Path) -> list[Path]:
    """Run folders of which W&B has been told, but not all, the oldest first."""
    found = []
    for path in runs.glob("*/config.yaml"):
        known = tracking.read(path.parent)
        if known is not None and not known.complete:
            found.append((path.stat().st_mtime_ns, path.parent))
    return [folder for _, folder in sorted(found)]


def send(folder: Path) -> tuple[int, str]:
    """Returns how many records there are, and where to see them. Raises ConfigError, ModelError, OutputError."""
    import wandb

    described, where = wandb_run.describe(folder), printable(str(folder), 200)
    known = tracking.read(folder) or Tracked(tracking.new_id())
    tracking.write(folder, known)
    records = read_records(folder / "metrics.jsonl")
    try:
        link = wandb_run.connect(described, known.id, mode="online", finish_timeout_s=FINISH_S)
        parts = sorted((folder / "wandb").glob(f"offline-run-*-{known.id}"))
        if link.is_new and parts:  # what W&B has of them must not come twice
            link.finish(1)
            wandb.teardown()
            _send_offline_parts(described, known.id, parts)
            link = wandb_run.connect(described, known.id, mode="online", finish_timeout_s=FINISH_S)
        if link.is_new:
            open_views(link, described)
        link.send(records)
        summary = _summary(folder)
        if summary and not link.run.summary.get("finished"):
            close_views(link, described, summary)
        link.finish(0 if summary else 1)
    except Refused as refused:
        raise ModelError(f"W&B does not take it: {refused}", where=where, way_out="wandb login") from None
    except (wandb.errors.Error, OSError, TimeoutError) as error:
        way_out = "the same command later: it goes on where it was"
        raise ModelError(f"W&B does not answer: {wandb_run.words(error)}", where=where, way_out=way_out) from None
    finally:
        wandb.teardown()
    tracking.write(folder, replace(link.tracked, complete=True))
    return len(records), link.tracked.url or ""


def _send_offline_parts(described: Described, id: str, parts: Sequence[Path]) -> None:
    """By W&B's own command, which has what the record has not: measurements of the machine. parts: a folder for each
    start of the run.
    """
    command = [sys.executable, "-m", "wandb", "sync", "--id", id, "--project", wandb_run.project(described.config)]
    if described.config.wandb_entity is not None:
        command += ["--entity", described.config.wandb_entity]
    done = subprocess.run(
        [*command, *map(str, parts)], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        timeout=FINISH_S,
    )  # fmt: skip
    if done.returncode:
        raise OSError(" ".join(done.stderr.split())[-200:])


def _summary(folder: Path) -> dict[str, Any]:
    """Of a run that is done; empty for another."""
    try:
        found = json.loads((folder / "summary.json").read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}
