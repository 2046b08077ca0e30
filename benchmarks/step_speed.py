"""Times the real `train.build` and `train.train_step` on the first rows of a file; prints one JSON line.

python benchmarks/step_speed.py --data train.tsv [--rows 2400] [--updates 60] [-o key=value ...]
Under `accelerate launch` the processes share the updates.

Update times are wall times of `train_step` alone, the copy of the batch included; the first updates are not counted.
Evaluation, logging and saving are left out, as they are in the peer that `against_trainer.py` runs beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import statistics
import time
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from sentiment_ft import recipe, train
from sentiment_ft.config import Config
from sentiment_ft.data import batching, prepare
from sentiment_ft.model import tokenization
from sentiment_ft.run import accelerator as starting
from sentiment_ft.run import precision
from sentiment_ft.run.accelerator import one_after_another, started
from sentiment_ft.run.cpu import tune
from sentiment_ft.run.memory import peak_memory_mib
from sentiment_ft.run.sizes import derive
from sentiment_ft.state import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--rows", type=int, default=2400)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--skip", type=int, default=5)
    parser.add_argument("--untuned", action="store_true", help="leave out run/cpu.py, for comparison")
    parser.add_argument("--exchange-each", action="store_true", help="gradients after each micro-batch, for comparison")
    parser.add_argument("--ddp", action="append", default=[], help="KEY=true|false of DDP, for comparison")
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

    device = precision.device_in_use()
    format_ = precision.resolve(config.mixed_precision, device)
    if not chosen.untuned:
        tune(device)
    ours = starting._data_parallel
    other = {key: value == "true" for key, _, value in (setting.partition("=") for setting in chosen.ddp)}
    starting._data_parallel = lambda *arguments: dataclasses.replace(ours(*arguments), **other)
    with started(format_, device, config) as accelerator:
        figures = time_updates(config, accelerator, format_, chosen)
        if accelerator.is_main_process:
            print(json.dumps(figures), flush=True)


def time_updates(config: Config, accelerator: Accelerator, format_: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Holds all that lives on the device. Rows and tokens are those of all processes together."""
    tokenizer = tokenization.load_tokenizer(config.model_name_or_path)
    with one_after_another(accelerator):
        corpus = prepare.load_source(prepare.source_of(config, config.data), tokenizer, config.max_length, 0.01)
    part = prepare.Part.of(
        corpus.rows, np.arange(min(chosen.rows, len(corpus.rows)))
    )  # the peer's rows: the first of the file
    data = prepare.Prepared(part, part, None, (corpus,))
    sizes = derive(config, len(part), accelerator.num_processes)
    run = train.build(config, accelerator, tokenizer, data, sizes, format_, quiet=True)
    run.sizes = dataclasses.replace(sizes, total_updates=10**6)
    if chosen.exchange_each:
        run.engine.micro_batch = lambda last: contextlib.nullcontext()

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
    figures = {
        "program": "sentiment_ft", "precision": format_, "processes": accelerator.num_processes,
        "step_ms_median": round(1e3 * statistics.median(counted), 1),
        "step_ms_mean": round(1e3 * statistics.mean(counted), 1), "rows_per_s": round(rows / sum(counted), 2),
        "real_tokens_per_s": round(tokens / sum(counted), 1), **peak_memory_mib(accelerator.device),
    }  # fmt: skip
    if accelerator.num_processes > 1:
        figures |= time_all_reduce(run)
    return figures


def time_all_reduce(run: Run) -> dict[str, float]:
    """One exchange of all gradients, alone; in an update part of it hides behind the backward pass."""
    trained = sum(parameter.numel() for parameter in run.model.parameters() if parameter.requires_grad)
    gradients = torch.zeros(trained, device=run.accelerator.device)
    times = []
    for _ in range(10):
        run.accelerator.wait_for_everyone()
        began = time.perf_counter()
        torch.distributed.all_reduce(gradients)
        times.append(time.perf_counter() - began)
    return {
        "gradients_mib": round(4 * trained / 2**20, 1),
        "all_reduce_ms_median": round(1e3 * statistics.median(times), 1),
    }


if __name__ == "__main__":
    main()
