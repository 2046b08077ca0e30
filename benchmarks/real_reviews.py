"""Full runs on real reviews with the bundled model: SST-2 (train, dev) and an IMDB subset (train, test). One run each.

python benchmarks/real_reviews.py sst2 --train train.tsv --judge dev.tsv
python benchmarks/real_reviews.py imdb --train train.jsonl --judge test.jsonl

SST-2 is judged on its dev rows, which also pick the best of 22 evaluations, as is usual since GLUE keeps its test
labels: a little too good a figure. IMDB holds a tenth of its training rows out to choose, and is judged on the sealed
test rows. Writes results/NAME.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from record import measure, plain, write

SETTINGS = {
    "sst2": [
        *("--batch", "32", "--lr", "7e-5", "--epochs", "3"),
        *("-o", "average_share=0.1", "-o", "eval_steps=300", "-o", "early_stopping_patience=null"),
    ],
    "imdb": ["--batch", "16", "--lr", "1e-4", "--epochs", "3"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SETTINGS)
    parser.add_argument("--train", required=True)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--seed", default="42")
    chosen, more = parser.parse_known_args()
    judge = ["--validation", chosen.judge] if chosen.name == "sst2" else ["--test", chosen.judge]
    settings = [*SETTINGS[chosen.name], "-o", "global_batch_size=null", *more]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        command = [sys.executable, "-m", "sentiment_ft", "train", "--recipe", chosen.name, "--model", "bundled"]
        command += ["--data", chosen.train, *judge, *settings, "--seed", chosen.seed, "--output", str(folder)]
        train = measure(command)
        summary = json.loads((folder / "summary.json").read_text())
        evaluations = [
            json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines() if '"eval"' in line
        ]
    figures = plain(train)
    figures["command"] = " ".join(
        ["sentiment-ft train --recipe", chosen.name, "--model bundled --data TRAIN", judge[0], "JUDGE", *settings]
    )
    keys = (
        "rows",
        "updates",
        "best_update",
        "train_s",
        "eval_s",
        "wall_s",
        "rows_per_s",
        "real_tokens_per_s",
        "peak_memory_mib",
    )
    path = write(
        chosen.name,
        {
            **figures,
            "seed": chosen.seed,
            **{key: summary[key] for key in keys},
            "judged": summary["best" if chosen.name == "sst2" else "test"],
            "accuracy_by_evaluation": [record["eval_accuracy"] for record in evaluations],
        },
    )
    print(path, summary["best"]["scores"], (summary["test"] or {}).get("scores"))


if __name__ == "__main__":
    main()
