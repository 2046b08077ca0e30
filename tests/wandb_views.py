"""Saved views, projects and sweeps of a W&B server on this machine: what `dashboard` and `sweep` ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from tests.wandb_server import Server, serving


class Views:
    """What the server knows. trials: what a sweep gives out, in turn; each a dict of parameters, or a whole command."""

    def __init__(self, entities: tuple[str, ...] = ("me", "team")) -> None:
        self.entities = entities
        self.projects: set[tuple[str, str]] = set()
        self.views: dict[str, dict[str, Any]] = {}
        self.sweeps: dict[str, dict[str, Any]] = {}
        self.trials: list[dict[str, Any]] = []
        self.beats: list[dict[str, bool]] = []
        self.given_out: list[str] = []

    def Account(self, given):
        return {"viewer": {"entity": "me"}}

    def ProjectOfEntity(self, given):
        there = (given["entity"], given["project"]) in self.projects
        entity = {"name": given["entity"]} if given["entity"] in self.entities else None
        return {"entity": entity, "project": {"id": "p"} if there else None}

    def CreateProject(self, given):
        self.projects.add((given["entity"], given["project"]))
        return {"upsertModel": {"project": {"id": "p"}}}

    def View(self, given):
        """As W&B: all views of the kind when no name is given."""
        wanted = (given["entityName"], given["projectName"], given["viewType"])
        found = [
            {"node": {key: view[key] for key in ("id", "name", "displayName")}}
            for view in self.views.values()
            if (view["entityName"], view["projectName"], view["type"]) == wanted
            and given.get("viewName") in (None, view["name"])
        ]
        return {"project": {"allViews": {"edges": found}}}

    def UpsertView(self, given):
        """As W&B: without an id a new view, whatever its name."""
        number = given.get("id") or f"Vmlldzo{len(self.views)}="
        inserted = number not in self.views
        self.views[number] = {**given, "id": number}
        return {"upsertView": {"view": {"id": number, "name": given["name"]}, "inserted": inserted}}

    def UpsertSweep(self, given):
        name = f"sweep{len(self.sweeps)}"
        self.sweeps[name] = {**given, "state": "RUNNING"}
        project = {"name": given["projectName"], "entity": {"name": given["entityName"]}}
        return {"upsertSweep": {"sweep": {"name": name, "project": project}, "configValidationWarnings": []}}

    def SweepConfig(self, given):
        sweep = self.sweeps.get(given["sweep"])
        found = None if sweep is None else {"name": given["sweep"], "config": sweep["config"], "state": sweep["state"]}
        return {"project": {"sweep": found}}

    def CreateAgent(self, given):
        assert given["sweep"] in self.sweeps
        return {"createAgent": {"agent": {"id": "agent0"}}}

    def Heartbeat(self, given):
        running = json.loads(given["runState"])
        self.beats.append(running)
        commands: list[dict[str, Any]] = []
        if not running:
            commands = [self._next()]
        return {"agentHeartbeat": {"agent": {"id": "agent0"}, "commands": json.dumps(commands)}}

    def _next(self) -> dict[str, Any]:
        if not self.trials:
            return {"type": "exit"}
        trial = self.trials.pop(0)
        if "type" in trial:
            return trial
        run = f"trial{len(self.given_out)}"
        self.given_out.append(run)
        return {"type": "run", "run_id": run, "args": {key: {"value": value} for key, value in trial.items()}}

    def config(self, sweep: str) -> dict[str, Any]:
        return yaml.safe_load(self.sweeps[sweep]["config"])


@contextmanager
def serving_views(**knows: Any) -> Iterator[Server]:
    """Within: a server that takes runs, and has `known`, its Views."""
    with serving() as server:
        server.known = Views(**knows)
        yield server


def environment(server: Server, home: Any) -> dict[str, str]:
    """Variables of a process that has an account on this server, and nothing of this machine's own."""
    return {
        **server.variables(), "HOME": str(home), "NETRC": str(home / "netrc"), "WANDB_ERROR_REPORTING": "false",
        "WANDB_PROJECT": "", "WANDB_ENTITY": "",
    }  # fmt: skip
