"""`sentiment-ft sync`: send to Weights & Biases what it does not have yet of runs that have ended.

metrics.jsonl is the truth: W&B is asked where it stands, and gets what comes after that. Whatever was lost on the way,
by a dead server, a killed process or no account, is in the run folder.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sentiment_ft import recipe
from sentiment_ft.errors import EXIT_BUG, EXIT_DONE, ModelError, OutputError, UserError
from sentiment_ft.run.attempts import last_code
from sentiment_ft.run.find import config_of
from sentiment_ft.run.layout import readable
from sentiment_ft.run.lock import Busy, check_idle, idle
from sentiment_ft.terminal import console, printable
from sentiment_ft.track import tracked as tracking
from sentiment_ft.track import wandb_offline, wandb_run, wandb_service
from sentiment_ft.track.mirror import Record
from sentiment_ft.track.record import read_records
from sentiment_ft.track.rows import position
from sentiment_ft.track.tracked import Tracked
from sentiment_ft.track.wandb_run import Described, Link, NotTaken, Refused, Unusable
from sentiment_ft.track.wandb_views import close_views, open_views

LATER = "the same command later: it goes on where it was"
# `wandb sync` that ends with this process, also by SIGKILL: left alone, it and the next sync would send at once.
WANDB_SYNC = """
from sentiment_ft.cli.processes import end_with_the_launcher
end_with_the_launcher()
from wandb.cli.cli import cli
cli(prog_name="wandb")
"""
FINISH_S = 300.0  # nothing waits for it but the user, who can press Ctrl-C: it goes on where it was


def run(names: Sequence[str], *, quiet: bool) -> None:
    """names: run folders; none: those under runs/ that W&B has not all of, but for runs at work. Raises UserError, for
    the last that cannot be sent; the others are, unless W&B says the same of two in a row.
    """
    found = names or [str(folder) for folder in left(Path("runs"))]
    if not found:
        _say("nothing to send: W&B has all of the runs under runs/ that it was told of", quiet)
    failed, before = None, ""  # the last that failed; what W&B said of the one before this
    for name in found:
        try:
            folder = config_of(name, "RUN").parent
            shown = printable(str(folder), 200)
            if not names and not _is_idle(folder):
                _say(f"{shown}: a run is at work there, which sends for itself", quiet)
                continue
            records, url = send(folder)
            before = ""
            _say(f"{shown}: W&B has all {records:,} records: {printable(url, 4096)}", quiet)
        except UserError as error:
            if failed is not None:
                _say(f"error: {failed}", quiet=False)
            failed = error
            said = error.what if isinstance(error, ModelError) else ""
            if said and said == before:  # no key, no server: it will be so for the next
                break
            before = said
    if failed is not None:
        raise failed


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        console.print(text, markup=False)


def left(runs: Path) -> list[Path]:
    """Run folders, and trials of sweeps, of which W&B has been told, but not all, the oldest first."""
    found = []
    if runs.is_dir():
        with readable(runs):
            os.listdir(runs)  # where that is not allowed, a pattern finds nothing
    for path in [*runs.glob("*/config.yaml"), *runs.glob("sweep-*/*/config.yaml")]:
        known = tracking.read(path.parent)
        if known is not None and not known.complete:
            found.append((path.stat().st_mtime_ns, path.parent))
    return [folder for _, folder in sorted(found)]


def send(folder: Path) -> tuple[int, str]:
    """Returns how many records there are, and where to see them. Raises ConfigError, ModelError, OutputError."""
    where = printable(str(folder), 200)
    described = wandb_run.describe(folder, recipe.load(str(folder / "config.yaml")).config)
    with tracking.alone(folder):
        check_idle(folder)  # a run that starts from here on waits with its own sending
        records = read_records(folder / "metrics.jsonl")
        known = tracking.read(folder)
        if known is None and os.path.lexists(folder / tracking.FILE):
            way_out = "its permissions; without it the run is sent as a new one"
            raise OutputError("cannot be understood", where=f"{where}/{tracking.FILE}", way_out=way_out)
        known = known or Tracked(tracking.new_id())
        tracking.write(folder, known)  # a run that starts meanwhile goes on with that id
        try:
            link, is_new = _open(described, known, records)
            whole = True
            _write_down(folder, replace(link.tracked, complete=known.complete))
            link.send(records)
            summary = wandb_run.read_mapping(folder / "summary.json")  # of a run that is done
            if summary and (is_new or not known.complete):
                whole = _try(where, lambda: close_views(link, described, summary))
            code = EXIT_DONE if summary else last_code(folder) or EXIT_BUG
            link.finish(code)  # not as preempted: it may have been stopped on its page, and would be given out again
        except Refused as refused:
            way_out = "the words of W&B" if isinstance(refused, Unusable) else "wandb login"
            raise ModelError(f"W&B: {refused}", where=where, way_out=way_out) from None
        except UserError:
            raise
        except NotTaken as error:
            raise ModelError(f"W&B has not taken all of it: {error}", where=where, way_out=LATER) from None
        except Exception as error:  # wandb's own are of many types
            said = wandb_run.words(error).replace(f" {known.id}", "")  # the same of each run, where it is the server
            raise ModelError(f"W&B does not answer: {said}", where=where, way_out=LATER) from None
        finally:
            wandb_service.leave()
        _write_down(folder, replace(link.tracked, complete=whole))
    return len(records), link.tracked.url or ""


def _open(described: Described, known: Tracked, records: Sequence[Record]) -> tuple[Link, bool]:
    """The run on W&B, with the offline parts of it where W&B has nothing, for what it has must not come twice, and
    where they hold each record once; and whether W&B had nothing before.
    """

    def connect() -> Link:
        return wandb_run.connect(described, known, mode="online", finish_timeout_s=FINISH_S, stop=None)

    link = connect()
    is_new = link.is_new
    parts = sorted((described.folder / "wandb").glob(f"offline-run-*-{known.id}")) if is_new else []
    rows = [row for part in parts for row in wandb_offline.rows_of(part)]
    if rows and wandb_offline.are_whole(rows, records):
        at = link.tracked
        link.finish(EXIT_BUG)
        wandb_service.leave()
        _send_offline_parts(at, described.folder, parts)
        link = connect()
        link.see_that_it_goes_to(position(rows[-1]))
    if link.is_new:
        _try(printable(str(described.folder), 200), lambda: open_views(link, described))
    return link, is_new


def _try(where: str, show: Callable[[], None]) -> bool:
    """A table or picture that cannot be shown costs no number. Returns whether all are. The lengths and the code, shown
    first, are not tried again: a run whose numbers are there counts as whole.
    """
    try:
        show()
        return True
    except Exception as error:
        console.print(f"warning: {where}: not all tables and pictures: {wandb_run.words(error)}", markup=False)
        return False


def _send_offline_parts(at: Tracked, folder: Path, parts: Sequence[Path]) -> None:
    """By W&B's own command, which has what the record has not: measurements of the machine. parts: a folder for each
    start of the run, also those it has sent before: W&B has nothing of the run now. Raises OSError, SubprocessError.
    """
    environment = os.environ | {"WANDB_DIR": str(folder.absolute())}  # else it makes wandb/logs in the current folder
    to = ["--id", at.id, "--project", at.project or "", "--entity", at.entity or ""]
    done = subprocess.run(
        [sys.executable, "-c", WANDB_SYNC, "sync", "--no-skip-synced", *to, *map(str, parts)], capture_output=True,
        stdin=subprocess.DEVNULL, text=True, errors="replace", timeout=FINISH_S, env=environment,
    )  # fmt: skip
    if done.returncode:
        raise OSError(done.stderr.strip().rpartition("\n")[2])


def _write_down(folder: Path, tracked: Tracked) -> None:
    """Unless a run has begun there meanwhile: what is true then it writes itself."""
    with contextlib.suppress(Busy), idle(folder):
        known = tracking.read(folder)
        if known is not None and known.id == tracked.id:
            tracking.write(folder, tracked)


def _is_idle(folder: Path) -> bool:
    try:
        check_idle(folder)
    except Busy:
        return False
    return True
