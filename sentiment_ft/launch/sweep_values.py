"""Every value that a sweep can give is one that `train` takes, alone and beside the others: told before anything is
made on the server.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sentiment_ft import recipe as recipes
from sentiment_ft.errors import ConfigError
from sentiment_ft.launch.sweep_draft import Draft, Parameter
from sentiment_ft.launch.sweep_parameters import DISTRIBUTIONS, OF_THE_SWEEP
from sentiment_ft.recipe import Loaded
from sentiment_ft.run.sizes import batch_sizes
from sentiment_ft.terminal import printable

MOST_VALUES, MOST_PAIRS = 2000, 500  # are tried: a few seconds. What is left is checked when a trial is drawn.
FIXED = ("report_to=wandb", "wandb_project=null", "wandb_entity=null", "wandb_mode=null")  # the environment says where


def check(draft: Draft, recipe: str, overrides: Sequence[str]) -> None:
    """Raises ConfigError with every fault of the file and of its values."""
    swept = {parameter.name for parameter in draft.parameters}
    for override in overrides:
        key = override.partition("=")[0].strip()
        if key in swept:
            draft.fault("is given by -o as well: one of the two", "parameters", key)
        elif key in OF_THE_SWEEP:
            draft.faults.append(f"-o: {key}: is set by the sweep itself for each trial")
    _values(draft, recipe, overrides)
    if draft.faults:
        faults = draft.faults
        said = faults[0] if len(faults) == 1 else "the sweep has {} faults:\n  - {}".format(
            len(faults), "\n  - ".join(faults)
        )  # fmt: skip
        raise ConfigError(said, way_out="launch/sweep.yaml is an example; sentiment-ft plan --no-model lists the keys")


def load(recipe: str, overrides: Sequence[str], values: Mapping[str, Any]) -> Loaded:
    """The config of one trial. Raises ConfigError."""
    loaded = recipes.load(recipe, [*overrides, *as_overrides(values), *FIXED])
    batch_sizes(loaded.config, processes=1)
    return loaded


def as_overrides(values: Mapping[str, Any]) -> list[str]:
    """key=value, as -o takes them."""
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]


def _values(draft: Draft, recipe: str, overrides: Sequence[str]) -> None:
    first = {parameter.name: parameter.samples[0] for parameter in draft.parameters}
    try:
        recipes.load(recipe, overrides)
    except ConfigError as error:
        draft.faults.append(str(error).split("\nway out: ")[0])
        if not overrides:
            return
        return _values(draft, recipe, ())  # the values are looked at beside the recipe alone
    tried = 0
    sound: list[tuple[Parameter, list[Any]]] = []
    for parameter in draft.parameters:
        good = []
        listed = "values" in DISTRIBUTIONS[parameter.distribution]
        told: set[str] = set()
        for number, value in enumerate(parameter.samples):
            if tried >= MOST_VALUES:
                break
            said = _refused(recipe, overrides, {parameter.name: value})
            tried += 1
            if said is None:
                good.append(value)
            else:
                place = ("values", str(number)) if listed else ()
                if (fault := _at_value(parameter, value, said)) not in told:
                    draft.fault(fault, "parameters", parameter.name, *place)
                told.add(fault)
                if not listed:
                    break  # one word about a range
        if good:
            sound.append((parameter, good))
    paired: set[tuple[str, str]] = set()
    tried = 0
    for (one, ones), (other, others) in itertools.combinations(sound, 2):
        for value, beside in itertools.product(ones, others):
            if (one.name, other.name) in paired or tried >= MOST_PAIRS:
                break
            tried += 1
            if (said := _refused(recipe, overrides, {one.name: value, other.name: beside})) is not None:
                paired.add((one.name, other.name))
                pair = f"{_shown(value)} with {other.name} {_shown(beside)} (line {other.line}): {said}"
                draft.fault(pair, "parameters", one.name)
    if not draft.faults and first and (said := _refused(recipe, overrides, first)) is not None:
        draft.faults.append(said)


def _refused(recipe: str, overrides: Sequence[str], values: Mapping[str, Any]) -> str | None:
    try:
        load(recipe, overrides, values)
    except ConfigError as error:
        said = error.what.removeprefix("-o: ")
        for key in values:
            said = said.removeprefix(f"{key}: ")
        return " ".join(said.split())
    return None


def _at_value(parameter: Parameter, value: Any, said: str) -> str:
    advice = ""
    if parameter.distribution == "log_uniform":
        advice = "; log_uniform takes exponents of e: log_uniform_values takes the values"
    elif "integer" in said and parameter.distribution not in ("constant", "categorical"):
        advice = "; for whole numbers: int_uniform, q_uniform, or values"
    return f"{_shown(value)}: {said}{advice}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | dict):
        return f"a {'list' if isinstance(value, list) else 'mapping'}"
    if isinstance(value, int) and abs(value) >= 2**63:  # Python refuses to write thousands of digits
        return "a number this large"
    return printable(repr(value)[:200], 60)
