"""The verbs. Each parses its options and calls one function; nothing heavy is imported before that."""

from __future__ import annotations

import click

from sentiment_ft import __version__
from sentiment_ft.cli.data_verbs import data
from sentiment_ft.cli.judging import evaluate, predict
from sentiment_ft.cli.launching import launch
from sentiment_ft.cli.machine import completion, doctor
from sentiment_ft.cli.proving import chaos, verify
from sentiment_ft.cli.reporting import report
from sentiment_ft.cli.tracking import dashboard, sweep, sync
from sentiment_ft.cli.training import plan, train
from sentiment_ft.cli.verb import EXIT_CODES, Verbs


@click.group(
    cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EXIT_CODES
)
@click.version_option(__version__, "-V", "--version", prog_name="sentiment-ft")
def main() -> None:
    """Fine-tune BERT for the sentiment of movie reviews.

    \b
    sentiment-ft train                          the main job: 3,000 synthetic reviews, bundled BERT
    sentiment-ft predict "What a lovely film!"  use what was trained
    """


for verb in (
    train, launch, evaluate, predict, plan, report, sync, dashboard, sweep, verify, chaos, data, doctor, completion,
):  # fmt: skip
    main.add_command(verb)
