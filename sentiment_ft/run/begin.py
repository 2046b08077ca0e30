"""How a run begins: in a new folder, or in the one of a run that is to go on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sentiment_ft.recipe import Loaded, dump
from sentiment_ft.run import attempt, find, folder
from sentiment_ft.run.layout import is_finished


@dataclass(frozen=True, slots=True)
class Begin:
    """As asked. output None: a folder is chosen by name. resume: None, `auto`, a run folder or a checkpoint;
    allow_changed: keys that may differ from the run that saved.
    """

    output: str | None = None
    overwrite: bool = False
    resume: str | None = None
    allow_changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """As found by the main process. goes_on: the folder of the run to go on with, None for a new one; asked: by which
    name; finished: it has no work left. create: makes or opens the folder, and holds it.
    """

    create: Callable[[], Path]
    goes_on: Path | None = None
    asked: str = "auto"
    finished: bool = False


def start(loaded: Loaded, begin: Begin) -> Start | None:
    """None in every process but the first, whose disk counts. Nothing is written yet. Raises UserError."""
    if os.environ.get("RANK", "0") != "0":
        return None
    asked = attempt.run_to_go_on() or begin.resume
    goes_on = None if asked is None else find.to_go_on(asked, begin.output, loaded.run_name)
    if goes_on is not None:
        return Start(partial(folder.reopen, goes_on), goes_on, str(asked), is_finished(goes_on))
    config = loaded.config
    inputs = [name for name in (config.data, config.validation, config.test, config.model_name_or_path) if name]
    chosen = folder.choose(begin.output, loaded.run_name, overwrite=begin.overwrite, inputs=inputs)
    named = config.model_copy(update={"run_name": loaded.run_name})  # as a recipe its file is just config.yaml
    may_move = loaded.run_name if begin.output is None else None
    return Start(partial(folder.create, chosen, dump(named), overwrite=begin.overwrite, run_name=may_move))
