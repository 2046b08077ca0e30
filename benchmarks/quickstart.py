"""The main job as a user types it: twice, the second with a warm token cache; then the honest lines beside it.

python benchmarks/quickstart.py [--sst2-dev dev.tsv] [--seeds 42 1 2]

Wall time is from exec to exit of the process. Writes results/quickstart.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from record import measure, plain, write

FOUNDING = ("This movie is absolutely amazing!", "Terrible movie, waste of time.", "Outstanding performance by actors!")
SCORES = ("accuracy", "f1", "precision", "recall")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sst2-dev")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42])
    chosen = parser.parse_args()
    program = [sys.executable, "-m", "sentiment_ft"]
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        cache = {"SENTIMENT_FT_CACHE": str(Path(scratch) / "cache")}
        for place, seed in enumerate([chosen.seeds[0], *chosen.seeds]):
            folder = Path(scratch) / f"run-{place}"
            train = measure([*program, "train", "--seed", str(seed), "--output", str(folder)], environment=cache)
            summary = json.loads((folder / "summary.json").read_text())
            run = {
                "seed": seed,
                "token_cache": "cold" if place == 0 or seed != chosen.seeds[0] else "warm",
                **{key: value for key, value in plain(train).items() if key != "command"},
                "validation": {name: summary["best"]["scores"][name] for name in SCORES},
                "held_out_families": {name: summary["test"]["scores"][name] for name in SCORES},
                "overlap_with_train": {
                    part: {name: found[name] for name in ("rows", "exact", "near")}
                    for part, found in summary["overlap_with_train"].items()
                },
                "updates": summary["updates"],
                "train_s": summary["train_s"],
                "rows_per_s": summary["rows_per_s"],
                "real_tokens_per_s": summary["real_tokens_per_s"],
            }
            model = str(folder / "best")
            if chosen.sst2_dev:
                judged = measure(
                    [*program, "eval", model, "--data", chosen.sst2_dev, "--json", "-q"], environment=cache
                )
                result = json.loads(judged.output[judged.output.index("{\n") :])
                run["sst2_dev"] = {
                    "accuracy": result["scores"]["accuracy"],
                    "interval": result["intervals"]["accuracy"],
                }
            said = measure([*program, "predict", *FOUNDING, "--model", model, "--format", "jsonl"], environment=cache)
            records = [json.loads(line) for line in said.output.splitlines() if line.startswith("{")]
            run["founding_examples"] = {record["text"]: [record["label"], record["confidence"]] for record in records}
            runs.append(run)
            print(json.dumps(run), flush=True)
    print(write("quickstart", {"command": "sentiment-ft train --seed SEED --output DIR", "runs": runs}))


if __name__ == "__main__":
    main()
