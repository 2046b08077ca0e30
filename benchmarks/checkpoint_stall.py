"""What a checkpoint of a BERT-base-sized model costs: how long training stands still, how long it takes to the disk,
and how much longer the updates beside it take.

python benchmarks/checkpoint_stall.py [--updates 60] [--every 15]

A random model of BERT-base's size (no hub) is trained on synthetic rows of 32 tokens with a checkpoint every few
updates; the figures are those that the run itself records. Lost by a save: the seconds of the updates from its start to
the next one, less those of as many median updates that no save touched. The files lie where TMPDIR says. Writes
results/checkpoint-stall.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from record import measure, plain, write

from sentiment_ft.run.saver import TIMES_THE_COST

BYTES_A_PARAMETER = 12  # weight and two moments of AdamW, in fp32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--every", type=int, default=15)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model, run = Path(scratch) / "bert-base-sized", Path(scratch) / "run"
        parameters = write_model(model)
        settings = {
            "max_steps": chosen.updates, "save_steps": chosen.every, "eval_steps": chosen.updates, "warmup_steps": 1,
            "logging_steps": 1, "test": "null", "synthetic_rows": 400, "max_validation_samples": 32,
            "freeze_embeddings": "false", "bootstrap_samples": 100,
        }  # fmt: skip
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        command = [sys.executable, "-m", "sentiment_ft", "train", "-q", "--model", str(model), "--output", str(run)]
        command += ["--batch", "8", "--max-length", "32", "--precision", "fp32", *options]
        done = measure(command, environment={"SENTIMENT_FT_CACHE": str(Path(scratch) / "cache")})
        events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    saves = [event for event in events if event["event"] == "checkpoint"]
    elapsed = {event["update"]: event["elapsed_s"] for event in events if event["event"] == "train"}
    undisturbed, lost = lost_seconds(elapsed, saves, chosen.every)
    held_up = statistics.mean(save["held_up_s"] for save in saves)
    worked = statistics.mean(save["worked_s"] for save in saves)
    interval = max(60.0, TIMES_THE_COST * (held_up + worked))  # of the run itself, on a CPU
    figures = {
        "parameters": parameters,
        "bytes": [save["bytes"] for save in saves],
        "held_up_s": [save["held_up_s"] for save in saves],
        "seconds_to_the_disk": [save["seconds"] for save in saves],
        "held_up_mean_s": round(held_up, 3),
        "to_the_disk_mean_s": round(statistics.mean(save["seconds"] for save in saves), 3),
        "update_s": round(undisturbed, 3),
        "lost_s": [round(seconds, 3) for seconds in lost],
        "worked_mean_s": round(worked, 3),
        "default_interval_s": round(interval, 1),
        "share_at_the_default_interval": round(statistics.mean(lost) / interval, 5),
    }
    print(write("checkpoint-stall", figures | {"run": plain(done)}), figures)


def lost_seconds(elapsed: dict[int, float], saves: list[dict[str, Any]], every: int) -> tuple[float, list[float]]:
    """(median seconds of an update that no save touched, seconds that each save cost). elapsed: after each update."""
    took = {update: seconds - elapsed[update - 1] for update, seconds in elapsed.items() if update - 1 in elapsed}
    whole = [save for save in saves if save["update"] + every in elapsed]  # not the last: nothing trains beside it
    touched = set()
    for save in whole:
        ended = elapsed[save["update"]] + save["seconds"]
        touched |= {update for update in took if update > save["update"] and elapsed[update - 1] < ended}
    usual = statistics.median(seconds for update, seconds in took.items() if update not in touched and update > every)
    windows = [range(save["update"] + 1, save["update"] + every + 1) for save in whole]
    return usual, [sum(took[update] - usual for update in window if update in touched) for window in windows]


def write_model(folder: Path) -> int:
    """A random classifier of BERT-base's sizes with the bundled vocabulary; returns its number of parameters."""
    import shutil

    from transformers import BertConfig, BertForSequenceClassification

    from sentiment_ft.model import bundled

    model = BertForSequenceClassification(BertConfig(id2label={0: "negative", 1: "positive"}))
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(bundled.folder() / name, folder / name)
    return sum(parameter.numel() for parameter in model.parameters())


if __name__ == "__main__":
    main()
