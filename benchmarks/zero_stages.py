"""Trains real rows in two CPU processes under plain data parallelism and each ZeRO stage: time and peak memory.

python benchmarks/zero_stages.py --data train.tsv [--rows 1600]

Each run trains, evaluates, saves; its model is opened by plain `AutoModelForSequenceClassification` in a process of its
own, and its probabilities are compared with those that the run wrote. Writes results/zero-stages.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from record import last_json, measure, write

ZERO0 = "deepspeed_zero0"  # made here: DeepSpeed without ZeRO, as fast as plain data parallelism at best
TOPOLOGIES = ("cpu_2proc", ZERO0, "deepspeed_zero1", "deepspeed_zero2", "deepspeed_zero2_offload", "deepspeed_zero3")
# In a process of its own: plain transformers, nothing of ours.
OPENED = """
import json, sys
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
folder = sys.argv[1]
model = AutoModelForSequenceClassification.from_pretrained(folder + "/best").eval()
tokenizer = AutoTokenizer.from_pretrained(folder + "/best")
rows = [json.loads(line) for line in open(folder + "/predictions.jsonl")][:64]
with torch.no_grad():
    fed = tokenizer([row["text"] for row in rows], padding=True, truncation=True, max_length=256, return_tensors="pt")
    found = model(**fed).logits.softmax(-1)[:, 1].tolist()
print(json.dumps({"largest_difference": max(abs(a - row["p_positive"]) for a, row in zip(found, rows))}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=1600)
    chosen = parser.parse_args()
    if not Path(chosen.data).is_file():
        parser.error(f"{chosen.data}: no such file")
    figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "zero0.json").write_text('{"zero_optimization": {"stage": 0}}')
        (Path(scratch) / "zero0.yaml").write_text(
            "distributed_type: DEEPSPEED\nnum_processes: 2\nmixed_precision: 'no'\n"
            "deepspeed_config: {deepspeed_config_file: zero0.json, zero3_init_flag: false}\n"
        )
        # Twice: there and back, so that a machine that slows down shows.
        for place, topology in enumerate([*TOPOLOGIES, *reversed(TOPOLOGIES)]):
            folder = Path(scratch) / f"{place}-{topology}"
            command = [sys.executable, "-m", "sentiment_ft", "launch", "-q", "-t"]
            command += [f"{scratch}/zero0.yaml" if topology == ZERO0 else topology, "--", "-q"]
            command += ["--data", chosen.data, "--output", str(folder), "--epochs", "1", "--batch", "8"]
            command += ["--global-batch-size", "64", "-o", f"max_train_samples={chosen.rows}"]
            command += ["-o", "max_validation_samples=400", "-o", "freeze_embeddings=false", "-o", "logging_steps=5"]
            command += ["--precision", "fp32", "--learning-rate", "2e-5"]
            measured = measure(command)
            summary = json.loads((folder / "summary.json").read_text())
            opened = last_json(measure([sys.executable, "-c", OPENED, str(folder)]))
            found = {
                "wall_s": measured.wall_s,
                "peak_mib_of_the_largest_process": measured.peak_mib,
                "rows_per_s": round(summary["rows_per_s"], 2),
                "validation_log_loss": summary["best"]["scores"]["log_loss"],
                **opened,
            }
            figures.setdefault(topology, []).append(found)
            print(topology, found, flush=True)
    means = {
        topology: {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
        for topology, runs in figures.items()
    }
    print(write("zero-stages", {"rows": chosen.rows, "precision": "fp32", "means": means, "runs": figures}))


if __name__ == "__main__":
    main()
