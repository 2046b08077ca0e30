"""The run folder: made once, held by one run, never overwritten silently."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from sentiment_ft.errors import ConfigError, ModelError, OutputError
from sentiment_ft.run.destination import check_above, check_name, path_of
from sentiment_ft.run.writing import ASIDE, unwritable, write_text
from sentiment_ft.terminal import printable

RUN_CONFIG_HEADER = "# The resolved config of a run;"  # how `recipe.dump` begins
MARK = "config.yaml"  # written first, deleted last: with that header it marks a run folder, and only one is overwritten
KEPT_MARK = "run-config.yaml"  # what it is called in a checkpoint, which is no run folder
# All that a run writes. Overwriting deletes these names and nothing else.
OWNED = frozenset(
    {
        MARK,
        "environment.json",
        "plan.json",
        "attempts.jsonl",
        "tracking.json",
        "lengths.json",
        "memory.json",
        "rejected.jsonl",
        "metrics.jsonl",
        "predictions.jsonl",
        "worst_errors.jsonl",
        "test_predictions.jsonl",
        "test_worst_errors.jsonl",
        "summary.json",
        "report.html",
        "plots",
        "best",
        "checkpoints",
        "wandb",
        "tensorboard",
        "logs",
    }
)
INNER = {
    "best": re.compile(
        r"config\.json|README\.md|model[-0-9a-z]*\.safetensors(\.index\.json)?|tokenizer.*|special_tokens_map\.json|"
        r"added_tokens\.json|chat_template\.jinja|vocab\.(txt|json)|merges\.txt|.*\.model|\.[0-9a-f]{8}\.tmp"
    ),
    "checkpoints": re.compile(r"\d{4,}-update-\d+|\.\d{4,}-update-\d+\.(part|old)"),
    "plots": re.compile(r"((test_)?(confusion|curves|reliability)|lengths|loss|metrics)\.png(\.part)?"),
}
WAIT = "wait for its end, or another --output"
_held: list[int] = []  # the descriptor that locks the folder of this process's newest run, until the process ends


def choose(output: str | None, run_name: str, *, overwrite: bool, inputs: Sequence[str] = ()) -> Path:
    """The folder of a new run: `output`, or runs/NAME, runs/NAME-2, ... - the first that is free. Nothing is written
    yet.

    inputs: sources and models that the run reads; the folder is not replaced when one of them is a path inside it.
    Raises OutputError when `output` exists and may not be replaced.
    """
    if output is None:
        for number in range(1, 10_000):
            candidate = Path("runs") / (run_name if number == 1 else f"{run_name}-{number}")
            if not os.path.lexists(candidate):
                return candidate
        raise OutputError("10,000 runs of this name exist", where=Path("runs") / run_name, way_out="--output DIR")
    folder = path_of(output)
    where = printable(str(folder), 200)
    check_name(folder)
    check_above(folder)
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return folder
    if not folder.is_dir():
        raise OutputError("exists and is not a folder", where=where, way_out="another --output")
    if not overwrite:
        raise OutputError(
            "exists and is not empty",
            where=where,
            way_out="another --output, or --overwrite to replace a finished or broken run",
        )
    _check_replaceable(folder)
    _check_outside(folder, inputs)
    if not _is_held(folder) and (descriptor := _lock(folder, shared=True)) is not None:
        os.close(descriptor)  # only asked; `create` takes the lock
    return folder


def create(folder: Path, config_yaml: str, *, overwrite: bool, run_name: str | None = None) -> Path:
    """Make the folder (with overwrite: replacing an old run) and write config.yaml. Returns the folder made.

    run_name: of a folder that the user did not name. Where another run took it after it was chosen (reading the rows
    lies between), the next free one of that name is made instead. Raises OutputError.
    """
    try:
        if run_name is None:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                if not overwrite:
                    raise _taken(folder)
                _check_replaceable(folder)
                _hold(folder)  # before anything of a run that may still be at work is deleted
                _clear(folder)
        else:
            folder = _make_next(folder, run_name)
        try:  # of two runs in one empty folder, one makes this file
            os.close(os.open(folder / MARK, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            raise _taken(folder) from None
        _hold(folder)
        try:
            write_text(folder / MARK, config_yaml)
        except OutputError:
            (folder / MARK).unlink()
            raise
        (folder / "plots").mkdir()
    except OSError as error:
        raise unwritable(folder, error) from None
    return folder


def reopen(folder: Path) -> Path:
    """Hold the folder of a run that is to go on. Raises OutputError when another run is at work in it, or it cannot be
    written to.
    """
    try:
        _hold(folder, way_out="wait for its end")
        (folder / "plots").mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None
    return folder


def to_go_on(asked: str, output: str | None, run_name: str) -> Path | None:
    """The folder of the run that `--resume asked` means; None where `auto` finds none, so that a new one begins.

    asked: `auto`, a run folder, or a checkpoint in one. auto: `output`, else the newest of runs/NAME, runs/NAME-2, ...
    that is not finished. Raises ConfigError, OutputError.
    """
    if asked != "auto":
        found = config_of(asked).parent
    elif output is not None:
        folder = path_of(output)
        if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
            return None
        found = config_of(output).parent
    else:
        pattern = re.compile(rf"{re.escape(run_name)}(-\d+)?")
        runs = [path for path in Path("runs").glob("*") if pattern.fullmatch(path.name) and _is_run(path)]
        unfinished = [path for path in runs if not is_finished(path)]
        if not unfinished:
            return None
        found = max(unfinished, key=lambda path: (path / MARK).stat().st_mtime_ns)
    if not (found / "summary.json").is_file():
        _check_shape(found)
    return found


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
    folder = next(filter(_is_run, candidates), candidates[-1])
    if fault := _not_a_run(folder):
        raise ConfigError(f"is no run folder: {fault}", where=where, way_out=config_again(folder) or "a run folder")
    return folder / MARK


def config_again(folder: Path) -> str | None:
    """The command that brings config.yaml back from the newest checkpoint; None where none has it."""
    found = [path for path in folder.glob(f"checkpoints/*/{KEPT_MARK}") if re.fullmatch(r"\d+-.*", path.parent.name)]
    if not found:
        return None
    newest = max(found, key=lambda path: int(path.parent.name.split("-")[0]))
    return printable(f"cp {shlex.quote(str(newest))} {shlex.quote(str(folder / MARK))}", 4096)


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


def is_finished(folder: Path) -> bool:
    """summary.json is the last that a run writes."""
    return (folder / "summary.json").exists()


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


def _check_replaceable(folder: Path) -> None:
    """Raise OutputError unless all that the folder holds was written by a run."""
    where, way_out = printable(str(folder), 200), "another --output"
    if folder.is_symlink():
        raise OutputError("is a link: what it points to will not be deleted", where=where, way_out=way_out)
    if not _is_run(folder):
        raise OutputError(
            f"has no {MARK} of a run: this is not a run folder and will not be deleted", where=where, way_out=way_out
        )
    if foreign := _foreign(folder):
        shown = ", ".join(printable(name, 60) for name in foreign[:3])
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise OutputError(
            f"holds files that no run writes: {shown}{more}", where=where, way_out=f"move them away, or {way_out}"
        )


def _foreign(folder: Path) -> list[str]:
    """Names in the folder, and in the best model and the plots in it, that no run writes."""
    found = [name for name in os.listdir(folder) if not _is_owned(name)]
    for inner, ours in INNER.items():
        if (folder / inner).is_dir() and not (folder / inner).is_symlink():
            found += [f"{inner}/{name}" for name in os.listdir(folder / inner) if not ours.fullmatch(name)]
    return sorted(found)


def _is_run(folder: Path) -> bool:
    return _not_a_run(folder) is None


def _not_a_run(folder: Path) -> str | None:
    """Why it is none."""
    try:
        if (folder / MARK).is_file():  # a pipe would be waited for
            with (folder / MARK).open("rb") as file:
                if file.read(len(RUN_CONFIG_HEADER)) == RUN_CONFIG_HEADER.encode():
                    return None
    except OSError as error:
        return f"its {MARK} cannot be read: {error.strerror}"
    return f"it has no {MARK} of a run"


def _is_owned(name: str) -> bool:
    return name in OWNED or ASIDE.fullmatch(name) is not None


def _check_outside(folder: Path, inputs: Sequence[str]) -> None:
    """Raise OutputError when an input is a path inside the folder. Names of other things (synthetic, bundled, hub
    names) are no paths that exist.
    """
    replaced = folder.resolve()
    for name in inputs:
        path = Path(os.path.expanduser(name))
        if os.path.lexists(path) and path.resolve().is_relative_to(replaced):
            raise OutputError(
                f"would be deleted, but holds {printable(name, 200)}, which this run reads",
                where=printable(str(folder), 200),
                way_out="another --output",
            )


def _clear(folder: Path) -> None:
    """Delete what a run wrote. The mark goes last: a folder half cleared can still be overwritten."""
    for name in sorted(filter(_is_owned, os.listdir(folder)), key=lambda name: (name == MARK, name != "summary.json")):
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _lock(folder: Path, *, shared: bool = False, way_out: str = WAIT) -> int | None:
    """A descriptor that locks the folder until it is closed; None where there are no such locks (some file systems).

    shared: only ask whether a run holds it; processes that ask at once do not meet. Raises OutputError, OSError.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OutputError(
            "another run is writing there",
            where=printable(str(folder), 200),
            way_out=way_out,
        ) from None
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _hold(folder: Path, *, way_out: str = WAIT) -> None:
    """Lock the folder for the life of this process, or until its next run. Raises OutputError, OSError."""
    if _is_held(folder):
        return
    descriptor = _lock(folder, way_out=way_out)
    while _held:
        os.close(_held.pop())
    if descriptor is not None:
        _held.append(descriptor)


def _is_held(folder: Path) -> bool:
    """By this very process: a second run in it may replace its first."""
    return any(os.path.samestat(os.fstat(descriptor), folder.stat()) for descriptor in _held)


def check_idle(folder: Path) -> None:
    """Raises OutputError while a run is at work in it."""
    try:
        if (descriptor := _lock(folder, shared=True, way_out="wait for its end")) is not None:
            os.close(descriptor)
    except OSError as error:
        raise OutputError(f"cannot be read: {error.strerror}", where=printable(str(folder), 200)) from None


def _make_next(folder: Path, run_name: str) -> Path:
    """Make `folder`, or the first free one of the name when another run is faster. Raises OSError, OutputError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            folder = choose(None, run_name, overwrite=False)


def _taken(folder: Path) -> OutputError:
    return OutputError(
        "was taken by another run in the meantime",
        where=printable(str(folder), 200),
        way_out="start again, or another --output",
    )
