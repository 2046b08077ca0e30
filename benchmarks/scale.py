"""A million synthetic rows written, read and tokenised; a hundred thousand lines predicted: time and peak memory of
each process.

python benchmarks/scale.py [--rows 1000000] [--lines 100000] --model runs/quickstart/best

Writes results/scale.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from record import measure, plain, write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--model", required=True)
    chosen = parser.parse_args()
    program = [sys.executable, "-m", "sentiment_ft"]
    figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        cache = {"SENTIMENT_FT_CACHE": str(Path(scratch) / "cache")}
        reviews, lines = Path(scratch) / "reviews.jsonl", Path(scratch) / "lines.txt"
        steps = {
            "make": [*program, "data", "make", str(reviews), "--rows", str(chosen.rows), "-q"],
            "read_and_tokenise": [*program, "data", "show", str(reviews), "-q"],
            "read_again_from_the_cache": [*program, "data", "show", str(reviews), "-q"],
        }
        for name, command in steps.items():
            figures[name] = plain(measure(command, environment=cache))
            print(name, figures[name], flush=True)
        with reviews.open(encoding="utf-8") as source, lines.open("w", encoding="utf-8") as target:
            for _, line in zip(range(chosen.lines), source, strict=False):
                target.write(json.loads(line)["text"].replace("\n", " ") + "\n")
        for name, count in (("predict_a_tenth", chosen.lines // 10), ("predict", chosen.lines)):
            part = Path(scratch) / f"{name}.txt"
            with lines.open(encoding="utf-8") as source, part.open("w", encoding="utf-8") as target:
                target.writelines(line for _, line in zip(range(count), source, strict=False))
            output = Path(scratch) / f"{name}.jsonl"
            command = [*program, "predict", "--file", str(part), "--model", chosen.model, "--output", str(output), "-q"]
            figures[name] = {"lines": count, **plain(measure(command, environment=cache))}
            with output.open(encoding="utf-8") as written:
                figures[name]["records"] = sum(1 for _ in written)
            print(name, figures[name], flush=True)
    for figure in figures.values():
        figure["command"] = figure["command"].replace(f"{scratch}/", "")
    print(write("scale", {"rows": chosen.rows, **figures}))


if __name__ == "__main__":
    main()
