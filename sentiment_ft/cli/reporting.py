"""report."""

from __future__ import annotations

import click

from sentiment_ft.cli.verb import EXIT_CODES, Verb


@click.command(cls=Verb, epilog=EXIT_CODES)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--output",
    metavar="FILE",
    help="Default: report.html in the run folder; of several runs, report-compare.html here.",
)
def report(runs: tuple[str, ...], output: str | None) -> None:
    """Show a run, or several side by side, in one HTML file.

    It opens in any browser, without a server and without network. Several runs are compared row by row with the first.

    \b
    sentiment-ft report runs/quickstart
    sentiment-ft report runs/quickstart runs/quickstart-2 --output compared.html
    """
    from sentiment_ft.report import write

    write.run(runs, output)
