"""A checkpoint back into a run: the next update is, to the bit, the one that would have followed."""

from __future__ import annotations

import contextlib
import filecmp
import os
import random
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list

from sentiment_ft import clock, fingerprint, recipe
from sentiment_ft.checkpoint_content import check, check_tensors, read_state, read_tensors, understood
from sentiment_ft.errors import ConfigError, ModelError, OutputError
from sentiment_ft.model import classifier
from sentiment_ft.run import checkpoint
from sentiment_ft.run.begin import Start
from sentiment_ft.run.checkpoint import Checkpoint, Damaged
from sentiment_ft.run.destination import path_of
from sentiment_ft.run.layout import INNER, MARK
from sentiment_ft.run.writing import unwritable, write_folder, write_text
from sentiment_ft.saving import FOLDER, MODEL, TRAINING, Tensors
from sentiment_ft.state import Interval, Run, State, Totals
from sentiment_ft.terminal import console, printable


def choose(start: Start | None) -> Checkpoint | None:
    """The checkpoint to go on from: the newest whole one of a run folder, or the one that was asked for. None where
    there is nothing to go on with, or nothing has been saved yet. Damaged ones are told. Raises ModelError.
    """
    if start is None or start.goes_on is None:
        return None
    folder, where = start.goes_on, printable(str(start.goes_on), 200)
    if start.finished:
        console.print(f"{where} is finished: nothing to do", markup=False)
        return None
    path = path_of(start.asked)
    if path.parent.name == FOLDER and path.parent.parent == folder:
        try:
            return checkpoint.verify(path)
        except Damaged as fault:
            raise ModelError(
                f"cannot be gone on from: {printable(str(fault), 300)}",
                where="--resume",
                way_out=f"--resume {where} takes the newest that is whole",
            ) from None
    damaged: list[Damaged] = []
    found = checkpoint.newest(folder / FOLDER, damaged.append)
    for damage in damaged:
        console.print(f"warning: passed over {printable(str(damage), 300)}", markup=False)
    if found is None and damaged:
        foreign = all(damage.foreign for damage in damaged)
        checkpoints = printable(shlex.quote(str(folder / FOLDER)), 200)
        raise ModelError(
            f"none of its {len(damaged)} checkpoints {'is yours' if foreign else 'is whole'}",
            where=where,
            way_out=f'if you trust them: chown -R "$(id -u)" {checkpoints}'
            if foreign
            else f"start again: --output {where} --overwrite in place of --resume",
        )
    if found is None:
        console.print(f"warning: {where} has no checkpoint: it begins again", markup=False)
    return found


def restore(run: Run, found: Checkpoint | None, allowed: tuple[str, ...]) -> int:
    """Put a checkpoint, which the main process gives, into a run that was just built. Called by every process. Returns
    how many bytes of metrics.jsonl are of before it.

    Raises ConfigError for settings, rows or code that differ and are not allowed to; ModelError.
    """
    main = run.accelerator.is_main_process
    assert found is not None or not main
    model: Tensors = {}
    training: Tensors = {}
    state: dict[str, Any] = {}
    folder = ""
    if main and found is not None:
        with understood(found.folder):
            state, folder = read_state(found), str(found.folder)
            model = read_tensors(found, MODEL)
            training = read_tensors(found, TRAINING)
    state, folder = broadcast_object_list([state, folder])
    fingerprint.compare(state["facts"], run.facts, allowed)
    if state["state"]["update"] > run.sizes.total_updates:
        raise ConfigError(
            f"the checkpoint has {state['state']['update']} updates, this run would have {run.sizes.total_updates}",
            where="--resume",
            way_out="more epochs or max_steps; or --resume an older checkpoint",
        )
    if state["engine"] != run.engine.kind:
        raise ConfigError(
            f"the checkpoint was made under {state['engine']}, this run is under {run.engine.kind}: files differ",
            where="--resume",
            way_out="the topology that it began with",
        )
    if not run.engine.in_background and len(state["processes"]) != run.accelerator.num_processes:
        raise ConfigError(
            f"the checkpoint is of {len(state['processes'])} processes under ZeRO, which share the optimizer between "
            f"them; here are {run.accelerator.num_processes}",
            where="--resume",
            way_out=f"--processes {len(state['processes'])}",
        )
    tensors = {f"model.{name}": tensor for name, tensor in model.items()}
    tensors |= {name: tensor for name, tensor in training.items() if name.startswith("optimizer.")}
    with understood(folder):
        if main:
            check_tensors(run, model, training, state)
        run.engine.restore(tensors)
        if not run.engine.in_background:
            run.engine.read_shards(Path(folder))
        run.engine.load_scaler_state(state["scaler"])
        _restore_state(run, state)
        _restore_average(run, state["average_seen"], training)
        _restore_judged(run, state["last_is_best"], training)
        _restore_process(run, state["processes"], training)
    if main and found is not None:
        try:
            checkpoint.renew(found)  # one that was asked for may not be the newest
        except OSError as error:
            raise unwritable(run.folder / FOLDER, error) from None
        _restore_best(run, found)
        if allowed:  # the settings of the run are those of today from now on
            kept = recipe.load(str(run.folder / MARK)).config
            write_text(run.folder / MARK, recipe.dump(run.config.model_copy(update={"run_name": kept.run_name})))
    run.changed = any(state["facts"].get(key) != run.facts.get(key) for key in allowed)
    run.saved_at, run.mirror_id = run.state.place(), state["mirror"]
    return int(state["metrics_bytes"])


