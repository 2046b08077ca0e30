"""Many strikes at a real training in minutes: what it imports is imported once, each attempt is a fork of that.

A start takes some ten seconds, nearly all of them imports. The attempts are processes of their own, with their own run
of the `train` verb; nothing of one is left to the next but what is on the disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sentiment_ft.proof.strikes import newest_number
from sentiment_ft.run import checkpoint

SECONDS_OF_SILENCE = 120.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """code: -n for a signal n. saved: update of the newest whole checkpoint afterwards; recorded: of the last record.
    seconds: from the signal to the end.
    """

    code: int
    saved: int
    recorded: int
    seconds: float


def strike(
    train: Callable[[Sequence[str]], int], arguments: Sequence[str], run: Path, number: int, times: int, seed: int
) -> list[Attempt]:
    """Send the signal `number` to `times` attempts of the training in `run`, each at a random moment after its first
    checkpoint, up to one and a half times that between two; then let one come to its end. train: the verb, returns its
    exit code; called in forks only.
    """
    draw, found, between_s = random.Random(seed), [], None
    for _ in range(times):
        before = newest_number(run)
        pid = _start(train, [*arguments, "--output", str(run), "--resume", "auto"], run)
        _wait_for(before + 1, run, pid)
        if between_s is None:
            began = time.monotonic()
            _wait_for(before + 3, run, pid)
            between_s = (time.monotonic() - began) / 2
        time.sleep(draw.random() * draw.choice([0.1, 0.5, 1.5]) * between_s)
        began = time.monotonic()
        os.kill(pid, number)
        found.append(_ended(pid, run, began))
    pid = _start(train, [*arguments, "--output", str(run), "--resume", "auto"], run)
    found.append(_ended(pid, run, time.monotonic()))
    return found


def _start(train: Callable[[Sequence[str]], int], arguments: Sequence[str], run: Path) -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        with run.with_suffix(".log").open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        code = train(arguments)
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _wait_for(number: int, run: Path, pid: int) -> None:
    deadline = time.monotonic() + SECONDS_OF_SILENCE
    while newest_number(run) < number:
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended or time.monotonic() > deadline:
            raise RuntimeError(f"no checkpoint; see {run.with_suffix('.log')}")
        time.sleep(0.002)


def _ended(pid: int, run: Path, began: float) -> Attempt:
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - began
    newest = checkpoint.newest(run / "checkpoints", lambda damaged: None)
    return Attempt(os.waitstatus_to_exitcode(status), 0 if newest is None else newest.update, _recorded(run), seconds)


def _recorded(run: Path) -> int:
    """Update of the last whole record of training."""
    updates = [0]
    for line in (run / "metrics.jsonl").read_text("utf-8").splitlines():
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            updates += [record["update"]] if record["event"] == "train" else []
    return updates[-1]


def main() -> None:
    """forked.py RUN SIGNAL TIMES SEED -- TRAIN OPTIONS: the attempts as JSON."""
    split = sys.argv.index("--")
    run, number, times, seed = sys.argv[1:split]
    import transformers

    from sentiment_ft import train as _train  # noqa: F401 - this and the model: imported once for all attempts
    from sentiment_ft.cli.training import train

    transformers.BertForSequenceClassification  # noqa: B018 - imported when it is asked for

    def verb(arguments: Sequence[str]) -> int:
        try:
            train(list(arguments), prog_name="train")
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    found = strike(verb, sys.argv[split + 1 :], Path(run), signal.Signals[number], int(times), int(seed))
    print(json.dumps([asdict(attempt) for attempt in found]))


if __name__ == "__main__":
    main()
