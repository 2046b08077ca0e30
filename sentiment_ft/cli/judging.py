"""eval and predict."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from sentiment_ft.cli.options import feeding_options, load_reading, quiet_option, reading_options
from sentiment_ft.cli.verb import EXIT_CODES, Verb


@click.command("eval", cls=Verb, epilog=EXIT_CODES)
@click.argument("model", required=False)
@click.option(
    "-d",
    "--data",
    required=True,
    metavar="SOURCE",
    help="Labelled rows: file, folder, synthetic:held-out, hub:NAME:SPLIT.",
)
@click.option(
    "--output", metavar="DIR", help="Write judgement.json, predictions, worst errors, rejected rows and plots there."
)
@reading_options
@feeding_options
@click.option(
    "--samples",
    type=click.IntRange(100),
    default=1000,
    show_default=True,
    metavar="N",
    help="Bootstrap resamples behind the intervals.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=42,
    show_default=True,
    metavar="N",
    help="Seed of the resamples, not of rows.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the judgement as JSON on standard output.")
@quiet_option
def evaluate(model: str | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Judge a saved MODEL on labelled rows.

    Default: the best model of the newest finished run under runs/.

    \b
    sentiment-ft eval --data synthetic:held-out
    sentiment-ft eval runs/quickstart/best --data dev.tsv --output judged
    """
    from sentiment_ft import evaluation

    own = {field.name for field in fields(evaluation.Options)}
    read = {key: value for key, value in options.items() if key not in own}
    chosen = evaluation.Options(**{key: value for key, value in options.items() if key in own})
    evaluation.run(model, load_reading(overrides, read).config, chosen)


@click.command(cls=Verb, epilog=EXIT_CODES)
@click.argument("texts", nargs=-1)
@click.option("-m", "--model", metavar="NAME|DIR", help="Default: the best model of the newest run.")
@click.option(
    "-f", "--file", metavar="FILE", help="csv, tsv, jsonl, parquet, or txt with one text a line; - is standard input."
)
@click.option("--text-column", metavar="NAME", help="Column of --file that holds the text.")
@click.option("--output", metavar="FILE", help="Write there instead of standard output; .csv or .jsonl.")
@click.option(
    "--format",
    "chosen",
    type=click.Choice(["text", "jsonl", "csv"]),
    help="Default: by --output; text on a terminal, else jsonl.",
)
@feeding_options
@quiet_option
def predict(texts: tuple[str, ...], **options: Any) -> None:
    """Label texts: arguments, rows of a file, or standard input.

    One record for each text, in order; a text that cannot be used gets a record that says why.

    \b
    sentiment-ft predict "This movie is absolutely amazing!" "Terrible movie, waste of time."
    sentiment-ft predict --file reviews.csv --output labelled.jsonl
    cat reviews.txt | sentiment-ft predict > labelled.jsonl
    """
    from sentiment_ft import predict as prediction

    prediction.run(texts, prediction.Options(**options))
