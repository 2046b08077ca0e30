"""Two processes with a thread each against one with two: the same global batch of 64 real rows, on CPU cores.

python benchmarks/several_processes.py --data train.tsv [--rows 1280] [--rounds 1]

Runs A B C ... C B A: one process of two threads; two of one thread; and the two with gradients exchanged in fp16, with
gradients exchanged after every micro-batch (which accumulation must not do), without DDP's view into its buckets, and
without accumulation (a micro-batch of 32), where DDP's static graph can be tried: with accumulation torch 2.13 stops in
an assertion of its own. Times are those of step_speed.py. Writes results/several-processes.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from record import last_json, measure, write

GLOBAL_BATCH = 64
MICRO_BATCH = 8
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    if not Path(chosen.data).is_file():
        parser.error(f"{chosen.data}: no such file")
    script = [str(HERE / "step_speed.py"), "--data", chosen.data, "--rows", str(chosen.rows)]
    script += ["--updates", str(2 * -(-chosen.rows // GLOBAL_BATCH)), "-o", f"global_batch_size={GLOBAL_BATCH}"]
    script += ["-o", f"per_device_batch_size={MICRO_BATCH}", "-o", "freeze_embeddings=false"]
    topology = str(HERE.parent / "accelerate_configs" / "cpu_2proc.yaml")
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", topology, "--main_process_port", "0"]
    two = [*launch, *script]
    micro_batch_32 = ["-o", "per_device_batch_size=32"]
    programs = {
        "one_process_two_threads": [sys.executable, *script],
        "two_processes_one_thread": two,
        "two_with_fp16_gradients": [*two, "-o", "gradient_compression=fp16"],
        "two_exchanging_each_micro_batch": [*two, "--exchange-each"],
        "two_without_bucket_view": [*two, "--ddp", "gradient_as_bucket_view=false"],
        "two_without_accumulation": [*two, *micro_batch_32],
        "two_without_accumulation_static_graph": [*two, *micro_batch_32, "--ddp", "static_graph=true"],
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
    for name in [*programs, *reversed(programs)] * chosen.rounds:
        threads = "2" if name == "one_process_two_threads" else "1"
        environment = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": threads}
        found[name].append(last_json(measure(programs[name], environment=environment)))
        print(name, found[name][-1], flush=True)
    speed = {name: round(statistics.mean(run["rows_per_s"] for run in runs), 2) for name, runs in found.items()}
    ratios = {f"{name}_over_one": round(speed[name] / speed["one_process_two_threads"], 3) for name in programs}
    figures = {"order": "there and back", "rows_per_s": speed, **ratios, "runs": found}
    print(write("several-processes", {"global_batch": GLOBAL_BATCH, "micro_batch": MICRO_BATCH, **figures}), ratios)


if __name__ == "__main__":
    main()
