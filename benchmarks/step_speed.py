"""Times the real `train.build` and `train.train_step` on the first rows of a file; prints one JSON line.

python benchmarks/step_speed.py --data train.tsv [--rows 2400] [--updates 60] [-o key=value ...]

Update times are wall times of `train_step` alone, the copy of the batch included; the first updates are not counted.
Evaluation, logging and saving are left out, as they are in the peer that `against_trainer.py` runs beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from sentiment_ft import recipe, train
from sentiment_ft.data import batching, prepare
from sentiment_ft.model import tokenization
from sentiment_ft.run import precision
from sentiment_ft.run.accelerator import start
from sentiment_ft.run.cpu import tune
from sentiment_ft.run.sizes import derive


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--rows", type=int, default=2400)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--skip", type=int, default=5)
    parser.add_argument("--untuned", action="store_true", help="leave out run/cpu.py, for comparison")
    parser.add_argument("-o", dest="overrides", action="append", default=[])
    chosen = parser.parse_args()
    settings = [
        "test=null",
        "per_device_batch_size=8",
        "learning_rate=2e-5",
        "attention_dropout=null",
        *chosen.overrides,
    ]
    config = recipe.load("quickstart", settings, {"data": chosen.data, "model_name_or_path": chosen.model}).config

    tokenizer = tokenization.load_tokenizer(config.model_name_or_path)
    corpus = prepare.load_source(prepare.source_of(config, config.data), tokenizer, config.max_length, 0.01)
    part = prepare.Part.of(
        corpus.rows, np.arange(min(chosen.rows, len(corpus.rows)))
    )  # the peer's rows: the first of the file
    data = prepare.Prepared(part, part, None, (corpus,))
    device = precision.device_in_use()
    format_ = precision.resolve(config.mixed_precision, device)
    if not chosen.untuned:
        tune(device)
    accelerator = start(format_, device)
    sizes = derive(config, len(part), accelerator.num_processes)
    with tempfile.TemporaryDirectory() as folder:
        run = train.build(config, accelerator, tokenizer, data, sizes, format_, Path(folder), quiet=True)
    run.sizes = dataclasses.replace(sizes, total_updates=10**6)

    run.model.train()
    times, rows, tokens = [], 0, 0
    order = np.empty(0, np.int64)
    for update in range(chosen.updates):
        epoch, place = divmod(update, sizes.updates_per_epoch)
        if place == 0:
            order = batching.epoch_order(
                part.lengths, sizes.global_batch_size, config.seed, epoch, group_by_length=config.group_by_length
            )
        batch = batching.rows_of_update(order, place, sizes.global_batch_size)
        began = time.perf_counter()
        train.train_step(run, batch)
        times.append(time.perf_counter() - began)
        if update >= chosen.skip:
            rows, tokens = rows + len(batch), tokens + int(part.lengths[batch].sum())
    counted = times[chosen.skip :]
    print(json.dumps({
        "program": "sentiment_ft", "precision": format_, "step_ms_median": round(1e3 * statistics.median(counted), 1),
        "step_ms_mean": round(1e3 * statistics.mean(counted), 1), "rows_per_s": round(rows / sum(counted), 2),
        "real_tokens_per_s": round(tokens / sum(counted), 1),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
