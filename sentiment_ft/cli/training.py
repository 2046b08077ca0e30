"""train and plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from sentiment_ft.cli.options import config_options, load, quiet_option
from sentiment_ft.cli.verb import EXIT_CODES, Verb
from sentiment_ft.errors import ConfigError


@click.command(cls=Verb, epilog=EXIT_CODES)
@config_options
@click.option(
    "--output", metavar="DIR", help="Run folder; default runs/RECIPE[-DATA], or with -2, -3, ... where it exists."
)
@click.option("--overwrite", is_flag=True, help="Replace the run folder given by --output.")
@click.option(
    "--resume",
    metavar="auto|PATH",
    help="Go on from the newest whole checkpoint: of --output or the newest unfinished run (auto: else begin), or of a "
    "run folder, whose settings are taken; or from one checkpoint.",
)
@click.option(
    "--allow-changed",
    multiple=True,
    metavar="KEY",
    help="Of --resume: what may differ from the run that saved; repeatable.",
)
@click.option("--log-all-ranks", is_flag=True, help="Processes other than the first: FOLDER/logs/rank-N.log.")
@quiet_option
@click.pass_context
def train(
    ctx: click.Context,
    /,
    recipe: str,
    overrides: tuple[str, ...],
    output: str | None,
    overwrite: bool,
    resume: str | None,
    allow_changed: tuple[str, ...],
    log_all_ranks: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Fine-tune, judge and save a model.

    The same command runs under a launcher: accelerate launch -m sentiment_ft.train ...

    A first Ctrl-C, SIGTERM or SIGUSR2 saves a checkpoint and ends with code 75; --resume goes on from it, to the bit.

    \b
    sentiment-ft train
    sentiment-ft train --recipe t4 --output runs/first --resume auto
    sentiment-ft train --resume runs/first
    sentiment-ft train --data reviews.csv --epochs 2 --label-map '{good: 1, bad: 0}'
    """
    if overwrite and output is None:
        raise ConfigError("there is no --output to replace", where="--overwrite", way_out="--output DIR --overwrite")
    if overwrite and resume is not None:
        raise ConfigError("one of the two", where="--overwrite and --resume")
    if allow_changed and resume is None:
        raise ConfigError("is for --resume", where="--allow-changed")
    if resume not in (None, "auto"):
        from sentiment_ft.run.find import config_of

        if output is not None and not _same(output, str(config_of(str(resume)).parent)):
            raise ConfigError("the run goes on in its own folder", where="--output", way_out="leave out --output")
        if ctx.get_parameter_source("recipe") == ParameterSource.DEFAULT:
            recipe = _readable(config_of(str(resume)))
    loaded = load(recipe, overrides, flags)
    from sentiment_ft import train as training
    from sentiment_ft.run.begin import Begin

    begin = Begin(output, overwrite, resume, allow_changed)
    training.main(loaded, begin, log_all_ranks=log_all_ranks, quiet=quiet)


def _readable(config: Path) -> str:
    """The config of a run as a recipe. Raises ConfigError that says where there is another copy of it."""
    from sentiment_ft.run.find import config_again

    try:
        load(str(config), (), {})
    except ConfigError as error:
        way_out = config_again(config.parent) or error.way_out
        raise ConfigError(error.what, where=error.where, way_out=way_out) from None
    return str(config)


def _same(folder: str, other: str) -> bool:
    return os.path.realpath(os.path.expanduser(folder)) == os.path.realpath(other)


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
