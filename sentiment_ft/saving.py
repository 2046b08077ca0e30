"""A run to a checkpoint and back: everything that the next update depends on, to the bit.

model.safetensors      weights, of ZeRO: zero/*, DeepSpeed's own files
training.safetensors   optimizer states, averaged weights, probabilities of the best and newest model, random numbers
state.json             clocks, best, patience, sums since the last record, loss scale, and what the run was made of
best/*                 the best model so far
run-config.yaml        config.yaml of the run, should that be lost
"""

from __future__ import annotations

import contextlib
import json
import random
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list, gather_object
from safetensors.torch import save_file

from sentiment_ft import recipe
from sentiment_ft.errors import OutputError, Preempted
from sentiment_ft.model import classifier
from sentiment_ft.run import checkpoint
from sentiment_ft.run.checkpoint import File
from sentiment_ft.run.layout import INNER, KEPT_MARK
from sentiment_ft.run.saver import Saved, commit, size
from sentiment_ft.run.writing import DISK_FULL, as_oserror, unwritable, write_folder
from sentiment_ft.state import Interval, Run
from sentiment_ft.terminal import console, ended_by, printable

FOLDER = "checkpoints"
MODEL, TRAINING, STATE = "model.safetensors", "training.safetensors", "state.json"

Tensors = dict[str, torch.Tensor]

# --- saving ---------------------------------------------------------------------------------------------------------


def save(run: Run, *, wait: bool = False) -> None:
    """Take a checkpoint of a run that stands between two updates. Called by every process.

    In the background where the engine can; a later `tell` says how it went. A disk that is full or cannot be written to
    is told, and training goes on. wait: until it is on the disk; then that raises OutputError, in every process.
    """
    began = time.monotonic()
    with run.control.heartbeat.at_length("saving"):
        settle(run)
        write = capture(run)
        saved = None
        if not run.engine.in_background:
            saved = _save_with_shards(run, write, began)
        elif run.saver is not None:
            run.saver.start(run.state.update, write, began)
            saved = run.saver.wait() if wait else None
        run.saved_at = run.state.place()
        tell(run, saved)
        if wait:
            failed = None if saved is None or saved.error is None else unwritable(run.folder / FOLDER, saved.error)
            (failed,) = broadcast_object_list([failed])
            if failed is not None:
                raise failed


def tell(run: Run, saved: Saved | None) -> None:
    """Record how a save went; warn of the first of several that failed, the second, fourth, eighth. Main process."""
    if saved is None or run.saver is None:
        return
    if saved.error is not None:
        run.saver.failures += 1
        failures = run.saver.failures
        if failures & (failures - 1) == 0:
            why = printable(str(saved.error.strerror or saved.error), 200)
            if saved.error.filename is not None and saved.error.errno not in DISK_FULL:
                why += f": {printable(str(saved.error.filename), 200)}"
            where = printable(str(run.folder / FOLDER), 200)
            again = f" (the {failures} last saves failed)" if failures > 1 else ""
            said = f"warning: no checkpoint at update {saved.update}{again}: {why}; training goes on"
            console.print(f"{said}, what is in {where} stays", markup=False)
        return
    if run.saver.failures:
        run.saver.failures = 0
        console.print(f"checkpoints are saved again, since update {saved.update}", markup=False)
    run.recorder.write(
        {
            "event": "checkpoint",
            "update": saved.update,
            "bytes": saved.bytes,
            "held_up_s": round(saved.held_up_s, 4),
            "worked_s": round(saved.worked_s, 4),
            "seconds": round(saved.seconds, 4),
        }
    )


def stop(run: Run, number: int) -> Preempted:
    """Save a run that a signal has stopped between two micro-batches; what to raise then. Called by every process.

    Gradients of an update that is not whole are forgotten: it is computed again.
    """
    with run.control.heartbeat.at_length("saving"):
        settle(run)
        (failed,) = broadcast_object_list([run.saver is not None and run.saver.failures > 0])
        if failed or run.saved_at != run.state.place():
            save(run, wait=True)
    return preempted(run, number)


def preempted(run: Run, number: int) -> Preempted:
    """What to raise for a run that goes on from its newest checkpoint."""
    failed = run.saver is not None and run.saver.failures > 0
    what = "its newest checkpoint is older" if failed else "it is saved"
    return Preempted(
        f"{ended_by(number)} after update {run.state.update} of {run.sizes.total_updates}; {what}",
        where=printable(str(run.folder / FOLDER), 200),
        way_out=f"go on: {resume_command(run)}",
    )


def resume_command(run: Run) -> str:
    return f"sentiment-ft train --resume {printable(shlex.quote(str(run.folder)), 4096)}"


@contextlib.contextmanager
def resumable(run: Run) -> Iterator[None]:
    """Within: whatever cannot be written costs the run no more than what came after its newest checkpoint."""
    try:
        yield
    except OutputError as error:
        raise OutputError(error.what, where=error.where, way_out=f"mend that, then {resume_command(run)}") from None


def keep_best(run: Run, weights: Tensors, *, last: bool = False) -> None:
    """Write the best model. Where the disk is full they wait in memory, for the next evaluation or the end of the run.
    Main process. last: there is no later; raises OutputError then.
    """
    settle(run)  # a checkpoint may be linking the files of the one before
    model = run.accelerator.unwrap_model(run.model)
    try:
        write_folder(
            run.folder / "best",
            lambda staged: classifier.save(model, run.tokenizer, staged, weights, run.config.max_length),
            INNER["best"],
        )
        run.unkept = None
    except OutputError as error:
        if last:
            raise
        if run.unkept is None:
            said = f"warning: {printable(str(error.where), 200)} {error.what}; the best model waits in memory"
            console.print(said, markup=False)
        if run.unkept is not weights:
            run.unkept = {name: tensor.to("cpu", copy=True) for name, tensor in weights.items()}


