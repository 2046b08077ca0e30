"""sync."""

from __future__ import annotations

import click

from sentiment_ft.cli.options import quiet_option
from sentiment_ft.cli.verb import EXIT_CODES, Verb


@click.command(cls=Verb, epilog=EXIT_CODES)
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@quiet_option
def sync(runs: tuple[str, ...], quiet: bool) -> None:
    """Send to Weights & Biases what it lacks of a run.

    RUN is a run folder, also one that was not tracked; without one, all under runs/ that were not sent to their end:
    the server was down, there was no account, WANDB_MODE was offline. Each number arrives once, however often it is
    asked.

    \b
    sentiment-ft sync
    sentiment-ft sync runs/quickstart
    """
    from sentiment_ft import sync as syncing

    syncing.run(runs, quiet=quiet)
