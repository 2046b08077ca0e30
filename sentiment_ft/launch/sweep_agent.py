"""The agent of a sweep: asks W&B for trials and runs them one after another, until there is none, or it is stopped."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from sentiment_ft.errors import EXIT_USAGE, ConfigError, TrainingError
from sentiment_ft.launch import sweep_server, sweep_values
from sentiment_ft.launch.sweep_server import Command
from sentiment_ft.launch.trial import Outcome, Plan, outcome
from sentiment_ft.terminal import console, printable
from sentiment_ft.track.wandb_api import WandbApi, WandbFault

SECONDS_BETWEEN_BEATS = 5.0  # as wandb's agent
SECONDS_WITHOUT_SERVER = 120.0  # with no trial running; while one runs it is waited for
SECONDS_TO_HEED = 60.0  # that a trial has to hear from W&B itself that it is to stop (it asks every 15 s), and to end
SECONDS_TO_SAVE = 600.0  # of a trial that was told to stop; `launch` allows as much
FAILURES_IN_A_ROW = 3  # then it is not the parameters
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)


@dataclass(slots=True)
class Agent:
    """count: trials at most; None: as many as W&B gives out. names: the parameters that the sweep has."""

    api: WandbApi
    plan: Plan
    names: frozenset[str]
    count: int | None
    outcomes: list[Outcome] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    _running: subprocess.Popen[bytes] | None = None
    _wake: threading.Event = field(default_factory=threading.Event)
    _told_to_stop_at: float | None = None
    _stopped_at: float | None = None  # by W&B
    _lost_since: float | None = None
    _failures: int = 0  # in a row
    _ended: bool = False

    def run(self) -> None:
        """Until the sweep has no trial left, `count` are done, or a signal came (`received`). Raises WandbFault for a
        server that is gone for good, TrainingError when trial after trial fails; `outcomes` has what was done.
        """
        with self._heeding():
            number = sweep_server.register(self.api, self.plan.place)
            while not (self.received or self._ended or len(self.outcomes) == self.count):
                commands = self._beat(number, None)
                trial = next((command for command in commands if command.kind in ("run", "resume")), None)
                if trial is not None:
                    self._carry_out(number, trial)
                elif any(command.kind == "exit" for command in commands):
                    return
                else:
                    self._wake.wait(SECONDS_BETWEEN_BEATS)

    def _carry_out(self, number: str, trial: Command) -> None:
        self._told_to_stop_at = self._stopped_at = None
        shown = ", ".join(f"{key}={_shown(value)}" for key, value in trial.values.items())
        console.print(f"trial {len(self.outcomes) + 1}: {trial.run_id}: {printable(shown, 500)}", markup=False)
        code = self._refused(trial.values)
        if code is None:
            code = self._train(number, trial)
        found = outcome(self.plan, trial.run_id, trial.values, code)
        self.outcomes.append(found)
        if found.failed:
            console.print(f"warning: trial {trial.run_id}: {found.how()}", markup=False)
        else:
            reached = f", best {self.plan.score} {found.value:.4f}" if found.value is not None else ""
            console.print(f"trial {trial.run_id}: {found.how()}{reached}", markup=False)
        was_told = self._told_to_stop_at is not None or self._stopped_at is not None
        self._failures = self._failures + 1 if found.failed and not was_told else 0
        if self._failures == FAILURES_IN_A_ROW and not self.received:
            raise TrainingError(
                f"{FAILURES_IN_A_ROW} trials in a row failed: it is not their parameters",
                where=f"sweep {self.plan.place.sweep}",
                way_out=f"mend what their messages say, then: {printable(self.plan.join(), 4096)}",
            )

    def _refused(self, values: Mapping[str, Any]) -> int | None:
        """The exit code for parameters that are not the sweep's, or that `train` would refuse: the server is believed
        no more than a user.
        """
        try:
            if unknown := set(values) - self.names:
                raise ConfigError(f"{printable(', '.join(sorted(unknown)), 80)}: not a parameter of the sweep")
            sweep_values.load(self.plan.recipe, self.plan.overrides, values)
        except ConfigError as error:
            console.print(f"warning: W&B's parameters are refused: {printable(error.what, 300)}", markup=False)
            return EXIT_USAGE
        return None

    def _train(self, number: str, trial: Command) -> int:
        """The exit code of the trial."""
        self._running = process = self.plan.start(trial.run_id, trial.values)
        try:
            if self.received:  # between the last look at it and the start
                self._stop()
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=SECONDS_BETWEEN_BEATS)
                if self._is_late():
                    process.kill()
                # By W&B's own word a trial ends as stopped. By a signal it would be preempted, and given out again.
                if self._stopped_at is not None and time.monotonic() - self._stopped_at > SECONDS_TO_HEED:
                    self._stop()
                for command in self._beat(number, trial.run_id):
                    if command.kind == "exit":
                        self._ended = True
                        self._stop()
                    if command.kind == "stop" and command.run_id == trial.run_id:
                        self._stopped_at = self._stopped_at or time.monotonic()
        finally:
            self._running = None
            if process.poll() is None:  # a bug of ours: nobody would wait for it
                process.kill()
                process.wait()

    def _is_late(self) -> bool:
        told = self._told_to_stop_at
        return told is not None and time.monotonic() - told > SECONDS_TO_SAVE

    def _stop(self) -> None:
        """Tell the trial to save and end."""
        if self._running is not None and self._told_to_stop_at is None:
            self._told_to_stop_at = time.monotonic()
            self._running.terminate()

    def _beat(self, number: str, running: str | None) -> list[Command]:
        """What W&B wants. While it does not answer a trial goes on; without one its silence is waited out for a while.
        Raises WandbFault after that.
        """
        try:
            commands = sweep_server.beat(self.api, number, running)
        except WandbFault as fault:
            if running is None and sweep_server.is_gone(fault):
                raise WandbFault("the sweep was deleted", where=fault.where or "", way_out="begin another") from None
            now = time.monotonic()
            if self._lost_since is None:
                console.print(f"warning: {printable(str(fault.where))}: {printable(fault.what, 200)}", markup=False)
                self._lost_since = now
            if running is not None:  # its patience begins when nothing runs
                self._lost_since = now
            if running is None and now - self._lost_since > SECONDS_WITHOUT_SERVER:
                raise
            return []
        if self._lost_since is not None:
            console.print("W&B answers again", markup=False)
            self._lost_since = None
        return commands

    @contextlib.contextmanager
    def _heeding(self) -> Iterator[None]:
        """A first signal stops the trial, which saves, and then the agent; a second one ends the trial at once."""

        def handle(number: int, frame: FrameType | None) -> None:
            self.received.append(number)
            self._wake.set()
            if len(self.received) == 1 and self._stopped_at is None:
                self._stop()
            elif len(self.received) > 1 and self._running is not None:
                self._running.kill()

        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.getsignal(number) for number in SIGNALS}
        heeded = {number: old for number, old in before.items() if old != signal.SIG_IGN}  # under nohup, say
        for number in heeded:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, old in heeded.items():
                signal.signal(number, old)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:60]
