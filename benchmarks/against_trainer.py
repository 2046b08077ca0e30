"""Side by side with transformers.Trainer: same model, rows and batch; in turn, never at the same time.

python benchmarks/against_trainer.py --peer hf_trainer.py --data train.tsv --name sst2 [--rows 1600] [-o key=value ...]

Runs A B C C B A: ours, the peer's default (padded to 256, fp32), the peer tuned (length groups, bf16). The peer is a
script that trains `transformers.Trainer` and prints one JSON line with real_tokens_per_s; ours is step_speed.py.
Ours and the tuned peer train one whole epoch: the Trainer's length groups begin with the longest rows, and the peer
counts real tokens as updates x the mean row, which is right for whole epochs only. Writes results/trainer-NAME.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from record import last_json, measure, write

from sentiment_ft.model import bundled

BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--rows", type=int, default=1600, help="a multiple of 8, the batch")
    parser.add_argument("--default-updates", type=int, default=25, help="of the peer's default mode, which is slow")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("-o", dest="overrides", action="append", default=[])
    chosen = parser.parse_args()
    for name in (chosen.peer, chosen.data):
        if not Path(name).is_file():
            parser.error(f"{name}: no such file")
    with tempfile.TemporaryDirectory() as scratch:
        ours = [
            sys.executable,
            str(Path(__file__).parent / "step_speed.py"),
            "--data",
            chosen.data,
            "--rows",
            str(chosen.rows),
            "--updates",
            str(chosen.rows // BATCH),
        ]
        for override in chosen.overrides:
            ours += ["-o", override]
        peer = [
            sys.executable,
            chosen.peer,
            "--model",
            str(bundled.folder()),
            "--data",
            chosen.data,
            "--output",
            scratch,
            "--rows",
            str(chosen.rows),
            "--batch",
            str(BATCH),
        ]
        programs = {
            "sentiment_ft": ours,
            "trainer_default": [*peer, "--mode", "default", "--steps", str(chosen.default_updates)],
            "trainer_tuned": [*peer, "--mode", "tuned", "--steps", str(chosen.rows // BATCH)],
        }
        found: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
        for name in [*programs, *reversed(programs)] * chosen.rounds:
            found[name].append(last_json(measure(programs[name])))
            print(name, found[name][-1], flush=True)
    speed = {name: statistics.mean(run["real_tokens_per_s"] for run in runs) for name, runs in found.items()}
    ratios = {
        f"times_{name}": round(speed["sentiment_ft"] / speed[name], 3) for name in programs if name != "sentiment_ft"
    }
    path = write(
        f"trainer-{chosen.name}",
        {
            "overrides": chosen.overrides,
            "rows": chosen.rows,
            "order": "A B C C B A",
            "real_tokens_per_s": speed,
            **ratios,
            "runs": found,
        },
    )
    print(path, ratios)


if __name__ == "__main__":
    main()
