"""What tracking on W&B costs an update: the quickstart's training with and without it, in pairs, A B B A.

python benchmarks/tracking_cost.py [--pairs 8] [--updates 100]

A server on a loopback port, in a process of its own on the same cores, takes the run; a record is logged at every
update, ten times as often as by default. Ratios of rows/s within pairs, their geometric mean and its 95% interval (t);
and how long the main thread is held up by handing over one record, and the processor
time of all threads and of wandb-core for it. Writes results/tracking-cost.json.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from record import measure, write
from scipy.stats import t as student

from sentiment_ft import recipe
from sentiment_ft.track.record import Recorder
from sentiment_ft.track.tracked import Tracked
from sentiment_ft.track.wandb_mirror import WandbMirror
from sentiment_ft.track.wandb_run import describe

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.wandb_server import serving

RECORDS = 2000
PACE_S = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--updates", type=int, default=100)
    chosen = parser.parse_args()
    mine, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    variables = mine.recv() | {"WANDB_ERROR_REPORTING": "false"}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pairs = [pair(Path(folder), number, chosen.updates, variables) for number in range(chosen.pairs)]
        os.environ.update(variables)
        handed_over, processor = hand_over(Path(folder) / "0-tracked")
    logs = [math.log(one["tracked"] / one["alone"]) for one in pairs]
    half = student.ppf(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    middle = statistics.mean(logs)
    figures: dict[str, Any] = {
        "updates": chosen.updates,
        "records_an_update": 1,
        "pairs_rows_per_s": pairs,
        "tracked_over_alone": round(math.exp(middle), 4),
        "interval": [round(math.exp(middle - half), 4), round(math.exp(middle + half), 4)],
        "handing_over_a_record_us": handed_over,
        "processor_ms_a_record": processor,
    }
    print(write("tracking-cost", figures), json.dumps(figures))
    server.terminate()


def serve(told: Connection) -> None:
    with serving() as server:
        told.send(server.variables())
        time.sleep(1e6)


def pair(folder: Path, number: int, updates: int, variables: dict[str, str]) -> dict[str, float]:
    """rows/s of two trainings in a row; which comes first changes."""
    found = {}
    for kind in sorted(("alone", "tracked"), reverse=number % 2 == 1):
        run = folder / f"{number}-{kind}"
        argv = [sys.executable, "-m", "sentiment_ft", "train", "--output", str(run), "-q", "-o", "logging_steps=1"]
        argv += ["-o", f"max_steps={updates}", "-o", "test=null", "-o", "bootstrap_samples=100"]
        measure(argv + (["--report-to", "wandb"] if kind == "tracked" else []), environment=variables)
        found[kind] = json.loads((run / "summary.json").read_text())["rows_per_s"]
    return found


def hand_over(run: Path) -> tuple[dict[str, float], dict[str, float]]:
    """What the main thread waits for a record that the mirror is told of, and for one that is only written; and how
    long processors work for each, W&B's own process included, once it has started.
    """
    record = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    taken, worked = {}, {}
    for kind in ("alone", "tracked"):
        mirrors = (
            [WandbMirror(describe(run, recipe.load(str(run / "config.yaml")).config), Tracked("cost0000"), quiet=True)]
            if kind == "tracked"
            else []
        )
        with Recorder(run.parent / f"{kind}.jsonl", mirrors) as recorder:
            time.sleep(5)  # W&B starts
            times, before_s = [], processor_s()
            for update in range(RECORDS):
                began = time.perf_counter()
                recorder.write(record | {"update": update})
                times.append(1e6 * (time.perf_counter() - began))
                time.sleep(PACE_S)
            worked[kind] = round(1e3 * (processor_s() - before_s) / RECORDS, 3)
        taken[kind] = round(statistics.median(times), 1)
        taken[f"{kind}_p99"] = round(sorted(times)[int(0.99 * RECORDS)], 1)
    return taken, worked


def processor_s() -> float:
    """Of this process and its wandb-core so far."""
    mine = psutil.Process()
    cores = [child for child in mine.children() if child.name().startswith("wandb-core")]
    return sum(time.user + time.system for time in (process.cpu_times() for process in (mine, *cores)))


if __name__ == "__main__":
    main()
