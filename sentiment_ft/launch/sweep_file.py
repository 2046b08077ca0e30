"""A sweep as W&B's YAML says it: known keys only, and what each parameter can become. `sweep_values` sees which of that
`train` takes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sentiment_ft import yaml_text
from sentiment_ft.config import LOWER_IS_BETTER, Config
from sentiment_ft.errors import ConfigError
from sentiment_ft.shipped import own_file, shipped
from sentiment_ft.terminal import printable
from sentiment_ft.track.numbers import SCORE_NAMES

MAX_BYTES = 2**16
MOST_PARAMETERS = 50
MOST_VALUES = 1000
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
# What belongs to each distribution beside its name. Those without edges (normal, beta) are missing: what they draw may
# be anything, and a trial that `train` refuses would be found out only when it is drawn.
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "constant": ("value",),
    "categorical": ("values",),
    "categorical_w_probabilities": ("values", "probabilities"),
    "int_uniform": ("min", "max"),
    "uniform": ("min", "max"),
    "q_uniform": ("min", "max", "q"),
    "log_uniform": ("min", "max"),
    "log_uniform_values": ("min", "max"),
    "q_log_uniform_values": ("min", "max", "q"),
    "inv_log_uniform_values": ("min", "max"),
}
WITHOUT_EDGES = ("normal", "q_normal", "log_normal", "q_log_normal", "beta", "q_beta")
DISCRETE = ("constant", "categorical", "categorical_w_probabilities", "int_uniform", "q_uniform")
OF_THE_SWEEP = ("report_to", "run_name", "wandb_project", "wandb_entity", "wandb_mode")  # set for each trial


@dataclass(frozen=True, slots=True)
class Parameter:
    """samples: every value of a list; of a range its edges and one between."""

    name: str
    distribution: str
    samples: tuple[Any, ...]
    line: int


@dataclass(slots=True)
class Draft:
    """What was read. faults: all that is wrong, each with its place."""

    shown: str
    content: dict[str, Any]
    parameters: list[Parameter] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)

    def fault(self, message: str, *path: str) -> None:
        line = next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 1)
        words = [word for word in path if not word.isdecimal()]
        key = f"{printable('.'.join(words), 80)}: " if path else ""
        self.faults.append(f"{self.shown}:{line}: {key}{message}")


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
            draft.fault(f"unknown key{_near(key, KEYS)}", key)
    _words(draft)
    method = content.get("method")
    if method not in METHODS:
        draft.fault(f"is {', '.join(METHODS[:-1])} or {METHODS[-1]}{_not(method)}", "method")
    _metric(draft, needed=method == "bayes" or "early_terminate" in content)
    _early_terminate(draft)
    _parameters(draft, grid=method == "grid")
    return draft


def _words(draft: Draft) -> None:
    for key in ("name", "description", "project", "entity"):
        if key in draft.content and not isinstance(draft.content[key], str):
            draft.fault(f"is a text{_not(draft.content[key])}", key)
    if "run_cap" in draft.content and not _whole(draft.content["run_cap"], 1):
        draft.fault(f"is a number of trials, 1 or more{_not(draft.content['run_cap'])}", "run_cap")


def _metric(draft: Draft, *, needed: bool) -> None:
    metric = draft.content.get("metric")
    if metric is None:
        if needed:
            draft.fault("is missing: bayes and early_terminate look at it (eval/accuracy, maximize)", "metric")
        return
    if not isinstance(metric, dict):
        draft.fault(f"has a name and a goal{_not(metric)}", "metric")
        return
    known = [f"eval/{score}" for score in SCORE_NAMES]
    for key in metric:
        if key not in ("name", "goal", "target"):
            draft.fault(f"unknown key{_near(key, ('name', 'goal', 'target'))}", "metric", str(key))
    name, goal = metric.get("name"), metric.get("goal", "minimize")  # W&B's default
    if name not in known:
        draft.fault(f"is no score that a run logs{_near(name, known) or _not(name)}", "metric", "name")
        return
    wanted = "minimize" if str(name).removeprefix("eval/") in LOWER else "maximize"
    if goal != wanted:
        given = f", not {printable(str(goal), 40)}" if "goal" in metric else " (without a goal W&B minimizes)"
        draft.fault(f"of {name} is {wanted}{given}", "metric", "goal")
    if "target" in metric and not _number(metric["target"]):
        draft.fault(f"is a number{_not(metric['target'])}", "metric", "target")


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
            draft.fault(f"unknown key{_near(key, known)}", "early_terminate", str(key))
        elif key not in ("type", "strict") and not _whole(value, 1):
            draft.fault(f"is 1 or more{_not(value)}", "early_terminate", key)
    if ("min_iter" in given) == ("max_iter" in given):
        draft.fault("has one of min_iter and max_iter", "early_terminate")


def _parameters(draft: Draft, *, grid: bool) -> None:
    given = draft.content.get("parameters")
    if not isinstance(given, dict) or not given:
        draft.fault("are keys of the config with their values", "parameters")
        return
    if len(given) > MOST_PARAMETERS:
        draft.fault(f"are more than {MOST_PARAMETERS}", "parameters")
        return
    for name, spec in given.items():
        at = ("parameters", str(name))
        if name in OF_THE_SWEEP:
            draft.fault("is set by the sweep itself for each trial", *at)
        elif name not in Config.model_fields:
            draft.fault(f"is no key of the config{_near(name, list(Config.model_fields))}", *at)
        elif not isinstance(spec, dict):
            draft.fault(f"has value, values, or min and max{_not(spec)}", *at)
        elif "parameters" in spec:
            draft.fault("holds parameters of its own: the config is flat", *at)
        elif (parameter := _parameter(draft, str(name), spec, at)) is not None:
            if grid and parameter.distribution not in DISCRETE:
                draft.fault("grid goes through lists and whole numbers: values, or another method", *at)
            draft.parameters.append(parameter)


def _parameter(draft: Draft, name: str, spec: Mapping[str, Any], at: tuple[str, str]) -> Parameter | None:
    before = len(draft.faults)
    distribution = _distribution(draft, spec, at)
    if distribution is None:
        return None
    belong = DISTRIBUTIONS[distribution]
    for key in spec:
        if key not in (*belong, "distribution"):
            draft.fault(f"does not belong to {distribution}{_near(key, belong)}", *at, str(key))
    for key in belong:
        if key not in spec:
            draft.fault(f"is missing: {distribution} has {', '.join(belong)}", *at, key)
    if len(draft.faults) > before:
        return None
    samples: tuple[Any, ...] = ()
    if distribution == "constant":
        samples = (spec["value"],)
    elif "values" in belong:
        samples = _listed(draft, spec, at)
    elif _range_is_sound(draft, distribution, spec, at):
        samples = _edges(distribution, spec)
    odd = [value for value in samples if not _can_be_sent(value)]
    if odd:
        draft.fault(f"is a number, a text, true, false, null, or a list or mapping of them{_not(odd[0])}", *at)
    if len(draft.faults) > before:
        return None
    return Parameter(name, distribution, samples, draft.lines.get(at, 1))


def _distribution(draft: Draft, spec: Mapping[str, Any], at: tuple[str, str]) -> str | None:
    """The one that is named, else W&B's by the keys."""
    if "distribution" in spec:
        named = spec["distribution"]
        if not isinstance(named, str):
            draft.fault(f"unknown{_not(named)}", *at, "distribution")
        elif named in WITHOUT_EDGES:
            draft.fault(f"{named} has no edges, so no value is sure to be valid: uniform, log_uniform_values", *at)
        elif named not in DISTRIBUTIONS:
            draft.fault(f"unknown{_near(named, list(DISTRIBUTIONS)) or _not(named)}", *at, "distribution")
        else:
            return str(named)
        return None
    if "value" in spec:
        return "constant"
    if "values" in spec:
        return "categorical_w_probabilities" if "probabilities" in spec else "categorical"
    ends = [spec.get("min"), spec.get("max")]
    if all(isinstance(end, int) and not isinstance(end, bool) for end in ends):
        return "int_uniform"
    if all(isinstance(end, float) for end in ends):
        return "uniform"
    draft.fault("has value, values, or min and max: both whole numbers, or both with a point (0.0)", *at)
    return None


