"""Two processes with a thread each against one with two: the same global batch of 64 real rows, on CPU cores.

python benchmarks/several_processes.py --data train.tsv [--rows 1600] [--rounds 1]

Runs A B C D D C B A: one process of two threads; two of one thread; the same two with gradients exchanged in fp16; and
the two when they exchange gradients after every micro-batch, which accumulation must not do. Times are those of
step_speed.py. Writes results/several-processes.json.
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
    parser.add_argument("--rows", type=int, default=1600)
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    if not Path(chosen.data).is_file():
        parser.error(f"{chosen.data}: no such file")
    script = [str(HERE / "step_speed.py"), "--data", chosen.data, "--rows", str(chosen.rows)]
    script += ["--updates", str(2 * -(-chosen.rows // GLOBAL_BATCH)), "-o", f"global_batch_size={GLOBAL_BATCH}"]
    script += ["-o", f"per_device_batch_size={MICRO_BATCH}", "-o", "freeze_embeddings=false"]
    topology = str(HERE.parent / "accelerate_configs" / "cpu_2proc.yaml")
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", topology, "--main_process_port", "0"]
    cpu = {"ACCELERATE_USE_CPU": "true"}
    programs = {
        "one_process_two_threads": ([sys.executable, *script], {**cpu, "OMP_NUM_THREADS": "2"}),
        "two_processes_one_thread": ([*launch, *script], {**cpu, "OMP_NUM_THREADS": "1"}),
        "two_with_fp16_gradients": (
            [*launch, *script, "-o", "gradient_compression=fp16"],
            {**cpu, "OMP_NUM_THREADS": "1"},
        ),
        "two_exchanging_each_micro_batch": ([*launch, *script, "--exchange-each"], {**cpu, "OMP_NUM_THREADS": "1"}),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
    for name in [*programs, *reversed(programs)] * chosen.rounds:
        command, environment = programs[name]
        found[name].append(last_json(measure(command, environment=environment)))
        print(name, found[name][-1], flush=True)
    speed = {name: round(statistics.mean(run["rows_per_s"] for run in runs), 2) for name, runs in found.items()}
    ratios = {f"{name}_over_one": round(speed[name] / speed["one_process_two_threads"], 3) for name in programs}
    figures = {"order": "A B C D D C B A", "rows_per_s": speed, **ratios, "runs": found}
    print(write("several-processes", {"global_batch": GLOBAL_BATCH, "micro_batch": MICRO_BATCH, **figures}), ratios)


if __name__ == "__main__":
    main()
