"""One run on Weights & Biases: opened under its own id, filled from the record, closed with tables and curves."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sentiment_ft.config import Config
from sentiment_ft.errors import EXIT_BUG, UserError
from sentiment_ft.run.environment import masked
from sentiment_ft.terminal import printable
from sentiment_ft.track import wandb_api, wandb_offline
from sentiment_ft.track.mirror import Record
from sentiment_ft.track.rows import (
    AXIS,
    EVENTS,
    ON_AXIS,
    PLACE,
    ROW_EVENT,
    Places,
    Position,
    position,
    row,
    row_without_record,
)
from sentiment_ft.track.tracked import Tracked
from sentiment_ft.track.wandb_api import what_is_wrong, without_login

DEFAULT_PROJECT = "sentiment-ft"
MOST_BINS = 512  # of a histogram, for W&B
INIT_TIMEOUT_S = 8.0  # W&B waits for 90 s
FLUSH_S = 1  # what a SIGKILL may cost W&B's own file; its own is 15 s
DERIVED = (  # what the plan has in place of null, and more
    "mixed_precision", "gradient_accumulation_steps", "global_batch_size", "processes", "warmup_updates",
    "total_updates", "parameters", "rows", "device",
)  # fmt: skip
SECONDS_TO_ARRIVE = (0.0, 0.5, 1.5)  # between looks whether the server has what it took
_staged: dict[str, str] = {}


@dataclass(frozen=True)
class Described:
    """What W&B is told of a run when it is opened. details: beside the config. lengths: (edges, rows between them)."""

    folder: Path
    config: Config
    details: dict[str, Any] = field(default_factory=dict)
    lengths: tuple[list[float], list[int]] | None = None


def describe(folder: Path, config: Config) -> Described:
    """By what the run has written to its folder before its first update; what is lost of that is left out."""
    plan, environment = read_mapping(folder / "plan.json"), read_mapping(folder / "environment.json")
    derived = {key: plan[key] for key in DERIVED if plan.get(key) is not None}
    origins, lengths = {}, None
    with contextlib.suppress(TypeError, LookupError, AttributeError, ValueError, OverflowError):
        origins = {key: str(entry["origin"]) for key, entry in plan["config"].items()}
        histogram = plan["lengths"]["histogram"]
        edges, rows = [float(edge) for edge in histogram["edges"]], [int(rows) for rows in histogram["rows"]]
        lengths = (edges, rows) if len(edges) == len(rows) + 1 <= MOST_BINS else None
    return Described(folder, config, derived | {"origins": origins, "environment": environment}, lengths)


def read_mapping(path: Path) -> dict[str, Any]:
    """What a JSON file of a run holds; empty where that is none or cannot be read."""
    try:
        found = json.loads(path.read_text("utf-8")) if path.is_file() else {}  # a pipe would be waited for
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class NotTaken(Exception):
    """W&B has not taken all of the run in the time it was given."""


class Refused(Exception):
    """There is no key, or W&B does not take it, the project or the entity: to ask again is of no use."""


class Unusable(Refused):
    """wandb's own settings cannot be."""


class Link:
    """An open run; every method may raise what wandb raises. is_new: W&B has no row of it."""

    def __init__(self, run: Any, at: Position, *, is_new: bool) -> None:
        self._run = run
        self._sent = False
        self._at = at
        self._newest = dict(at)
        self._places = Places()
        self._axis = int(max((at.get(event, 0) for event in ON_AXIS), default=0))
        self.is_new = is_new

    @property
    def tracked(self) -> Tracked:
        """As it stands, to be written down."""
        run = self._run
        if run.offline:
            return Tracked(run.id, run.project, run.entity or None, "offline")
        return Tracked(run.id, run.project, run.entity or None, "online", without_login(run.url))

    def send(self, records: Iterable[Record]) -> None:
        """Those that W&B lacks. Asked in the order of the records, from the first on. What a resumed run trains again
        has the same numbers, and W&B cannot take back a row: it keeps the first.
        """
        for record in records:
            event, place = record["event"], self._places.of(record)
            if place is not None and place > self._at.get(event, -1):
                self._axis = max(self._axis, record["update"]) if event in ON_AXIS else self._axis
                self._newest[event] = place
                self._log(row(record, self._axis, self._newest))

    def show(self, values: dict[str, Any]) -> None:
        """One row of pictures, tables and numbers, at the newest update."""
        self._log(row_without_record(values, self._axis, self._newest))

    @property
    def run(self) -> Any:
        """wandb's own, for summary and artifacts."""
        return self._run

    def finish(self, code: int, *, preempted: bool = False) -> None:
        """Wait until W&B has all, as long as it was opened for. Raises NotTaken."""
        if preempted:
            self._run.mark_preempting()
        try:
            self._run.finish(exit_code=code)
        except TimeoutError as error:
            raise NotTaken(str(error)) from None
        if self._sent and not self._run.offline:
            self._see_that_it_is_there()

    def _log(self, values: dict[str, Any]) -> None:
        self._run.log(values)
        self._sent = True

    def _see_that_it_is_there(self) -> None:
        """wandb drops the rows that a server refuses (HTTP 403, 404, 413), and says nothing."""
        for pause in SECONDS_TO_ARRIVE:
            time.sleep(pause)
            newest = _newest_row(self._run)
            if newest and _is_reached(self._newest, position(newest)):
                return
        raise NotTaken("the server has not kept the rows it was sent")

    def see_that_it_goes_to(self, end: Position) -> None:
        """What was sent another way is there, or nothing of it; else the next rows would be sent twice. Raises
        NotTaken.
        """
        if not self.is_new and not _is_reached(end, self._at):
            raise NotTaken("the server does not show all rows yet that it was sent")


