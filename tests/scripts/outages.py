"""Trainings whose W&B server or process fails at a random moment: OUTAGES SEED. Says what became of each, as JSON.

Of each: no stop (exit code 0), no number missing in metrics.jsonl, how long the run waited for W&B after its last file,
and whether a sync afterwards leaves each record on the server once.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.launched import alone
from tests.mirrored import service_of, sync, variables_of
from tests.tiny import write_model, write_reviews
from tests.wandb_server import Server, serving

UPDATES = 60
OPTIONS = (
    f"--batch 4 --precision fp32 -o test=null -o max_length=32 -o bootstrap_samples=100 -o logging_steps=1 "
    f"-o eval_steps=30 -o save_steps=20 -o max_steps={UPDATES} --report-to wandb -q"
).split()
AT_THE_START = ("refused", "black hole", "500", "drop")
IN_MID_RUN = ("black hole", "500", "drop", "slow", "gone", "service killed", "service stopped")


def strike(fault: str, server: Server, process: subprocess.Popen[str]) -> None:
    if fault.startswith("service"):
        with suppress(psutil.Error):
            if (service := service_of(process)) is not None:
                service.send_signal(signal.SIGKILL if fault == "service killed" else signal.SIGSTOP)
    elif fault in ("gone", "refused"):
        server.shutdown()
        server.server_close()
    else:
        server.fault = fault


def lines_of(run: Path) -> list[dict[str, Any]]:
    with suppress(OSError, ValueError):
        return [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return []


def outage(folder: Path, name: str, draw: random.Random) -> dict[str, Any]:
    at_start = draw.random() < 0.35
    fault = draw.choice(AT_THE_START if at_start else IN_MID_RUN)
    moment = 0 if at_start else draw.randint(1, UPDATES)
    run = folder / name
    given = [*OPTIONS, "--data", str(folder / "reviews.jsonl"), "--model", str(folder / "model"), "--output", str(run)]
    argv = alone("sentiment_ft", "train", *given)
    said: dict[str, Any] = {"fault": fault, "at": moment}
    with serving() as server:
        variables = variables_of(run, SENTIMENT_FT_CACHE=str(folder / "cache"), **server.variables())
        if at_start:
            strike(fault, server, subprocess.Popen(["true"], text=True))
        process = subprocess.Popen(
            argv, env=variables, cwd=folder, text=True, stderr=subprocess.PIPE, start_new_session=True
        )
        waiting = not at_start
        while process.poll() is None:
            if waiting and len([line for line in lines_of(run) if line["event"] == "train"]) >= moment:
                if fault.startswith("service"):
                    time.sleep(1.0)  # wandb's start takes a second
                strike(fault, server, process)
                waiting = False
            time.sleep(0.005)
        ended = time.time()
        errors = process.stderr.read() if process.stderr else ""
        with suppress(OSError):
            said["waited_s"] = round(ended - (run / "summary.json").stat().st_mtime, 2)
        server.fault = None
        trained = [line["update"] for line in lines_of(run) if line["event"] == "train"]
        said |= {"code": process.returncode, "missing": UPDATES - len(set(trained)), "traceback": "Traceback" in errors}
        if fault in ("gone", "refused"):
            with serving(into=server) as again:
                said |= synced(run, again)
        else:
            said |= synced(run, server)
    return said


def synced(run: Path, server: Server) -> dict[str, Any]:
    done = sync(run, **server.variables())
    if done.returncode:
        return {"sync": done.returncode, "whole": False, "said": done.stderr[-300:]}
    (id,) = server.runs
    whole = server.rewritten == []
    for event in ("train", "eval", "checkpoint"):
        there = [row[f"place/{event}"] for row in server.history(id) if row["row/event"] == event]
        whole &= there == [line["update"] for line in lines_of(run) if line["event"] == event]
    return {"sync": 0, "whole": whole}


def main(count: int, seed: int) -> None:
    draw = random.Random(seed)
    outages = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_model(folder / "model")
        write_reviews(folder / "reviews.jsonl", 400)
        for number in range(count):
            outages.append(outage(folder, f"run-{number}", draw))
            print(json.dumps(outages[-1]), flush=True)
    summary = {
        "outages": count,
        "kinds": dict(Counter(one["fault"] for one in outages)),
        "stops": sum(one["code"] != 0 for one in outages),
        "numbers_missing": sum(one["missing"] for one in outages),
        "longest_wait_s": max(one["waited_s"] for one in outages),
        "whole_after_sync": sum(one["whole"] for one in outages),
        "tracebacks": sum(one["traceback"] for one in outages),
    }
    print(json.dumps(summary), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
