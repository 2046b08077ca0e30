"""The parameters of a sweep file: what each can become."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from sentiment_ft.config import Config
from sentiment_ft.launch.sweep_draft import Draft, Parameter, instead, is_number, is_whole, near

MOST_PARAMETERS = 50
MOST_VALUES = 1000
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


def read(draft: Draft, *, grid: bool) -> None:
    """Into draft.parameters; what is wrong into its faults."""
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
            draft.fault(f"is no key of the config{near(name, list(Config.model_fields))}", *at)
        elif not isinstance(spec, dict):
            draft.fault(f"has value, values, or min and max{instead(spec)}", *at)
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
            draft.fault(f"does not belong to {distribution}{near(key, belong)}", *at, str(key))
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
        draft.fault(f"is a number, a text, true, false, null, or a list or mapping of them{instead(odd[0])}", *at)
    if len(draft.faults) > before:
        return None
    return Parameter(name, distribution, samples, draft.lines.get(at, 1))


def _distribution(draft: Draft, spec: Mapping[str, Any], at: tuple[str, str]) -> str | None:
    """The one that is named, else W&B's by the keys."""
    if "distribution" in spec:
        named = spec["distribution"]
        if not isinstance(named, str):
            draft.fault(f"unknown{instead(named)}", *at, "distribution")
        elif named in WITHOUT_EDGES:
            draft.fault(f"{named} has no edges, so no value is sure to be valid: uniform, log_uniform_values", *at)
        elif named not in DISTRIBUTIONS:
            draft.fault(f"unknown{near(named, list(DISTRIBUTIONS)) or instead(named)}", *at, "distribution")
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
        draft.fault(f"is a list of at least one value{instead(values)}", *at, "values")
        return ()
    if len(values) > MOST_VALUES:
        draft.fault(f"has more than {MOST_VALUES:,} values", *at, "values")
        return ()
    if "probabilities" in spec:
        shares = spec["probabilities"]
        fits = isinstance(shares, list) and len(shares) == len(values) and all(map(is_number, shares))
        if not fits or min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
            draft.fault("are one for each value, 0 or more, and 1 together", *at, "probabilities")
    return tuple(values)


def _range_is_sound(draft: Draft, distribution: str, spec: Mapping[str, Any], at: tuple[str, str]) -> bool:
    whole = distribution == "int_uniform"
    fits: Callable[[Any], bool] = is_whole if whole else is_number
    wrong = [key for key in ("min", "max", "q") if key in spec and not fits(spec[key])]
    for key in wrong:
        draft.fault(f"is a {'whole ' if whole else ''}number{instead(spec[key])}", *at, key)
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
        return is_number(value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
