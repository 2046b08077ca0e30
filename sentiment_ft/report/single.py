"""The page of one run."""

from __future__ import annotations

from datetime import UTC, datetime

from sentiment_ft.report import confidence, faults, scoring, settings, story, texts, training
from sentiment_ft.report.blocks import plain
from sentiment_ft.report.files import whole
from sentiment_ft.report.page import Page
from sentiment_ft.report.record import Run
from sentiment_ft.report.words import local


def page_of(run: Run) -> Page:
    """Every section that the run has something for, in the order in which one reads them."""
    sections = [
        story.summary(run),
        story.plan(run),
        training.curves(run),
        scoring.confusion(run),
        confidence.calibration(run),
        confidence.thresholds(run),
        texts.lengths(run),
        texts.worst_errors(run),
        training.speed(run),
        training.checkpoints(run),
        faults.faults(run),
        settings.config(run),
        settings.environment(run),
        settings.again(run),
    ]
    badge, tone = _state(run)
    return Page(
        title=plain(run.name, 80),
        badge=badge,
        tone=tone,
        lead=_lead(run),
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        sections=[section for section in sections if section is not None],
    )


def _state(run: Run) -> tuple[str, str]:
    if not run.finished:
        return "not finished", "warn"
    return ("stopped early", "good") if run.summary.get("stopped_early") is True else ("finished", "good")


def _lead(run: Run) -> str:
    model, data = (run.config.get(key) for key in ("model_name_or_path", "data"))
    words = [f"model {local(str(model), 60)}" if model else "", f"data {local(str(data), 60)}" if data else ""]
    processes = whole(run.summary.get("processes"))
    if processes:
        words.append(f"{processes:,} process{'' if processes == 1 else 'es'}")
    return " · ".join(filter(None, words))
