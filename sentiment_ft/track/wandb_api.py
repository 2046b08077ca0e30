"""The W&B server, asked directly: who we are, which projects there are, where a run ends. Each question is bounded in
seconds, and what goes wrong is one line.

Records do not go this way: `wandb_mirror` hands them to W&B's own process.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import ValidationError

from sentiment_ft.errors import ConfigError, ModelError
from sentiment_ft.run.environment import scrubbed
from sentiment_ft.terminal import printable
from sentiment_ft.track import wandb_service

SECONDS_TO_ANSWER = 15  # wandb-core tries a dead server again and again until then
SECONDS_TO_LEAVE = 5
MAX_PROJECT = 128
FORBIDDEN_IN_PROJECT = "/\\#?%:"  # by wandb.Settings
_ENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_LOG_IN = "wandb login, or WANDB_API_KEY in the environment"

# The one place where the words of W&B's GraphQL for accounts and projects stand.
_ACCOUNT = "query Account { viewer { entity } }"
_PROJECT = """
query ProjectOfEntity($entity: String!, $project: String!) {
    entity(name: $entity) { name }
    project(name: $project, entityName: $entity) { id }
}
"""
_END_OF_RUN = """
query EndOfRun($entity: String!, $project: String!, $run: String!) {
    model(name: $project, entityName: $entity) { bucket(name: $run, missingOk: true) { historyTail summaryMetrics } }
}
"""
_CREATE_PROJECT = """
mutation CreateProject($entity: String!, $project: String!) {
    upsertModel(input: {name: $project, entityName: $entity}) { project { id } }
}
"""


def is_disabled() -> bool:
    """By the variable that the Hugging Face Trainer and older wandb read."""
    return os.environ.get("WANDB_DISABLED", "").lower() in ("true", "1", "yes", "on")


class WandbFault(ModelError):
    """The server cannot be asked, or answers with an error. status: that of HTTP, None where there was no answer."""

    def __init__(self, what: str, *, where: str, way_out: str, status: int | None = None) -> None:
        super().__init__(what, where=where, way_out=way_out)
        self.status = status


class WandbApi:
    """Questions to one server by one account. server, app: its addresses, for programs and for people."""

    def __init__(self, api: Any, server: str) -> None:
        self._api = api
        self.server = server
        self.app = without_login(str(api._service_api.app_url))

    def ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of the answer. Raises WandbFault."""
        try:
            # Private to wandb, which has no public way since 0.28; wandb-workspaces takes the same.
            answer = self._api._service_api.execute_graphql(query, variables=variables)
        except Exception as error:  # of several types, for a service that died, a timeout, an answer that is no JSON
            raise _fault(error, self.server) from None
        if not isinstance(answer, dict):
            raise WandbFault("its answer is no W&B answer", where=self.server, way_out="is WANDB_BASE_URL right?")
        return answer

    def account(self) -> str:
        """The entity of the account. Raises WandbFault."""
        entity = within(self.ask(_ACCOUNT, {}), "viewer", "entity")
        if not isinstance(entity, str) or not entity:
            raise WandbFault("the account has no entity of its own", where=self.server, way_out="--entity NAME")
        return entity

    def end_of_run(self, entity: str, project: str, run: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The newest rows in the history of a run, the last of them the newest, and its summary. Raises WandbFault."""
        bucket = within(self.ask(_END_OF_RUN, {"entity": entity, "project": project, "run": run}), "model", "bucket")
        try:
            rows = [json.loads(row) for row in json.loads(bucket["historyTail"] or "[]")]
            summary = json.loads(bucket["summaryMetrics"] or "{}")
            if all(isinstance(found, dict) for found in (*rows, summary)):
                return rows, summary
        except (LookupError, TypeError, ValueError, RecursionError):
            pass
        raise WandbFault("does not say where the run ends", where=self.server, way_out="is WANDB_BASE_URL right?")

    def reach(self, entity: str, project: str) -> None:
        """See that the project is there; create it in an entity that is. Raises ConfigError for one that is not,
        WandbFault.
        """
        found = self.ask(_PROJECT, {"entity": entity, "project": project})
        if not found.get("entity"):
            raise ConfigError(
                f"no entity {printable(entity, 60)} that this account can see",
                where="--entity",
                way_out="your user name or a team; without --entity it is that of the account",
            )
        if not found.get("project"):
            self.ask(_CREATE_PROJECT, {"entity": entity, "project": project})


def within(found: Any, *keys: str) -> Any:
    """What an answer holds there; None where it does not: a server may answer anything."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


@contextlib.contextmanager
def connected() -> Iterator[WandbApi]:
    """As `connect`; afterwards W&B's own process is gone, which a lost server can keep from ending by itself."""
    try:
        yield connect()
    finally:
        wandb_service.leave(SECONDS_TO_LEAVE)


def connect(seconds: int = SECONDS_TO_ANSWER) -> WandbApi:
    """seconds: that each question may take.

    Log in as the environment, ~/.netrc or `wandb login` say; never asks on a terminal. Raises ConfigError for
    settings that cannot be, WandbFault.
    """
    try:
        import wandb

        # silent: no prompt for a key and nothing of wandb's own on standard error, where a key could be quoted.
        set_up = wandb.setup(wandb.Settings(silent=True))
    except Exception as error:  # of pydantic, of wandb, or a bare ValueError at its import
        raise ConfigError(
            f"W&B cannot start: {what_is_wrong(error)}", where="the environment", way_out="see the variables WANDB_..."
        ) from None
    server = _shown(str(set_up.settings.base_url))
    try:
        api = wandb.Api(timeout=seconds)
    except wandb.errors.UsageError:  # wandb's words would be those of an interactive program
        raise WandbFault("there is no API key", where=server, way_out=_LOG_IN) from None
    except Exception as error:
        raise _fault(error, server) from None
    return WandbApi(api, server)


def address(api: WandbApi, entity: str, project: str) -> str:
    """Where people see a project."""
    return f"{api.app.rstrip('/')}/{quote(entity)}/{quote(project)}"


def checked_project(name: str, where: str = "--project") -> str:
    """A name that W&B takes. where: it was given. Raises ConfigError."""
    wrong = sorted({letter for letter in name if letter in FORBIDDEN_IN_PROJECT or printable(letter) != letter})
    what = None
    if not name.strip():
        what = "is empty"
    elif len(name) > MAX_PROJECT:
        what = f"is {len(name):,} characters long; W&B takes {MAX_PROJECT}"
    elif wrong:
        what = f"{printable(name, 60)} has characters that W&B forbids: {' '.join(map(printable, wrong[:10]))}"
    if what is not None:
        raise ConfigError(what, where=where, way_out="letters, digits, - and _, as in sentiment-reviews")
    return name


def checked_entity(name: str | None, where: str = "--entity") -> str | None:
    """A name that can be an entity's. where: it was given. Raises ConfigError."""
    if name is not None and not _ENTITY.fullmatch(name):
        raise ConfigError(
            f"{printable(name, 60)} is no name of a user or team",
            where=where,
            way_out="letters, digits, -, _ and ., as in the address https://wandb.ai/ENTITY/PROJECT",
        )
    return name


def what_is_wrong(error: BaseException) -> str:
    """On one line, without the values, among which may be a password, and without a key, masked before it is cut."""
    said = str(error)
    if isinstance(error, ValidationError):
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_input=False)]
        said = "; ".join(faults)
    return printable(without_key(" ".join(said.split())), 300)


def without_login(url: str) -> str:
    """An address without the user and password that may stand in it; empty for what is none."""
    try:
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    except ValueError:
        return ""


def _shown(url: str) -> str:
    return printable(without_login(url), 200) or "WANDB_BASE_URL"


def without_key(said: str) -> str:
    """A server may quote the key in its words."""
    key = os.environ.get("WANDB_API_KEY")
    return scrubbed(said.replace(key, "***") if key else said)


def _fault(error: Exception, server: str) -> WandbFault:
    said = printable(what_is_wrong(error), 200)
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    status = getattr(response, "http_status", 0) or None
    if "did not respond in time" in said:
        return WandbFault("does not answer in time", where=server, way_out="is it there, and is WANDB_BASE_URL right?")
    if status in (401, 403) or "API key" in said:
        what = "refuses the API key" if status == 401 else f"refuses: {said}"
        return WandbFault(what, where=server, way_out=_LOG_IN, status=status)
    return WandbFault(f"answers with an error: {said}", where=server, way_out="try again; see its words", status=status)
