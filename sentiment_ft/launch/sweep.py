"""`sentiment-ft sweep`: a checked file to a sweep on the server, its trials, and a table of what they reached."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from sentiment_ft.errors import EXIT_PREEMPTED, ConfigError, Preempted, TrainingError
from sentiment_ft.launch import sweep_file, sweep_server, sweep_values
from sentiment_ft.launch.sweep_agent import Agent
from sentiment_ft.launch.sweep_draft import Draft
from sentiment_ft.launch.sweep_file import LOWER
from sentiment_ft.launch.sweep_server import Place
from sentiment_ft.launch.trial import Outcome, Plan, best
from sentiment_ft.terminal import console, ended_by, printable, results
from sentiment_ft.track import wandb_api
from sentiment_ft.track.numbers import number
from sentiment_ft.track.wandb_api import WandbApi
from sentiment_ft.track.wandb_run import DEFAULT_PROJECT


@dataclass(frozen=True, slots=True)
class Options:
    """As of the command line. sweep_id: of one that is there; None: begin one."""

    file: str | None
    project: str | None
    entity: str | None
    count: int | None
    recipe: str
    overrides: tuple[str, ...]
    sweep_id: str | None
    dry_run: bool


def run(options: Options) -> None:
    """Raises ConfigError for what is wrong before anything is made, WandbFault for the server, TrainingError when no
    trial gave a model, Preempted after a signal.
    """
    off = (os.environ.get("WANDB_MODE") or "online") != "online"
    if (off or wandb_api.is_disabled()) and not options.dry_run:
        where = "WANDB_MODE" if off else "WANDB_DISABLED"
        raise ConfigError(
            "a sweep is W&B's server choosing what to try next: it is not for offline",
            where=where,
            way_out=f"unset {where}, or --dry-run",
        )
    if options.sweep_id is not None:
        if options.file is not None or options.dry_run:
            raise ConfigError("has a file on the server", where="--sweep-id", way_out="leave out FILE and --dry-run")
        sweep_server.checked_id(options.sweep_id)
    draft = _draft(options)
    project, entity = _place(options, draft)
    if options.dry_run:
        _show(options, draft, project, entity)
        return
    with wandb_api.connected() as api:
        _on(api, options, draft, project, entity)


def _on(api: WandbApi, options: Options, draft: Draft | None, project: str, entity: str | None) -> None:
    """Create the sweep, or find it, and run its trials."""
    entity = entity or api.account()
    if options.sweep_id is None:
        assert draft is not None
        api.reach(entity, project)
        place = Place(entity, project, sweep_server.create(api, entity, project, _sent(draft)))
    else:
        place = Place(entity, project, options.sweep_id)
        draft = sweep_file.read(sweep_server.config_of(api, place), f"sweep {place.sweep}")
        sweep_values.check(draft, options.recipe, options.overrides)
    address = printable(wandb_api.address(api, place.entity, place.project))
    console.print(f"sweep {place.sweep}: {address}/sweeps/{place.sweep}", markup=False)
    _carry_out(api, options, draft, place)


def _draft(options: Options) -> Draft | None:
    """The checked file; None where the sweep is on the server."""
    if options.sweep_id is not None:
        return None
    draft = sweep_file.read(*sweep_file.text_of(options.file))
    sweep_values.check(draft, options.recipe, options.overrides)
    return draft


def _place(options: Options, draft: Draft | None) -> tuple[str, str | None]:
    """Project and entity: of the command line, else of the file."""
    found: dict[str, str | None] = {"project": options.project or DEFAULT_PROJECT, "entity": options.entity}
    where = {key: f"--{key}" for key in found}
    for key in found:
        if draft is not None and getattr(options, key) is None and draft.content.get(key):
            found[key], where[key] = draft.content[key], draft.place(key)
    project, entity = str(found["project"]), found["entity"]
    return wandb_api.checked_project(project, where["project"]), wandb_api.checked_entity(entity, where["entity"])


def _sent(draft: Draft) -> dict[str, object]:
    """The sweep as the server gets it: distributions by their names, which a server may guess otherwise."""
    kept = {key: value for key, value in draft.content.items() if key not in ("project", "entity")}
    named = {parameter.name: parameter.distribution for parameter in draft.parameters}
    return kept | {
        "parameters": {
            name: {**spec, "distribution": named[name]} for name, spec in draft.content["parameters"].items()
        }
    }


def _show(options: Options, draft: Draft | None, project: str, entity: str | None) -> None:
    assert draft is not None
    plan = _plan(options, draft, Place(entity or "", project, "ID"))
    first = {parameter.name: parameter.samples[0] for parameter in draft.parameters}
    trial = ["python", *plan.argv("TRIAL", first)[1:]]
    shown = {"project": project, "entity": entity, "sweep": _sent(draft), "trial": trial}
    results.print(json.dumps(shown, indent=2), markup=False)


def _plan(options: Options, draft: Draft, place: Place) -> Plan:
    score = str((draft.content.get("metric") or {}).get("name", "eval/accuracy")).removeprefix("eval/")
    return Plan(options.recipe, options.overrides, place, score, lower=score in LOWER)


def _carry_out(api: WandbApi, options: Options, draft: Draft, place: Place) -> None:
    plan = _plan(options, draft, place)
    if options.sweep_id is None:
        console.print(f"another agent of it: {printable(plan.join(), 4096)}", markup=False)
    agent = Agent(api, plan, frozenset(parameter.name for parameter in draft.parameters), options.count)
    try:
        agent.run()
    finally:
        _conclude(plan, agent.outcomes)
    if agent.received:
        ended = sum(found.code != EXIT_PREEMPTED for found in agent.outcomes)  # W&B gives the others out again
        left = None if options.count is None else max(1, options.count - ended)
        way_out = f"go on: {printable(plan.join(left), 4096)}"
        raise Preempted(f"{ended_by(agent.received[0])}", where=f"sweep {place.sweep}", way_out=way_out)
    if agent.outcomes and best(agent.outcomes, lower=plan.lower) is None:
        raise TrainingError("no trial gave a model", where=f"sweep {place.sweep}", way_out="see their messages above")


def _conclude(plan: Plan, outcomes: Sequence[Outcome]) -> None:
    """The table, and the command that repeats the best."""
    if not outcomes:
        console.print("no trial was run", markup=False)
        return
    winner = best(outcomes, lower=plan.lower)
    table = Table(title=f"sweep {plan.place.sweep}", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("trial", no_wrap=True)
    table.add_column("parameters", overflow="fold")
    table.add_column(f"best {plan.score}", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for found in outcomes:
        values = ", ".join(f"{key}={_value(value)}" for key, value in found.values.items())
        mark = "best" if found is winner else "" if found.code == 0 else found.how()
        table.add_row(found.run_id, Text(printable(values)), number(found.value, 4), mark)
    console.print(table)
    console.print(f"folders: {printable(str(outcomes[0].folder.parent))}/TRIAL", markup=False)
    if winner is not None:
        console.print("the best again:", markup=False)
        results.print(printable(plan.again(winner.values)), markup=False)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