def _restore_state(run: Run, saved: Mapping[str, Any]) -> None:
    run.state = State(**saved["state"])
    if run.state.best is not None:
        run.state.best = (run.state.best[0], run.state.best[1])  # JSON has lists only
    run.totals = Totals(**saved["totals"])
    clock.set_rate(run, max(run.state.update - 1, 0))  # of the last update, for the record


def _restore_average(run: Run, seen: int, training: Tensors) -> None:
    values = [training[name] for name in sorted(training) if name.startswith("average.")]
    seen, values = broadcast_object_list([seen, values])
    run.average.restore(seen, values)


def _restore_judged(run: Run, last_is_best: bool, training: Tensors) -> None:
    found = [training[name].numpy() if (name := f"judged.{which}") in training else None for which in ("best", "last")]
    run.best_p_positive, run.last_p_positive = broadcast_object_list(found)
    if last_is_best:
        run.last_p_positive = run.best_p_positive
    if run.best_p_positive is not None and len(run.best_p_positive) != len(run.data.validation):
        raise ConfigError(
            f"the checkpoint has judged {len(run.best_p_positive)} rows, here are {len(run.data.validation)}",
            where="--resume",
            way_out="the validation rows that it began with",
        )


def _restore_process(run: Run, processes: list[dict[str, Any]], training: Tensors) -> None:
    """Of as many processes as saved each gets its own. Of others the first goes on with the sums of all; random numbers
    are drawn by the place in the run (run/randomness.py), so nothing depends on what is left of the generators.
    """
    here = run.accelerator.num_processes
    generators: list[Tensors] = [{} for _ in range(here)]
    if run.accelerator.is_main_process and len(processes) == here:
        wanted = ["torch", "numpy", "python"] + (["cuda"] if run.accelerator.device.type == "cuda" else [])
        for number, mine in enumerate(generators):
            mine |= {name: training[key] for name in wanted if (key := f"random.{number}.{name}") in training}
            if missing := [name for name in wanted if name not in mine]:
                raise ModelError(
                    f"the random numbers of process {number} are missing: {', '.join(missing)}",
                    where="--resume",
                    way_out="a checkpoint made on the same kind of device, or another number of processes",
                )
    generators = broadcast_object_list(generators)
    if len(processes) == here:
        mine = processes[run.accelerator.process_index]
        run.interval = _interval(run, mine["interval"])
        given = generators[run.accelerator.process_index]
        check("the random numbers of torch", given["torch"], torch.get_rng_state())
        try:
            torch.set_rng_state(given["torch"])
        except RuntimeError as error:
            raise ValueError(str(error)) from None
        if "cuda" in given:
            check("the random numbers of CUDA", given["cuda"], torch.cuda.get_rng_state(run.accelerator.device))
            torch.cuda.set_rng_state(given["cuda"], run.accelerator.device)
        numbers = mine["numpy"]
        keys = given["numpy"].numpy().astype(np.uint32)
        np.random.set_state((numbers["kind"], keys, numbers["position"], numbers["has_gauss"], numbers["gauss"]))
        version, next_gauss = mine["python"]
        random.setstate((version, tuple(given["python"].tolist()), next_gauss))
    elif run.accelerator.is_main_process:
        sums = {
            name: sum(mine["interval"][name] for mine in processes)
            for name in ("loss_sum", "rows", "digest", "real_tokens", "padded_tokens")
        }
        run.interval = _interval(run, processes[0]["interval"] | sums)


def _interval(run: Run, saved: Mapping[str, Any]) -> Interval:
    fresh = Interval.fresh(run.accelerator.device)
    for field in fields(Interval):
        value = getattr(fresh, field.name)
        setattr(
            fresh,
            field.name,
            torch.full_like(value, saved[field.name]) if isinstance(value, torch.Tensor) else saved[field.name],
        )
    return fresh


def _restore_best(run: Run, found: Checkpoint) -> None:
    """best/ as it was: what was kept after the checkpoint belongs to updates that are trained again."""
    names = [Path(name).name for name in found.files if name.startswith("best/")]
    if not names:
        return
    best = run.folder / "best"
    with contextlib.suppress(OSError):
        ours = sorted(filter(INNER["best"].fullmatch, os.listdir(best)))
        if ours == sorted(names) and all(
            filecmp.cmp(best / name, found.folder / "best" / name, shallow=False) for name in names
        ):
            return

    def fill(staged: Path) -> None:
        for name in names:
            shutil.copyfile(found.folder / "best" / name, staged / name)

    try:
        write_folder(best, fill, INNER["best"])
    except OutputError:  # a full disk: the weights wait in memory, as in `saving.keep_best`
        run.unkept = classifier.load_for_use(str(found.folder / "best"))[0].state_dict()
