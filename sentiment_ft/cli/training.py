"""train and plan."""

from __future__ import annotations

from typing import Any

import click

from sentiment_ft.cli.options import config_options, load, quiet_option
from sentiment_ft.cli.verb import EXIT_CODES, Verb
from sentiment_ft.errors import ConfigError


@click.command(cls=Verb, epilog=EXIT_CODES)
@config_options
@click.option(
    "--output", metavar="DIR", help="Run folder; default runs/RECIPE[-DATA], or with -2, -3, ... where it exists."
)
@click.option("--overwrite", is_flag=True, help="Replace the run folder given by --output.")
@click.option("--log-all-ranks", is_flag=True, help="Processes other than the first: FOLDER/logs/rank-N.log.")
@quiet_option
def train(
    recipe: str,
    overrides: tuple[str, ...],
    output: str | None,
    overwrite: bool,
    log_all_ranks: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Fine-tune, judge and save a model.

    The same command runs under a launcher: accelerate launch -m sentiment_ft.train ...

    \b
    sentiment-ft train
    sentiment-ft train --recipe t4 --output runs/first
    sentiment-ft train --data reviews.csv --epochs 2 --label-map '{good: 1, bad: 0}'
    """
    if overwrite and output is None:
        raise ConfigError("there is no --output to replace", where="--overwrite", way_out="--output DIR --overwrite")
    loaded = load(recipe, overrides, flags)
    from sentiment_ft import train as training

    training.main(loaded, output=output, overwrite=overwrite, log_all_ranks=log_all_ranks, quiet=quiet)


@click.command(cls=Verb, epilog=EXIT_CODES)
@config_options
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Plan for this many processes.",
)
@click.option(
    "--no-model", is_flag=True, help="No tokenizer, no torch: for a login node. Lengths and padding stay unknown."
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON on standard output.")
@quiet_option
def plan(
    recipe: str, overrides: tuple[str, ...], processes: int, no_model: bool, as_json: bool, quiet: bool, **flags: Any
) -> None:
    """Show what a run will do: rows, updates, learning rate.

    Also every key of the config, with its value and where that came from. Nothing is trained.

    \b
    sentiment-ft plan --recipe t4 --precision fp32
    sentiment-ft plan --data reviews.csv --processes 8 --json
    """
    loaded = load(recipe, overrides, flags)
    from sentiment_ft import plan as plans

    plans.run(loaded, processes=processes, no_model=no_model, as_json=as_json, quiet=quiet)
