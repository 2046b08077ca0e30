"""What a sweep asks of the W&B server: create it, find it again, register an agent, be given trials.

wandb's own agent runs the program that the sweep names on the server; this one takes parameters only.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sentiment_ft import yaml_text
from sentiment_ft.errors import ConfigError
from sentiment_ft.terminal import printable
from sentiment_ft.track.tracked import is_id  # it becomes the name of a folder, too
from sentiment_ft.track.wandb_api import WandbApi, WandbFault, within

_GONE = 404
# As in wandb/apis/public/sweeps.py.
_CREATE = """
mutation UpsertSweep($config: String, $description: String, $entityName: String, $projectName: String) {
    upsertSweep(input: {
        config: $config, description: $description, entityName: $entityName, projectName: $projectName
    }) { sweep { name } configValidationWarnings }
}
"""
_FIND = """
query SweepConfig($entity: String, $project: String, $sweep: String!) {
    project(name: $project, entityName: $entity) { sweep(sweepName: $sweep) { name config state } }
}
"""
_REGISTER = """
mutation CreateAgent($host: String!, $projectName: String, $entityName: String, $sweep: String!) {
    createAgent(input: {host: $host, projectName: $projectName, entityName: $entityName, sweep: $sweep}) {
        agent { id }
    }
}
"""
_HEARTBEAT = """
mutation Heartbeat($id: ID!, $metrics: JSONString, $runState: JSONString) {
    agentHeartbeat(input: {id: $id, metrics: $metrics, runState: $runState}) { agent { id } commands }
}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sweep is."""

    entity: str
    project: str
    sweep: str


@dataclass(frozen=True, slots=True)
class Command:
    """kind: run, resume, stop, exit, or another that this agent does not know. values: of a run's parameters."""

    kind: str
    run_id: str
    values: dict[str, Any]


def checked_id(name: str) -> str:
    """Raises ConfigError for what cannot be the id of a sweep."""
    if not is_id(name):
        raise ConfigError(
            f"{printable(name, 60)} is no id of a sweep",
            where="--sweep-id",
            way_out="the last word of its address, as in https://wandb.ai/ENTITY/PROJECT/sweeps/ab12cd34",
        )
    return name


def create(api: WandbApi, entity: str, project: str, config: Mapping[str, Any]) -> str:
    """The id of the new sweep. Raises WandbFault."""
    given = {
        "config": yaml_text.write(dict(config)),  # 1.0e-05, which every YAML reads as a number
        "description": config.get("description"),
        "entityName": entity,
        "projectName": project,
    }
    name = within(api.ask(_CREATE, given), "upsertSweep", "sweep", "name")
    if not isinstance(name, str) or not is_id(name):
        raise WandbFault("did not create the sweep", where=api.server, way_out="may this account write to the project?")
    return name


def config_of(api: WandbApi, place: Place) -> str:
    """The YAML of a sweep that goes on. Raises ConfigError for one that is not there or has ended, WandbFault."""
    given = {"entity": place.entity, "project": place.project, "sweep": place.sweep}
    found = within(api.ask(_FIND, given), "project", "sweep")
    where = f"{printable(place.entity)}/{printable(place.project)}/{place.sweep}"
    if not isinstance(found, dict) or not isinstance(found.get("config"), str):
        raise ConfigError("no such sweep", where=where, way_out="--project, --entity, --sweep-id")
    if str(found.get("state")).upper() in ("FINISHED", "CANCELED", "CANCELLED", "STOPPED"):
        raise ConfigError(
            f"the sweep has ended ({printable(str(found['state']), 20).lower()})",
            where=where,
            way_out="resume it on wandb.ai, or begin one without --sweep-id",
        )
    config: str = found["config"]
    return config


def register(api: WandbApi, place: Place) -> str:
    """The id of a new agent. Raises WandbFault."""
    given = {
        "host": socket.gethostname(),
        "entityName": place.entity,
        "projectName": place.project,
        "sweep": place.sweep,
    }
    number = within(api.ask(_REGISTER, given), "createAgent", "agent", "id")
    if not isinstance(number, str):
        raise WandbFault("took no agent for the sweep", where=api.server, way_out="is the sweep still there?")
    return number


def beat(api: WandbApi, agent: str, running: str | None) -> list[Command]:
    """Say what runs; what to do next. Raises WandbFault; `is_gone` tells a deleted sweep from a server in trouble."""
    given = {"id": agent, "metrics": "{}", "runState": json.dumps({} if running is None else {running: True})}
    said = within(api.ask(_HEARTBEAT, given), "agentHeartbeat", "commands")
    try:
        commands = json.loads(said) if isinstance(said, str) else []
        return [_command(command) for command in commands]
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        raise WandbFault("its commands are no W&B commands", where=api.server, way_out="try again") from None


def is_gone(fault: WandbFault) -> bool:
    """Whether the sweep was deleted."""
    return fault.status == _GONE


def _command(given: Any) -> Command:
    """Raises ValueError, TypeError or AttributeError for what is none."""
    kind, run_id = str(given["type"]), str(given.get("run_id") or "")
    if kind in ("run", "resume", "stop") and not is_id(run_id):
        raise ValueError(run_id)
    values = {str(key): value["value"] for key, value in (given.get("args") or {}).items() if key != "wandb_version"}
    return Command(kind, run_id, values)
