"""Which run is meant: the one to go on with, the one to repeat, the newest model."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from sentiment_ft import yaml_text
from sentiment_ft.errors import ConfigError, ModelError, OutputError
from sentiment_ft.run.destination import path_of
from sentiment_ft.run.layout import KEPT_MARK, MARK, OWNED, holds_no_run, is_finished, is_run, readable, why_no_run
from sentiment_ft.terminal import printable


def to_go_on(asked: str, output: str | None, run_name: str) -> Path | None:
    """The folder of the run that `--resume asked` means; None where `auto` finds none, so that a new one begins.

    asked: `auto`, a run folder, or a checkpoint in one. auto: `output`, else the newest of runs/NAME, runs/NAME-2, ...
    that is not finished. Raises ConfigError, OutputError.
    """
    if asked != "auto":
        found: Path | None = config_of(asked).parent
    elif output is None:
        found = _newest_unfinished(run_name)
    else:
        folder = path_of(output)
        with readable(folder):
            if not os.path.lexists(folder) or (folder.is_dir() and holds_no_run(folder)):
                return None
        found = config_of(output).parent
    if found is not None and not (found / "summary.json").is_file():
        with readable(found):
            _check_shape(found)
    return found


def _newest_unfinished(run_name: str) -> Path | None:
    """exp-2 is the second run of the name exp, or the first of the name exp-2: its config says which."""
    pattern = re.compile(rf"{re.escape(run_name)}(-\d+)?")
    runs = [path for path in Path("runs").glob("*") if pattern.fullmatch(path.name) and is_run(path)]
    unfinished = [path for path in runs if not is_finished(path) and _name_of(path) in (run_name, None)]
    return max(unfinished, key=lambda path: (path / MARK).stat().st_mtime_ns, default=None)


def _name_of(folder: Path) -> str | None:
    """Of a run, by its config; None where that cannot be read."""
    try:
        values, _ = yaml_text.mapping((folder / MARK).read_text("utf-8"), MARK, where=MARK)
    except (OSError, ValueError, ConfigError):
        return None
    return str(values["run_name"]) if values.get("run_name") is not None else None


def config_of(name: str, option: str = "--resume") -> Path:
    """config.yaml of a run, given by its folder, by the one of its checkpoints or by a checkpoint. option: that gave
    it. Raises ConfigError, OutputError.
    """
    path = path_of(name, option)
    where = f"{option} {printable(name, 200)}"
    if not os.path.lexists(path):
        raise ConfigError(
            "there is no such run",
            where=where,
            way_out="a run folder" + (", or --resume auto" if option == "--resume" else ""),
        )
    candidates = [path, *(above.parent for above in (path, path.parent) if above.name == "checkpoints")]
    folder = next(filter(is_run, candidates), candidates[-1])
    if fault := why_no_run(folder):
        raise ConfigError(f"is no run folder: {fault}", where=where, way_out=config_again(folder) or "a run folder")
    return folder / MARK


def config_again(folder: Path) -> str | None:
    """The command that brings config.yaml back from the newest checkpoint; None where none has it."""
    found = [path for path in folder.glob(f"checkpoints/*/{KEPT_MARK}") if re.fullmatch(r"\d+-.*", path.parent.name)]
    if not found:
        return None
    newest = max(found, key=lambda path: int(path.parent.name.split("-")[0]))
    return printable(f"cp {shlex.quote(str(newest))} {shlex.quote(str(folder / MARK))}", 4096)


def newest_model() -> Path:
    """The best model of the newest finished run under runs/. Raises ModelError when there is none."""
    found = [
        summary.parent / "best" for summary in Path("runs").glob("*/summary.json") if (summary.parent / "best").is_dir()
    ]
    if not found:
        raise ModelError(
            "no finished run under runs/", where="--model", way_out="--model FOLDER, or train one: sentiment-ft train"
        )
    return max(found, key=lambda best: (best.parent / "summary.json").stat().st_mtime_ns)


def _check_shape(folder: Path) -> None:
    """Raise OutputError where a name in a run that is to go on is not the file or folder that a run makes: known now,
    not when it is written to.
    """
    for name in sorted(OWNED & set(os.listdir(folder))):
        path, wants_file = folder / name, "." in name
        if name in ("best", "plots", "metrics.jsonl") and path.is_symlink():
            what = "is a link"
        elif wants_file and not path.is_file():
            what = "is no plain file"
        elif not wants_file and not path.is_dir():
            what = "is no folder"
        else:
            continue
        without = {"metrics.jsonl": ", without the records so far", "checkpoints": " from the start"}.get(name, "")
        way_out = f"put back what was there; or move it away, and the run goes on{without}"
        raise OutputError(what, where=printable(str(path), 200), way_out=way_out)
