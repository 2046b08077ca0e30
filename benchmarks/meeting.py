"""What it costs that two processes decide together, at each boundary between micro-batches, whether to stop or save.

python benchmarks/meeting.py --data train.tsv [--runs 2] [--updates 80]

Each update of 64 real rows (micro-batches of 8, so 3 boundaries) is taken twice in a row, with run/control.py and
without, in changing order, and the pairs are compared; the first ten are not counted. Writes results/meeting.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from record import last_json, measure, write

from sentiment_ft import recipe, train
from sentiment_ft.data import batching, prepare
from sentiment_ft.model import tokenization
from sentiment_ft.run import precision
from sentiment_ft.run.accelerator import one_after_another, started
from sentiment_ft.run.cpu import tune
from sentiment_ft.run.sizes import derive

SETTINGS = ("test=null", "per_device_batch_size=8", "global_batch_size=64", "freeze_embeddings=false")
ROWS, SKIP = 1280, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--updates", type=int, default=80)
    chosen = parser.parse_args()
    if "RANK" in os.environ:
        time_pairs(chosen.data, chosen.updates)
        return
    topology = str(Path(__file__).parents[1] / "accelerate_configs" / "cpu_2proc.yaml")
    argv = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", topology, "--main_process_port", "0"]
    argv += [__file__, "--data", chosen.data, "--updates", str(chosen.updates)]
    environment = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    runs = [last_json(measure(argv, environment=environment)) for _ in range(chosen.runs)]
    print(write("meeting", {"processes": 2, "runs": runs}), runs)


def time_pairs(source: str, updates: int) -> None:
    """One process of two; the main one prints."""
    config = recipe.load("quickstart", SETTINGS, {"data": source}).config
    device = precision.device_in_use()
    format_ = precision.resolve(config.mixed_precision, device)
    tune(device)
    with started(format_, device, config) as accelerator:
        tokenizer = tokenization.load_tokenizer(config.model_name_or_path)
        with one_after_another(accelerator):
            corpus = prepare.load_source(prepare.source_of(config, config.data), tokenizer, config.max_length, 0.01)
        part = prepare.Part.of(corpus.rows, np.arange(ROWS))
        sizes = derive(config, len(part), accelerator.num_processes)
        data = prepare.Prepared(part, part, None, (corpus,))
        run = train.build(config, accelerator, tokenizer, data, sizes, format_, quiet=True)
        run.sizes = dataclasses.replace(sizes, total_updates=10**6)
        run.model.train()
        order = batching.epoch_order(part.lengths, 64, config.seed, 0, group_by_length=config.group_by_length)
        ways = {"with": run.control.meet, "without": lambda place, save=False: save}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for update in range(updates):
            rows = batching.rows_of_update(order, update % sizes.updates_per_epoch, 64)
            for name in sorted(ways, reverse=update % 2 == 1):
                run.control.meet = ways[name]
                accelerator.wait_for_everyone()
                began = time.perf_counter()
                train.train_step(run, rows)
                accelerator.wait_for_everyone()
                times[name].append(1e3 * (time.perf_counter() - began))
        alone = []
        for _ in range(200):
            began = time.perf_counter()
            ways["with"]("a boundary")
            alone.append(1e6 * (time.perf_counter() - began))
        if accelerator.is_main_process:
            pairs = [a - b for a, b in zip(times["with"][SKIP:], times["without"][SKIP:], strict=True)]
            figures = {f"update_ms_{name}": round(statistics.mean(taken[SKIP:]), 1) for name, taken in times.items()}
            error = statistics.stdev(pairs) / len(pairs) ** 0.5
            figures |= {"difference_ms": round(statistics.mean(pairs), 1), "standard_error_ms": round(error, 1)}
            print(json.dumps({**figures, "boundary_alone_us": round(statistics.median(alone), 1)}), flush=True)
        del run


if __name__ == "__main__":
    main()
