"""doctor and completion."""

from __future__ import annotations

import sys

import click

from sentiment_ft.cli.verb import EXIT_CODES, Verb


@click.command(cls=Verb, epilog=EXIT_CODES)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Check this machine: versions, devices, precisions, traps.

    Exits with 4 when something is broken.

    \b
    sentiment-ft doctor
    """
    from sentiment_ft import doctor as examination

    sys.exit(examination.run(as_json))


@click.command(cls=Verb, epilog=EXIT_CODES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    eval "$(sentiment-ft completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "sentiment-ft", "_SENTIMENT_FT_COMPLETE").source())