def connect(
    described: Described, known: Tracked, *, mode: str | None, finish_timeout_s: float, stop: Callable[[], None] | None
) -> Link:
    """Open the run of this id, a new one or one that goes on: where it was before, whatever the settings say now. mode:
    None as W&B's settings say. stop: called when somebody stops the run on its page; None: this is not the process that
    trains, so that its command line and machine are not those of the run. Raises Refused; what wandb raises when a
    server does not answer within INIT_TIMEOUT_S.
    """
    prepare_environment(described.folder, known.id)
    sys.argv = [*sys.argv[:1], *masked(sys.argv[1:])]  # wandb sends it as it stands; it has been read long ago
    try:
        return _connect(described, known, mode=mode, finish_timeout_s=finish_timeout_s, stop=stop)
    except (ValidationError, UnicodeError) as error:  # a variable, or the name of the folder, that cannot be
        raise Unusable(words(error)) from None


def _connect(
    described: Described, known: Tracked, *, mode: str | None, finish_timeout_s: float, stop: Callable[[], None] | None
) -> Link:
    import wandb

    config = described.config
    settings = wandb.Settings(
        console="off", silent=True, init_timeout=INIT_TIMEOUT_S, finish_timeout=finish_timeout_s,
        finish_timeout_raises=True, x_transaction_log_flush_interval=FLUSH_S,
        # A function of its own: wandb copies its settings deeply, and a method takes its object along.
        stop_fn=(lambda: stop()) if stop is not None else (lambda: None),
        x_disable_meta=stop is None, x_disable_stats=stop is None,
    )  # fmt: skip
    wandb.setup(settings=settings)  # silent from its first word on
    given = os.environ.get
    try:
        run = wandb.init(
            id=known.id, resume="allow", dir=str(described.folder), name=given("WANDB_NAME") or described.folder.name,
            mode=mode,  # type: ignore[arg-type]  # one of the words of `wandb_mode`
            project=known.project or project(config), entity=known.entity or config.wandb_entity,
            group=config.wandb_group, job_type=config.wandb_job_type or given("WANDB_JOB_TYPE") or "train",
            tags=config.wandb_tags or None, notes=config.wandb_notes,
            config=config.model_dump(mode="json") | described.details, allow_val_change=True, settings=settings,
        )  # fmt: skip
    except (ValidationError, UnicodeError):
        raise
    except (wandb.errors.Error, ValueError) as error:
        account = wandb.errors.UsageError | wandb.errors.AuthenticationError | ValueError
        if isinstance(error, account) or _is_refused(str(error)):
            raise Refused(words(error).removeprefix(f"{type(error).__name__}: ").rstrip(". ")) from None
        raise
    try:
        newest = _listed_row(run) if run.resumed and not run.offline else {}
        earlier = wandb_offline.earlier(described.folder, known.id, run.dir) if run.offline else position(newest)
    except Exception:
        with contextlib.suppress(Exception):  # left open, its threads end in tracebacks
            run.finish(exit_code=EXIT_BUG)
        raise
    run.define_metric(AXIS, hidden=True)
    run.define_metric("*", step_metric=AXIS)
    for column in (*(f"{PLACE}{event}" for event in EVENTS), ROW_EVENT):
        run.define_metric(column, hidden=True, step_metric=AXIS)
    return Link(run, earlier, is_new=not newest and not earlier)


def project(config: Config) -> str:
    return config.wandb_project or os.environ.get("WANDB_PROJECT") or DEFAULT_PROJECT


def prepare_environment(folder: Path, id: str) -> None:
    """What is staged for a later sync stays with the run, not in a cache of this machine's user. Variables by which W&B
    would write the key to its logs, use another process's service or take another run's id are dropped.
    """
    for name in ("WANDB_DEBUG", "WANDB_CORE_DEBUG", "WANDB_SERVICE", "WANDB_RUN_ID"):
        os.environ.pop(name, None)
    if os.environ.get("WANDB_SWEEP_ID"):  # then wandb takes the id from there alone
        os.environ["WANDB_RUN_ID"] = id
    # Else wandb asks the server for more at its exit: with one that hangs, 12 s after the last word.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    for name in ("WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR", "WANDB_CACHE_DIR"):
        if os.environ.get(name) in (None, _staged.get(name)):  # not where the user wants it elsewhere
            _staged[name] = os.environ[name] = str((folder / "wandb" / "data").absolute())


def words(error: BaseException) -> str:
    """What wandb says, on one line and without a key."""
    if isinstance(error, UserError):
        return printable(f"{error.where}: {error.what}", 200)
    return printable(f"{type(error).__name__}: {what_is_wrong(error)}".removesuffix(": "), 200)


def _is_refused(said: str) -> bool:
    return re.search(r"\berror 40[0134]\b", said) is not None


def _is_reached(end: Position, at: Position) -> bool:
    """Whether all that goes to `end` is in what goes to `at`."""
    return all(at.get(event, -1) >= place for event, place in end.items())


def _listed_row(run: Any) -> dict[str, Any]:
    """The newest row of a run that the server knows: one that it has just got it may show a moment later."""
    for pause in SECONDS_TO_ARRIVE:
        time.sleep(pause)
        if newest := _newest_row(run):
            return newest
    return {}


def _newest_row(run: Any) -> dict[str, Any]:
    """Of ours, that the server has; empty where it has none. It says where they end. Not the summary: wandb-core sends
    that of a row before the row, at times in another request (7 of 115), and with more than 10 MB waiting long after.
    """
    rows, summary = wandb_api.connect(int(INIT_TIMEOUT_S)).end_of_run(run.entity, run.project, run.id)
    ours = [row for row in rows if ROW_EVENT in row]
    if rows and not ours and ROW_EVENT in summary:  # the newest are somebody else's, added to the run
        return summary
    return ours[-1] if ours else {}
