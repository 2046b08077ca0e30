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
from sentiment_ft.hardware.detect import best_precision, detect
from sentiment_ft.launch import gpus
from sentiment_ft.model import classifier
from sentiment_ft.proof.compare import TOLERANCES, Difference, compare
from sentiment_ft.proof.legs import Leg, carry_out, environment, legs, shortened
from sentiment_ft.recipe import Loaded
from sentiment_ft.terminal import console, printable, results, standard_output


def run(loaded: Loaded, *, processes: int, stages: Sequence[str], updates: int, as_json: bool, quiet: bool) -> int:
    """Run all legs and print the table; returns the exit code. Raises UserError when a leg cannot run."""
    on_cpu = len(gpus.visible()) < processes
    device = detect()[-1 if on_cpu else 0]
    config = shortened(loaded.config, processes, updates)
    precision = best_precision(device) if config.mixed_precision == "auto" else config.mixed_precision
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
    certificate = _certificate(loaded, config, device.name, found)
    if as_json:
        print(json.dumps(certificate, indent=2, allow_nan=False), file=standard_output())
    else:
        results.print(_table(certificate))
        results.print(Text("verified" if certificate["passed"] else "NOT VERIFIED", style="bold"))
    return EXIT_DONE if certificate["passed"] else EXIT_TRAINING


def _start(config: Config, folder: Path) -> Path:
    """The weights before the first update: as `train.build` makes them."""
    set_seed(config.seed)
    model = classifier.load_for_training(config.model_name_or_path, hidden_dropout=None, attention_dropout=None)
    path = folder / "start.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


def _certificate(loaded: Loaded, config: Config, device: str, found: dict[Leg, Difference]) -> dict[str, Any]:
    comparisons = [
        {
            "run": leg.name,
            "reference": leg.reference.name,
            "precision": leg.precision,
            **difference.to_json(),
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
        "updates": config.max_steps,
        "global_batch_size": config.global_batch_size,
        "comparisons": comparisons,
        "passed": all(comparison["passed"] for comparison in comparisons),
    }


def _table(certificate: dict[str, Any]) -> Table:
    title = f"{certificate['updates']} updates of {certificate['global_batch_size']} rows, against 1 process"
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("run", "precision", "rows", "rates", "loss", "grad norm", "weights", "way", "judged", "metrics", ""):
        table.add_column(name, no_wrap=True)
    for row in certificate["comparisons"]:
        table.add_row(
            row["run"],
            row["precision"],
            _same(row["rows_equal"]),
            _same(row["rates_equal"]),
            _size(row["loss"]),
            _size(row["grad_norm"]),
            _size(row["weights"]),
            _size(row["movement"]),
            _same(row["evaluated_equal"]),
            _size(row["metrics"]),
            Text("pass", style="green") if row["passed"] else Text("FAIL", style="bold red"),
        )
    return table


def _same(equal: bool) -> str:
    return "same" if equal else "DIFFER"


def _size(difference: float | None) -> str:
    return "DIFFER" if difference is None else f"{difference:.0e}" if difference else "0"
