"""data make and data show."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from sentiment_ft.cli.options import load_reading, quiet_option, reading_options
from sentiment_ft.cli.verb import EXIT_CODES, Verbs


@click.group(cls=Verbs)
def data() -> None:
    """Make synthetic reviews; look at any source of rows.

    \b
    sentiment-ft data make reviews.jsonl
    sentiment-ft data show reviews.jsonl
    """


@data.command("make", epilog=EXIT_CODES)
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--rows", type=click.IntRange(2), default=3000, show_default=True, metavar="N")
@click.option("--seed", type=click.IntRange(0), default=42, show_default=True, metavar="N")
@click.option(
    "--families",
    type=click.Choice(["train", "held-out", "all"]),
    default="train",
    show_default=True,
    help="Template families: those of `synthetic`, those kept for the sealed test, or both.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT.")
@quiet_option
def make(
    output: Path, rows: int, seed: int, families: Literal["train", "held-out", "all"], overwrite: bool, quiet: bool
) -> None:
    """Write synthetic reviews to a .jsonl, .csv or .tsv file.

    \b
    sentiment-ft data make reviews.jsonl --rows 100000
    """
    from sentiment_ft.data_make import make as write

    write(output, rows=rows, seed=seed, families=families, overwrite=overwrite, quiet=quiet)


@data.command("show", epilog=EXIT_CODES)
@click.argument("source", default="synthetic")
@click.option(
    "-m",
    "--model",
    "model_name_or_path",
    default="bundled",
    show_default=True,
    metavar="NAME|DIR",
    help="Whose tokenizer counts.",
)
@click.option("--max-length", type=click.IntRange(8), default=256, show_default=True, metavar="TOKENS")
@click.option("--samples", type=click.IntRange(0), default=6, show_default=True, metavar="N", help="Rows to print.")
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON on standard output.")
@quiet_option
def show(source: str, overrides: tuple[str, ...], samples: int, as_json: bool, quiet: bool, **flags: Any) -> None:
    """Read SOURCE as training would; account for every row.

    Any share of bad rows is tolerated, unless --max-rejected-share says otherwise.

    \b
    sentiment-ft data show reviews.csv
    sentiment-ft data show stars.csv --negative-max-rating 2 --positive-min-rating 4
    """
    overrides = ("max_rejected_share=1", *overrides)  # looking at bad rows is the point; the last one given counts
    loaded = load_reading(overrides, flags | {"data": source})
    from sentiment_ft import data_report

    data_report.run(loaded.config, samples=samples, as_json=as_json, quiet=quiet)