def _listed(draft: Draft, spec: Mapping[str, Any], at: tuple[str, str]) -> tuple[Any, ...]:
    values = spec["values"]
    if not isinstance(values, list) or not values:
        draft.fault(f"is a list of at least one value{_not(values)}", *at, "values")
        return ()
    if len(values) > MOST_VALUES:
        draft.fault(f"has more than {MOST_VALUES:,} values", *at, "values")
        return ()
    if "probabilities" in spec:
        shares = spec["probabilities"]
        fits = isinstance(shares, list) and len(shares) == len(values) and all(map(_number, shares))
        if not fits or min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
            draft.fault("are one for each value, 0 or more, and 1 together", *at, "probabilities")
    return tuple(values)


def _range_is_sound(draft: Draft, distribution: str, spec: Mapping[str, Any], at: tuple[str, str]) -> bool:
    whole = distribution == "int_uniform"
    fits: Callable[[Any], bool] = _whole if whole else _number
    wrong = [key for key in ("min", "max", "q") if key in spec and not fits(spec[key])]
    for key in wrong:
        draft.fault(f"is a {'whole ' if whole else ''}number{_not(spec[key])}", *at, key)
    if wrong:
        return False
    if spec["min"] > spec["max"]:
        draft.fault(f"min {spec['min']} is above max {spec['max']}", *at)
    elif "log_uniform_values" in distribution and spec["min"] <= 0:
        draft.fault(f"is above 0 on a logarithmic scale, not {spec['min']}", *at, "min")
    elif distribution == "log_uniform" and spec["max"] > 700:
        draft.fault("is an exponent: e to this power is beyond any number", *at, "max")
    elif spec.get("q", 1) <= 0:
        draft.fault(f"is above 0, not {spec['q']}", *at, "q")
    elif "q" in spec and spec["max"] - spec["min"] > spec["q"] * 2**53:
        draft.fault("is too small a step for this range", *at, "q")
    else:
        return True
    return False


def _edges(distribution: str, spec: Mapping[str, Any]) -> tuple[Any, ...]:
    low, high = spec["min"], spec["max"]
    if distribution == "log_uniform":
        low, high = math.exp(low), math.exp(high)
    if low == high:
        return (low,)
    if distribution == "int_uniform":
        return (low, (low + high) // 2, high)
    if "q" in spec:
        step = spec["q"]
        return tuple(dict.fromkeys(round(value / step) * step for value in (low, low + (high - low) / math.pi, high)))
    return (low, low + (high - low) / math.pi, high)  # between: a number that is not whole


def _can_be_sent(value: Any) -> bool:
    """YAML knows dates, bytes and sets; JSON, which goes to the server and back, does not. Numbers as W&B has them."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _near(key: Any, known: Any) -> str:
    found = get_close_matches(str(key)[:200], list(known), n=2)
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def _not(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return f", not a {'list' if isinstance(value, list) else 'mapping'}"
    if isinstance(value, int) and abs(value) >= 2**63:  # Python refuses to write thousands of digits
        return ", not a number this large"
    return f", not {printable(repr(value)[:200], 60)}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63  # no inf, no nan


def _whole(value: Any, least: int = -(2**63)) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63