def capture(run: Run) -> Callable[[Path], Mapping[str, File]]:
    """Copy what changes with the next update; returns the function that writes it. Called by every process, called
    back on the main one.
    """
    state = state_of(run)
    processes = gather_object([_of_process(run)])
    model = run.engine.capture()
    if not run.accelerator.is_main_process:
        return lambda folder: {}
    training: Tensors = {name: model.pop(name) for name in list(model) if not name.startswith("model.")}
    model = {name.removeprefix("model."): tensor for name, tensor in model.items()}
    state["optimizer_tensors"] = len(training)
    state["average_seen"], averaged = run.average.capture()
    training |= {f"average.{place:04}": value for place, value in enumerate(averaged)}
    for name in ("best", "last"):
        if (p_positive := getattr(run, f"{name}_p_positive")) is not None:
            training[f"judged.{name}"] = torch.from_numpy(p_positive.copy())
    for number, mine in enumerate(processes):
        training |= {f"random.{number}.{name}": value for name, value in mine.pop("random").items()}
    state["processes"] = processes
    state["metrics_bytes"] = run.recorder.size()
    best = run.folder / "best" if run.state.best is not None else None
    config_yaml = recipe.dump(run.config.model_copy(update={"run_name": run.folder.name}))
    unkept, unwrapped = run.unkept, run.accelerator.unwrap_model(run.model)

    def write(folder: Path) -> dict[str, File]:
        run.recorder.sync()
        written = {}
        for name, tensors in ((MODEL, model), (TRAINING, training)):
            if tensors:
                with as_oserror():
                    save_file(tensors, folder / name)
                written[name] = checkpoint.seal(folder / name)
        (folder / STATE).write_text(json.dumps(state, allow_nan=False, indent=1), "utf-8")
        (folder / KEPT_MARK).write_text(config_yaml, "utf-8")
        written |= {name: checkpoint.seal(folder / name) for name in (STATE, KEPT_MARK)}
        if best is not None:
            (folder / "best").mkdir()
            with as_oserror():
                if unkept is not None:
                    classifier.save(unwrapped, run.tokenizer, folder / "best", unkept, run.config.max_length)
                else:
                    for path in sorted(best.iterdir()):
                        ours = INNER["best"].fullmatch(path.name) and checkpoint.may_hold(f"best/{path.name}")
                        if ours and path.is_file():
                            shutil.copyfile(path, folder / "best" / path.name)  # a link would share its damage
            for path in (folder / "best").iterdir():
                written[f"best/{path.name}"] = checkpoint.seal(path)
        return written

    return write


def state_of(run: Run) -> dict[str, Any]:
    """JSON-ready; floats come back to the bit."""
    return {
        "state": asdict(run.state),
        "totals": asdict(run.totals) | {"wall_s": run.wall_s()},
        "engine": run.engine.kind,
        "scaler": run.engine.scaler_state(),
        "last_is_best": run.last_p_positive is run.best_p_positive,
        "mirror": run.mirror_id,
        "facts": run.facts,
    }


def _of_process(run: Run) -> dict[str, Any]:
    """Sums since the last record, and every random number generator."""
    interval = {
        field.name: value.item() if isinstance(value := getattr(run.interval, field.name), torch.Tensor) else value
        for field in fields(Interval)
    }
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, next_gauss = random.getstate()
    generators = {
        "torch": torch.get_rng_state(),
        "numpy": torch.from_numpy(np.asarray(keys, np.uint32).astype(np.int64)),
        "python": torch.tensor(words, dtype=torch.int64),
    }
    if run.accelerator.device.type == "cuda":
        generators["cuda"] = torch.cuda.get_rng_state(run.accelerator.device)
    numbers = {"kind": kind, "position": position, "has_gauss": has_gauss, "gauss": gauss}
    return {"interval": interval, "random": generators, "numpy": numbers, "python": [version, next_gauss]}


def _save_with_shards(run: Run, write: Callable[[Path], Mapping[str, File]], began: float) -> Saved | None:
    """Every process writes its share; the main one commits when all have. A fault of one is a fault of the save."""
    staged, error = None, None
    if run.accelerator.is_main_process:
        try:
            staged = checkpoint.stage(run.folder / FOLDER, run.state.update)
        except OSError as fault:
            error = fault
    (given,) = broadcast_object_list([staged])
    files: dict[str, File] = {}
    if given is not None:
        try:
            files = {name: checkpoint.seal(given / name) for name in run.engine.write_shards(given)}
            files |= write(given)
        except OSError as fault:
            error = fault
    gathered = gather_object([(files, error)])
    if run.saver is None:
        return None
    files = {name: file for mine, _ in gathered for name, file in mine.items()}
    error = next((fault for _, fault in gathered if fault is not None), None)
    if error is None and staged is not None:
        try:
            commit(staged, files, keep=run.config.save_total_limit)
        except OSError as fault:
            error = fault
    if error is not None and staged is not None:
        checkpoint.discard(staged)
    return run.saver.done(Saved(run.state.update, size(files), error), began)


def settle(run: Run) -> None:
    """Wait until the newest checkpoint is on the disk."""
    if run.saver is not None:
        tell(run, run.saver.wait())


def finish(run: Run) -> None:
    """After the last word of a run: of its checkpoints the newest is kept."""
    if run.saver is not None:
        run.saver.keep_newest()
