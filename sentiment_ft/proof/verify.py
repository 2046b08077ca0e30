"""The `verify` verb: a certificate for a recipe on this machine."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed
from rich.table import Table
from rich.text import Text
from safetensors.torch import save_file

from sentiment_ft import __version__
from sentiment_ft.config import Config
from sentiment_ft.errors import EXIT_DONE, EXIT_TRAINING
from sentiment_ft.hardware.detect import detect
from sentiment_ft.launch import gpus
from sentiment_ft.model import classifier
from sentiment_ft.proof.compare import TOLERANCES, Difference, compare
from sentiment_ft.proof.legs import Leg, carry_out, environment, legs, shortened
from sentiment_ft.recipe import Loaded
from sentiment_ft.run.precision import resolve
from sentiment_ft.terminal import console, printable, results, standard_output

SIDE_BY_SIDE = 3  # comparisons that fit into 80 columns
# What people read for the fields of a Difference.
EQUAL = {"rows of each update": "rows_equal", "learning rates": "rates_equal", "rows judged, once": "evaluated_equal"}
WITHIN = {
    "loss": "loss",
    "gradient norm": "grad_norm",
    "validation log-loss": "metrics",
    "weights": "weights",
    "their movement": "movement",
}


def run(loaded: Loaded, *, processes: int, stages: Sequence[str], updates: int, as_json: bool, quiet: bool) -> int:
    """Run all legs and print the table; returns the exit code. Raises UserError when a leg cannot run."""
    on_cpu = len(gpus.visible()) < processes
    device = detect()[-1 if on_cpu else 0]
    config = shortened(loaded.config, processes, updates)
    precision = resolve(config.mixed_precision, device)
    planned = legs(processes, stages, precision, on_cpu=on_cpu)
    if not quiet:
        console.print(
            f"{printable(loaded.recipe, 60)} on {device.name}: {updates} updates of {config.global_batch_size} rows, "
            f"{len(planned)} comparisons",
            markup=False,
        )
    found: dict[Leg, Difference] = {}
    with tempfile.TemporaryDirectory(prefix="sentiment-ft-verify-") as temporary:
        folder = Path(temporary)
        start = _start(config, folder)
        references: dict[Leg, Path] = {}
        for number, leg in enumerate(planned):
            for wanted in (leg.reference, leg):
                if wanted in references:
                    continue
                if not quiet:
                    console.print(f"running {wanted.name} in {wanted.precision}", markup=False)
                done = carry_out(wanted, config, folder / f"{number}-{wanted.processes}", environment(on_cpu=on_cpu))
                if wanted == leg.reference:
                    references[wanted] = done
            found[leg] = compare(references[leg.reference], done, start)
    certificate = _certificate(loaded, config, device.name, processes, found)
    if as_json:
        print(json.dumps(certificate, indent=2, allow_nan=False), file=standard_output())
    else:
        comparisons = certificate["comparisons"]
        for first in range(0, len(comparisons), SIDE_BY_SIDE):
            results.print(_table(certificate, comparisons[first : first + SIDE_BY_SIDE]))
        results.print(Text("verified" if certificate["passed"] else "NOT VERIFIED", style="bold"))
    return EXIT_DONE if certificate["passed"] else EXIT_TRAINING


def _start(config: Config, folder: Path) -> Path:
    """The weights before the first update: as `train.build` makes them."""
    set_seed(config.seed)
    model = classifier.load_for_training(config.model_name_or_path, hidden_dropout=None, attention_dropout=None)
    path = folder / "start.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


def _certificate(
    loaded: Loaded, config: Config, device: str, processes: int, found: dict[Leg, Difference]
) -> dict[str, Any]:
    comparisons = [
        {
            "run": f"{leg.name} {leg.precision}",
            "precision": leg.precision,
            **difference.to_json(),
            "allowed": TOLERANCES[leg.precision].to_json(),
            "passed": difference.within(TOLERANCES[leg.precision]),
        }
        for leg, difference in found.items()
    ]
    return {
        "sentiment_ft": __version__,
        "recipe": loaded.recipe,
        "model": config.model_name_or_path,
        "data": config.data,
        "device": device,
        "processes": processes,
        "updates": config.max_steps,
        "global_batch_size": config.global_batch_size,
        "comparisons": comparisons,
        "passed": all(comparison["passed"] for comparison in comparisons),
    }


def _table(certificate: dict[str, Any], comparisons: Sequence[dict[str, Any]]) -> Table:
    title = (
        f"{certificate['processes']} processes against 1: {certificate['updates']} updates of "
        f"{certificate['global_batch_size']} rows, largest relative differences"
    )
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("")
    for comparison in comparisons:
        table.add_column(comparison["run"])
    for name, key in EQUAL.items():
        table.add_row(name, *("same" if comparison[key] else "DIFFER" for comparison in comparisons))
    for name, key in WITHIN.items():
        table.add_row(name, *(_size(comparison[key], comparison["allowed"][key]) for comparison in comparisons))
    verdicts = (
        Text("pass", style="green") if comparison["passed"] else Text("FAIL", style="bold red")
        for comparison in comparisons
    )
    table.add_row("", *verdicts)
    return table


def _size(difference: float | None, allowed: float) -> str:
    if difference is None:
        return "DIFFER"
    return f"{f'{difference:.0e}' if difference else '0'} {'<' if difference <= allowed else '>'} {allowed:.0e}"
