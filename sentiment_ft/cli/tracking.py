"""dashboard and sweep."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from sentiment_ft.cli.verb import EXIT_CODES, Verb
from sentiment_ft.errors import ConfigError

ENTITY = click.option(
    "--entity", envvar="WANDB_ENTITY", metavar="NAME", help="User or team; default: WANDB_ENTITY, else the account's."
)


@click.command(cls=Verb, epilog=EXIT_CODES)
@click.option("--project", envvar="WANDB_PROJECT", metavar="NAME", help="Required, here or as WANDB_PROJECT.")
@ENTITY
@click.option("--report", "with_report", is_flag=True, help="A report template as well.")
@click.option(
    "--dry-run", is_flag=True, help="Print what would be saved as JSON on standard output; no key, no network."
)
def dashboard(project: str | None, entity: str | None, with_report: bool, dry_run: bool) -> None:
    """Save our workspace in a W&B project.

    Curves, evaluation, throughput and memory, the machine, a comparison of runs. Saved again it is replaced, with what
    was changed in it by hand; a copy of it on wandb.ai (save as a new view) stays.

    \b
    sentiment-ft dashboard --project sentiment-reviews
    sentiment-ft dashboard --project sentiment-reviews --dry-run
    """
    from sentiment_ft.terminal import console, printable, results
    from sentiment_ft.track import dashboard as views
    from sentiment_ft.track import wandb_api
    from sentiment_ft.track.views import save

    if project is None:
        raise ConfigError("is missing", where="--project", way_out="--project NAME, or WANDB_PROJECT")
    wandb_api.checked_project(project)
    wandb_api.checked_entity(entity)
    makers = (views.workspace, views.report) if with_report else (views.workspace,)
    if dry_run:
        shown = [asdict(make(project)) for make in makers]
        results.print(json.dumps({"entity": entity, "project": project, "views": shown}, indent=2), markup=False)
        return
    ready = [make(project) for make in makers]  # before the server is asked for anything
    api = wandb_api.connect()
    entity = entity or api.account()
    api.reach(entity, project)
    for view in ready:
        saved = save(api, entity, project, view)
        console.print(f"{'created' if saved.created else 'updated'} {printable(view.title)}: {saved.url}", markup=False)
