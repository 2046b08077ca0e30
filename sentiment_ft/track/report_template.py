"""The report template: goal, runs, curves, evaluation, errors, cost, how to reproduce. Words in [brackets] are for its
author.
"""

from __future__ import annotations

import shlex
from typing import Any

from sentiment_ft.track import panels

RUN_COLUMNS = (
    "run:displayName",
    "run:state",
    "summary:validation/accuracy",
    "summary:validation/accuracy_low",
    "summary:validation/accuracy_high",
    "summary:test/accuracy",
    "summary:test/accuracy_low",
    "summary:test/accuracy_high",
    "summary:best_update",
    "config:learning_rate.value",
    "config:per_device_batch_size.value",
    "config:seed.value",
)
COST = (("wall_s", "wall time (s)"), ("rows_per_s", "rows a second"), ("real_tokens_per_s", "real tokens a second"))


def blocks(reports: Any, project: str) -> list[Any]:
    """The whole text, top down. reports: of `panels.library`."""
    return [
        reports.TableOfContents(),
        reports.H1("Goal"),
        reports.P("[What should the model tell apart, on whose reviews, and which accuracy would be good enough?]"),
        reports.H1("Runs"),
        reports.P(
            "Validation rows chose the best model; the sealed test rows did not. Whether two models differ on the same "
            "rows is said by `sentiment-ft report RUN RUN`: the intervals of two runs may overlap all the same."
        ),
        _grid(reports, "runs", [panels.test_accuracy(reports)], columns=RUN_COLUMNS),
        reports.H1("Curves"),
        _grid(reports, "curves", panels.lines(reports, panels.TRAINING[:3])),
        reports.H1("Evaluation"),
        _grid(reports, "evaluation", panels.evaluation(reports)),
        reports.P("[Which score matters here, and what do its interval and the calibration say?]"),
        reports.H1("Errors"),
        reports.P(
            "Test rows and the probability that the model gave them. [What do the surest errors have in common?]"
        ),
        _grid(reports, "errors", panels.errors(reports, "test")),
        reports.H1("Cost"),
        _grid(
            reports,
            "cost",
            [
                *(reports.BarPlot(title=title, metrics=[name]) for name, title in COST),
                *panels.lines(reports, [line for line in panels.THROUGHPUT if "memory" in line[0]]),
            ],
        ),
        reports.H1("How to reproduce"),
        reports.P("config.yaml is in the folder of each run, and its keys are the config of the run here."),
        reports.CodeBlock(
            code=[
                "make train                                        # installs the pinned versions",
                ". .venv/bin/activate",
                "sentiment-ft train --recipe runs/NAME/config.yaml -o report_to=wandb",
                f"sentiment-ft dashboard --report --project {shlex.quote(project)}",
            ],
            language=None,
        ),
    ]


def _grid(reports: Any, place: str, shown: list[Any], columns: tuple[str, ...] = ()) -> Any:
    """Panels, three in a row of 24, above their runs."""
    for number, panel in enumerate(shown):
        panel.layout = reports.Layout(x=number % 3 * 8, y=number // 3 * 6, w=8, h=6)
    runs = reports.Runset(name="runs", visible_columns=list(columns), lock_columns=True if columns else None)
    runs._id = panels.stable_id("report", place, "runs")
    return reports.PanelGrid(panels=panels.named(shown, "report", place), runsets=[runs])
