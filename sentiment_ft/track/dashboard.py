"""The W&B workspace and the report template as code: the views that `sentiment-ft dashboard` keeps in a project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sentiment_ft.track import panels
from sentiment_ft.track.report_template import blocks

NAME = "sentiment-ft"
REPORT = "sentiment-ft: report"
COLUMNS = (
    "run:state",
    "summary:validation/accuracy",
    "summary:test/accuracy",
    "summary:best_update",
    "summary:wall_s",
    "config:learning_rate",
    "config:per_device_batch_size",
)


@dataclass(frozen=True, slots=True)
class View:
    """What W&B saves. kind: `project-view` (a workspace) or `runs` (a report); name: W&B's own, by which it is found
    again; title: what people read.
    """

    kind: str
    name: str
    title: str
    description: str
    spec: dict[str, Any]


def workspace(project: str, entity: str = "") -> View:
    """The same text for the same project each time. Raises ModelError without wandb-workspaces."""
    workspaces, reports = panels.library()
    sections = [
        workspaces.Section(
            name=title,
            panels=panels.named(content(reports), NAME, title),
            is_open=True,
            layout_settings=workspaces.SectionLayoutSettings(columns=3, rows=2),
            panel_settings=workspaces.SectionPanelSettings(x_axis="Step" if title == "System" else "update"),
        )
        for title, content in panels.SECTIONS
    ]
    made = workspaces.Workspace(
        name=NAME,
        entity="",  # the spec does not name it; without a value the library asks the server
        project=project,
        sections=sections,
        auto_generate_panels=False,  # else W&B adds a panel for each name beside ours
        settings=workspaces.WorkspaceSettings(x_axis="update", max_runs=20),
        runset_settings=workspaces.RunsetSettings(pinned_columns=["run:displayName", *COLUMNS]),
    )
    made._internal_runset_id = panels.stable_id(NAME, "runs")
    # Of the form that W&B's address ?nw=... knows; of this project only, should names be unique among all of W&B.
    name = f"nw-{panels.stable_id(NAME, 'workspace', entity, project)[:11]}-v"
    return View("project-view", name, NAME, "", _plain(made._to_model().spec))


def report(project: str, entity: str = "") -> View:
    """The same text for the same project each time. Raises ModelError without wandb-workspaces."""
    _, reports = panels.library()
    made = reports.Report(
        entity="",  # the spec does not name it; without a value the library asks the server
        project=project,
        title=REPORT,
        description="What was trained, how well it does, and what it took.",
        blocks=blocks(reports, project),
    )
    name = panels.stable_id(NAME, "report", entity, project)
    return View("runs", name, made.title, made.description, _plain(made._to_model().spec))


def _plain(spec: Any) -> dict[str, Any]:
    """As W&B's app reads it, with keys of Python's own order."""
    plain: dict[str, Any] = json.loads(spec.model_dump_json(by_alias=True, exclude_none=True))
    return plain
