"""The Weights & Biases mirror of metrics.jsonl: a thread that sends what W&B does not have yet.

The run never waits for it. Where W&B cannot be reached it is asked again every RETRY_S; where its process dies, another
is started; what W&B lacks then is sent again, for W&B itself says where it stands. What it has not taken FINISH_S after
the end is left to `sentiment-ft sync`, which does the same from the run folder.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sentiment_ft.errors import EXIT_PREEMPTED, OutputError
from sentiment_ft.terminal import console, printable
from sentiment_ft.track import tracked as tracking
from sentiment_ft.track import wandb_run, wandb_service
from sentiment_ft.track.mirror import Record
from sentiment_ft.track.tracked import Tracked
from sentiment_ft.track.wandb_run import Described, Link, NotTaken, Refused, Unusable
from sentiment_ft.track.wandb_views import close_views, open_views

RETRY_S = 60.0
BUSY_S = 5.0  # while a `sync` sends the run
AT_ONCE_S = 0.5  # after a second Ctrl-C
FINISH_S = 7.0  # and the exit of the process: 10 s in all, on a machine at rest


class WandbMirror:
    """described: what W&B is told of the run; tracked: under which id; quiet: only troubles are said."""

    def __init__(self, described: Described, tracked: Tracked, *, quiet: bool) -> None:
        self._described, self._tracked, self._quiet = described, tracked, quiet
        self._records: list[Record] = []
        self._news = threading.Event()
        self._why = ""
        self._ending: tuple[dict[str, Any], int] | None = None
        self._warned = self._given_up = self._stopped = False
        # A daemon: whatever it waits for, the run can end.
        self._thread = threading.Thread(target=self._live, name="wandb-mirror", daemon=True)

    def begin(self, records: list[Record]) -> None:
        self._records = records
        self._write_down(self._tracked)
        self._thread.start()

    def log(self) -> None:
        self._news.set()

    def finish(self, summary: dict[str, Any], *, code: int) -> None:
        """Returns after FINISH_S at the latest."""
        self._ending = (summary, code)
        self._news.set()
        self._thread.join(FINISH_S if code != 128 + signal.SIGINT else AT_ONCE_S)
        if self._thread.is_alive():
            self._given_up = True
            wandb_service.kill()  # unblocks the thread, and the exit of this process
            self._thread.join(0.5)
        if not self._tracked.complete and self._tracked.mode == "online":
            why = "" if self._warned else self._why
            self._say(f"W&B has not taken all of the run{why}; later: {sync_command(self._described)}")

    def _live(self) -> None:
        """The thread."""
        mode, tries = self._described.config.wandb_mode, 0
        while not self._given_up:
            ended, connected, began = self._ending is not None, False, time.monotonic()
            try:
                with self._connected(mode) as link:
                    connected = True
                    self._follow(link)
                return
            except NotTaken:
                return
            except Unusable as unusable:
                self._warned = True
                self._say(f"W&B cannot start: {unusable}; metrics.jsonl has all numbers")
                return
            except Refused as refused:
                if mode == "offline":
                    self._say(f"W&B cannot start: {refused}; metrics.jsonl has all numbers")
                    return
                mode = "offline"
                self._warned = True
                self._say(f"W&B: {refused}. It is recorded offline; later: {sync_command(self._described)}")
            except Exception as error:
                self._why = f" ({wandb_run.words(error)})"
                if ended:
                    return
                busy = isinstance(error, OutputError)  # a `sync` sends the run, or the disk is full
                if not self._warned and self._ending is None:
                    self._warned = True
                    what = "is not told yet" if busy else "does not answer"
                    self._say(f"W&B {what} ({wandb_run.words(error)}); the run goes on, it is asked again")
                tries = 0 if time.monotonic() - began > RETRY_S else tries + 1
                again_s = min(RETRY_S, 2.0 ** min(tries - 1, 10)) if connected else RETRY_S
                self._rest(BUSY_S if busy else again_s)
                if self._ending is not None and not connected and not busy:
                    return

    @contextlib.contextmanager
    def _connected(self, mode: str | None) -> Iterator[Link]:
        with tracking.alone(self._described.folder):
            try:
                yield wandb_run.connect(
                    self._described, self._tracked, mode=mode, finish_timeout_s=FINISH_S - 2, stop=self._stop
                )
            finally:
                wandb_service.leave()

    def _stop(self) -> None:
        """Somebody stops the run on its page, or a sweep does, which is not to give it out again as one that was
        preempted: as SIGTERM does, once. W&B would send SIGINT, which a job in the background ignores, and which after
        another signal means at once.
        """
        if not self._stopped and self._ending is None:
            self._stopped = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def _follow(self, link: Link) -> None:
        """Send what there is and what comes, to the end of the run."""
        self._write_down(link.tracked)
        where = link.tracked.url or f"offline; later: {sync_command(self._described)}"
        if not self._quiet and not self._warned:
            console.print(f"W&B: {printable(where, 4096)}", markup=False)
        if link.is_new:
            self._show("lengths, code", lambda: open_views(link, self._described))
        sent = 0
        while True:
            self._news.clear()  # before the look: what comes after it wakes again
            ending, count = self._ending, len(self._records)
            link.send(self._records[sent:count])
            sent = count
            if ending is not None:
                break
            self._news.wait()
        summary, code = ending
        shown = True
        if summary:
            shown = self._show("tables, curves", lambda: close_views(link, self._described, summary))
        link.finish(code, preempted=code == EXIT_PREEMPTED and not self._stopped)
        self._write_down(replace(self._tracked, complete=self._tracked.mode == "online" and shown))

    def _show(self, what: str, views: Callable[[], None]) -> bool:
        """A table that W&B does not take costs no number. Returns whether all are."""
        try:
            views()
            return True
        except Exception as error:
            if not self._given_up:
                self._say(f"W&B has not all of the run's {what} ({wandb_run.words(error)})")
            return False

    def _rest(self, seconds: float) -> None:
        """Until it is time to ask again, or the run ends."""
        began = time.monotonic()
        while self._ending is None and time.monotonic() - began < seconds:
            self._news.wait(1.0)
            self._news.clear()

    def _write_down(self, tracked: Tracked) -> None:
        self._tracked = tracked
        with contextlib.suppress(OutputError):  # the disk is full: a resumed run has the id from its checkpoint
            tracking.write(self._described.folder, tracked)

    def _say(self, what: str) -> None:
        console.print(f"warning: {what}", markup=False)


def sync_command(described: Described) -> str:
    return f"sentiment-ft sync {printable(shlex.quote(str(described.folder)), 4096)}"
