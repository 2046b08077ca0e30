"""Saved views of a W&B project, workspaces and reports: found by W&B's own name for them and replaced, so that there is
one of each however often it is saved.

wandb-workspaces would draw a new name at each save, and so make a second view.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from sentiment_ft.terminal import printable
from sentiment_ft.track.dashboard import View
from sentiment_ft.track.wandb_api import WandbApi, WandbFault, address, within

# As in wandb_workspaces: workspaces/internal.py (View, UpsertView2), reports/v2/gql.py (upsertView).
_FIND = """
query View($entityName: String, $projectName: String, $viewType: String, $viewName: String) {
    project(name: $projectName, entityName: $entityName) {
        allViews(viewType: $viewType, viewName: $viewName) { edges { node { id name displayName } } }
    }
}
"""
_SAVE = """
mutation UpsertView(
    $id: ID, $entityName: String, $projectName: String, $type: String, $name: String, $displayName: String,
    $description: String, $spec: String!
) {
    upsertView(input: {
        id: $id, entityName: $entityName, projectName: $projectName, name: $name, displayName: $displayName,
        description: $description, type: $type, spec: $spec, createdUsing: WANDB_SDK
    }) { view { id name } inserted }
}
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """created: it was not there before."""

    url: str
    created: bool


def save(api: WandbApi, entity: str, project: str, view: View) -> Saved:
    """Create the view or replace what is in it. Raises WandbFault."""
    place = {"entityName": entity, "projectName": project}
    known = _found(api, place, view)
    variables = place | {
        "type": view.kind,
        "name": view.name,
        "displayName": view.title,
        "description": view.description,
        "spec": json.dumps(view.spec),
    }
    answer = api.ask(_SAVE, variables | ({} if known is None else {"id": known}))
    number = within(answer, "upsertView", "view", "id")
    if not isinstance(number, str):
        raise WandbFault("did not save the view", where=api.server, way_out="may this account write to the project?")
    return Saved(_url(address(api, entity, project), view, number), known is None)


def _found(api: WandbApi, place: dict[str, str], view: View) -> str | None:
    """W&B's id of the view; None where there is none."""
    found = api.ask(_FIND, place | {"viewType": view.kind, "viewName": view.name})
    edges = within(found, "project", "allViews", "edges")
    nodes = [within(edge, "node") for edge in (edges if isinstance(edges, list) else [])]
    # A server that did not know the filter would answer with all views: not to be replaced by ours.
    ids = [within(node, "id") for node in nodes if within(node, "name") == view.name]
    return next((number for number in ids if isinstance(number, str)), None)


def _url(base: str, view: View, number: str) -> str:
    if view.kind == "project-view":
        return printable(f"{base}?nw={quote(view.name.removeprefix('nw-').removesuffix('-v'))}")
    title = re.sub(r"-+", "-", re.sub(r"\W", "-", view.title))  # as in wandb: apis/public/reports.py
    return printable(f"{base}/reports/{quote(title)}--{quote(number.rstrip('='))}")
