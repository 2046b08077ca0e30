"""What is in a checkpoint, read and checked. Its hashes say that it is whole, not who has written it: one of another
version, or one that was edited and sealed again, is told before anything of it reaches the model.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_file

from sentiment_ft.errors import ModelError
from sentiment_ft.run.checkpoint import Checkpoint
from sentiment_ft.saving import STATE, Tensors
from sentiment_ft.state import Interval, Run, State, Totals
from sentiment_ft.terminal import printable

MOST = 2**53  # updates, rows, bytes: more is no count


@contextlib.contextmanager
def understood(folder: str | Path) -> Iterator[None]:
    """Within: whatever such a checkpoint makes Python raise is a ModelError."""
    try:
        yield
    except (AttributeError, KeyError, IndexError, OverflowError, RecursionError, TypeError, ValueError) as error:
        said = printable(f"{type(error).__name__}: {error}".split("\n")[0], 200)
        raise ModelError(
            f"does not hold what this version needs ({said})",
            where=printable(str(folder), 200),
            way_out="the version of sentiment_ft that saved it",
        ) from None


def read_state(found: Checkpoint) -> dict[str, Any]:
    """state.json, with all that `saving.state_of` and the sums of each process need."""
    if STATE not in found.files:
        raise KeyError(STATE)
    with (found.folder / STATE).open(encoding="utf-8") as file:
        state: dict[str, Any] = json.load(file, parse_constant=_no_number)
    needed: dict[str, Any] = {
        "state": dict, "totals": dict, "facts": dict, "processes": list, "metrics_bytes": int, "engine": str,
        "mirror": (str, NoneType), "scaler": (dict, NoneType), "average_seen": int, "last_is_best": bool,
        "optimizer_tensors": int,
    }  # fmt: skip
    for key, kinds in needed.items():
        if not isinstance(state[key], kinds) or (kinds is int and not 0 <= state[key] <= MOST):
            raise TypeError(f"{key} is {printable(repr(state[key]), 60)}")
    clock = state["state"]
    counts = [value for value in clock.values() if type(value) is int]
    if not state["processes"] or not all(0 <= count <= MOST for count in counts):
        raise ValueError("numbers that no run has")
    in_order = clock["best_update"] <= clock["judged"] <= clock["update"]
    if clock["window"] != clock["update"] + clock["skipped"] or not in_order:
        raise ValueError("clocks that contradict each other")
    TypeAdapter(State).validate_json(json.dumps(state["state"]), strict=True)
    TypeAdapter(Totals).validate_json(json.dumps(state["totals"]), strict=True)
    if state["state"]["update"] != found.update:
        raise ValueError(f"it is of update {state['state']['update']}, its name says {found.update}")
    for mine in state["processes"]:
        _check_sums(mine["interval"])
    return state


def read_tensors(found: Checkpoint, name: str) -> Tensors:
    """Of one file; none where there is none."""
    try:
        tensors = load_file(found.folder / name) if name in found.files else {}
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.isnan().any():
            raise ValueError(f"{key} holds a NaN")
    return tensors


def check_tensors(run: Run, model: Tensors, training: Tensors, state: Mapping[str, Any]) -> None:
    """Names, shapes and types against those of the run; under ZeRO DeepSpeed's files hold model and optimizer.

    state: of `read_state`. A setting that was allowed to change may change them.
    """
    for name in {"judged.best", "judged.last"} & training.keys():
        check(name, training[name], torch.empty(len(training[name]), dtype=torch.float64))
        if not ((training[name] >= 0) & (training[name] <= 1)).all():
            raise ValueError(f"{name} is no probability")
    averaged = [training[name] for name in sorted(training) if name.startswith("average.")]
    for found_value, own in zip(averaged, run.average.values, strict=True):
        check("an average", found_value, own)
    if not run.engine.in_background:
        return
    unwrapped = run.accelerator.unwrap_model(run.model)
    wanted: Tensors = {f"model.{name}": tensor for name, tensor in unwrapped.state_dict().items()}
    found = {f"model.{name}": tensor for name, tensor in model.items()}
    found |= {name: tensor for name, tensor in training.items() if name.startswith("optimizer.")}
    # Not of every parameter: one that is not released yet, or that the model does not use, has no optimizer states.
    if (count := len(found) - len(model)) != state["optimizer_tensors"]:
        raise ValueError(f"{count} optimizer states, not {state['optimizer_tensors']}")
    names = {parameter: name for name, parameter in unwrapped.named_parameters()}
    for group in run.optimizer.param_groups:
        for parameter in group["params"]:
            of_it = {f"optimizer.{key}.{names[parameter]}": parameter for key in ("exp_avg", "exp_avg_sq")}
            of_it[f"optimizer.step.{names[parameter]}"] = torch.empty((), dtype=torch.float32)
            if found.keys() & of_it.keys():
                wanted |= of_it
    if odd := sorted(wanted.keys() ^ found.keys()):
        raise ValueError(f"{odd[0]} is in one of run and checkpoint only")
    same_precision = state["facts"]["mixed_precision"] == run.facts["mixed_precision"]
    for name, tensor in found.items():
        check(name, tensor, wanted[name], exact=same_precision)


def check(name: str, found: torch.Tensor, wanted: torch.Tensor, *, exact: bool = True) -> None:
    """Shape and type against what is wanted. exact: the same type; else one that can be cast. Raises ValueError,
    TypeError.
    """
    if found.shape != wanted.shape:
        raise ValueError(f"{name} is {tuple(found.shape)}, not {tuple(wanted.shape)}")
    fits = found.dtype == wanted.dtype if exact else found.is_floating_point() == wanted.is_floating_point()
    if not fits:
        raise TypeError(f"{name} is of {found.dtype}, not {wanted.dtype}")


def _check_sums(saved: Mapping[str, Any]) -> None:
    fresh = Interval.fresh(torch.device("cpu"))
    for field in fields(Interval):
        value = saved[field.name]
        if type(getattr(fresh, field.name)) is int:
            most = math.inf if field.name == "digest" else MOST  # a sum of numbers up to 2^64
            fits = type(value) is int and 0 <= value <= most
        else:
            fits = type(value) is float and math.isfinite(value)
        if not fits:
            raise ValueError(f"{field.name} is {value!r}")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")
