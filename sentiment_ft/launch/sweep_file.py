"""A sweep as W&B's YAML says it, known keys only. `sweep_values` sees which of its values `train` takes."""

from __future__ import annotations

from pathlib import Path

from sentiment_ft import yaml_text
from sentiment_ft.config import LOWER_IS_BETTER
from sentiment_ft.errors import ConfigError
from sentiment_ft.launch import sweep_parameters
from sentiment_ft.launch.sweep_draft import Draft, instead, is_number, is_whole, near
from sentiment_ft.shipped import own_file, shipped
from sentiment_ft.terminal import printable
from sentiment_ft.track.numbers import SCORE_NAMES

MAX_BYTES = 2**16
KEYS = (
    "name",
    "description",
    "project",
    "entity",
    "method",
    "metric",
    "parameters",
    "early_terminate",
    "run_cap",
)
CODE = ("program", "command", "job", "image_uri", "launch", "scheduler", "controller", "imports")
METHODS = ("random", "grid", "bayes")
LOWER = LOWER_IS_BETTER | {"expected_calibration_error"}


def text_of(name: str | None) -> tuple[str, str]:
    """The text of a sweep file and what to call it; None: ours. Raises ConfigError."""
    path = shipped("launch") / "sweep.yaml" if name is None else own_file(name)
    where = printable(str(path if name is None else name), 200)
    if path is None:
        raise ConfigError("no such sweep file", where=where, way_out="without a FILE the sweep is launch/sweep.yaml")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"larger than {MAX_BYTES:,} bytes: not a sweep", where=where)
        return content.decode("utf-8-sig"), printable(Path(where).name, 60)
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 text (byte {error.start})", where=where) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where) from None


def read(text: str, shown: str) -> Draft:
    """Raises ConfigError where it is no YAML; all else is in the faults."""
    content, _ = yaml_text.mapping(text, shown, where=shown)
    draft = Draft(shown, content, lines=yaml_text.lines(text))
    for key in content:
        if key in CODE:
            draft.fault("is refused: a trial always is `sentiment-ft train`, not what a file says", key)
        elif key not in KEYS:
            draft.fault(f"unknown key{near(key, KEYS)}", key)
    _words(draft)
    method = content.get("method")
    if method not in METHODS:
        draft.fault(f"is {', '.join(METHODS[:-1])} or {METHODS[-1]}{instead(method)}", "method")
    _metric(draft, needed=method == "bayes" or "early_terminate" in content)
    _early_terminate(draft)
    sweep_parameters.read(draft, grid=method == "grid")
    return draft


def _words(draft: Draft) -> None:
    for key in ("name", "description", "project", "entity"):
        if key in draft.content and not isinstance(draft.content[key], str):
            draft.fault(f"is a text{instead(draft.content[key])}", key)
    if "run_cap" in draft.content and not is_whole(draft.content["run_cap"], 1):
        draft.fault(f"is a number of trials, 1 or more{instead(draft.content['run_cap'])}", "run_cap")


def _metric(draft: Draft, *, needed: bool) -> None:
    metric = draft.content.get("metric")
    if metric is None:
        if needed:
            draft.fault("is missing: bayes and early_terminate look at it (eval/accuracy, maximize)", "metric")
        return
    if not isinstance(metric, dict):
        draft.fault(f"has a name and a goal{instead(metric)}", "metric")
        return
    known = [f"eval/{score}" for score in SCORE_NAMES]
    for key in metric:
        if key not in ("name", "goal", "target"):
            draft.fault(f"unknown key{near(key, ('name', 'goal', 'target'))}", "metric", str(key))
    name, goal = metric.get("name"), metric.get("goal", "minimize")  # W&B's default
    if name not in known:
        draft.fault(f"is no score that a run logs{near(name, known) or instead(name)}", "metric", "name")
        return
    wanted = "minimize" if str(name).removeprefix("eval/") in LOWER else "maximize"
    if goal != wanted:
        given = f", not {printable(str(goal), 40)}" if "goal" in metric else " (without a goal W&B minimizes)"
        draft.fault(f"of {name} is {wanted}{given}", "metric", "goal")
    if "target" in metric and not is_number(metric["target"]):
        draft.fault(f"is a number{instead(metric['target'])}", "metric", "target")


def _early_terminate(draft: Draft) -> None:
    if "early_terminate" not in draft.content:
        return
    given = draft.content["early_terminate"]
    known = ("type", "min_iter", "max_iter", "s", "eta", "strict")
    if not isinstance(given, dict) or given.get("type") != "hyperband":
        draft.fault("has `type: hyperband`, and min_iter or max_iter", "early_terminate")
        return
    for key, value in given.items():
        if key not in known:
            draft.fault(f"unknown key{near(key, known)}", "early_terminate", str(key))
        elif key in ("min_iter", "max_iter", "s") and not is_whole(value, 1):
            draft.fault(f"is a whole number, 1 or more{instead(value)}", "early_terminate", key)
        elif key == "eta" and not (is_number(value) and value > 1):
            draft.fault(f"is a number above 1{instead(value)}", "early_terminate", key)
        elif key == "strict" and not isinstance(value, bool):
            draft.fault(f"is true or false{instead(value)}", "early_terminate", key)
    if ("min_iter" in given) == ("max_iter" in given):
        draft.fault("has one of min_iter and max_iter", "early_terminate")
    elif "max_iter" in given and "s" not in given:
        draft.fault("is missing: max_iter is with the number of cuts before it", "early_terminate", "s")
