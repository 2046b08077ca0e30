"""sync, dashboard and sweep."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from sentiment_ft.cli.options import quiet_option
from sentiment_ft.cli.processes import launch_from_here
from sentiment_ft.cli.verb import EXIT_CODES, Verb

ENTITY = click.option(
    "--entity", envvar="WANDB_ENTITY", metavar="NAME", help="User or team; default: WANDB_ENTITY, else the account's."
)


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

    launch_from_here()
    syncing.run(runs, quiet=quiet)


@click.command(cls=Verb, epilog=EXIT_CODES)
@click.option(
    "--project", envvar="WANDB_PROJECT", metavar="NAME", help="Default: WANDB_PROJECT, else sentiment-ft, as for train."
)
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
    sentiment-ft dashboard
    sentiment-ft dashboard --project sentiment-reviews --dry-run
    """
    from sentiment_ft.terminal import console, printable, results
    from sentiment_ft.track import dashboard as views
    from sentiment_ft.track import wandb_api
    from sentiment_ft.track.panels import library
    from sentiment_ft.track.views import save
    from sentiment_ft.track.wandb_run import DEFAULT_PROJECT

    project = project if project is not None else DEFAULT_PROJECT
    wandb_api.checked_project(project)
    wandb_api.checked_entity(entity)
    makers = (views.workspace, views.report) if with_report else (views.workspace,)
    if dry_run:
        unknown = {} if entity else {"name": None}  # it depends on the account's entity
        shown = [asdict(make(project, entity or "")) | unknown for make in makers]
        results.print(json.dumps({"entity": entity, "project": project, "views": shown}, indent=2), markup=False)
        return
    library()  # before the server is asked for anything
    with wandb_api.connected() as api:
        entity = entity or api.account()
        api.reach(entity, project)
        for make in makers:
            view = make(project, entity)
            saved = save(api, entity, project, view)
            done = "created" if saved.created else "updated"
            console.print(f"{done} {printable(view.title)}: {saved.url}", markup=False)


@click.command(cls=Verb, epilog=EXIT_CODES)
@click.argument("file", required=False)
@click.option("--project", envvar="WANDB_PROJECT", metavar="NAME", help="Default: WANDB_PROJECT, FILE, sentiment-ft.")
@ENTITY
@click.option("--count", type=click.IntRange(1), metavar="N", help="Trials of this agent; default: what W&B gives out.")
@click.option(
    "-r", "--recipe", default="quickstart", show_default=True, metavar="NAME|FILE", help="What a trial starts from."
)
@click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="For all trials; repeatable.",
)
@click.option("--sweep-id", metavar="ID", help="Join this sweep, as a second agent or to go on.")
@click.option("--dry-run", is_flag=True, help="Check FILE and print what would be sent; no key, no network.")
def sweep(**options: Any) -> None:
    """Search settings: W&B chooses, this machine trains.

    FILE is a W&B sweep (default: launch/sweep.yaml). Each trial is a train of its own, under runs/sweep-ID/. A first
    Ctrl-C or SIGTERM lets the trial save.

    \b
    sentiment-ft sweep --count 10
    sentiment-ft sweep mine.yaml --recipe sst2 -o max_length=128
    sentiment-ft sweep --sweep-id ab12cd34 --recipe sst2 -o max_length=128
    """
    from sentiment_ft.launch import sweep as sweeps

    launch_from_here()  # a trial ends with its agent, also by SIGKILL
    sweeps.run(sweeps.Options(**options))
