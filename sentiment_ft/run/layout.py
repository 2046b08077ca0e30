"""What a run folder holds: the names in it, and how it is told from any other folder."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from sentiment_ft.errors import OutputError
from sentiment_ft.run.lock import LOCKS
from sentiment_ft.run.writing import ASIDE
from sentiment_ft.terminal import printable

RUN_CONFIG_HEADER = "# The resolved config of a run;"  # how `recipe.dump` begins
MARK = "config.yaml"  # written first, deleted last: with that header it marks a run folder, and only one is overwritten
KEPT_MARK = "run-config.yaml"  # what it is called in a checkpoint, which is no run folder
# All that a run writes, but for its locks. Overwriting deletes these names and nothing else.
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
    "logs": re.compile(r"rank-\d+\.log"),
    "tensorboard": re.compile(r"events\.out\.tfevents\..+"),
    "plots": re.compile(r"((test_)?(confusion|curves|reliability)|lengths|loss|metrics)\.png(\.part)?"),
}


@contextlib.contextmanager
def readable(folder: Path) -> Iterator[None]:
    """What cannot be read within is told as that. Raises OutputError."""
    try:
        yield
    except OSError as error:
        where = printable(str(error.filename or folder), 200)
        raise OutputError(f"cannot be read: {error.strerror}", where=where, way_out="its permissions") from None


def is_run(folder: Path) -> bool:
    """Whether it has the mark of a run."""
    return why_no_run(folder) is None


def why_no_run(folder: Path) -> str | None:
    """Why it is none."""
    try:
        if (folder / MARK).is_file():  # a pipe would be waited for
            with (folder / MARK).open("rb") as file:
                if file.read(len(RUN_CONFIG_HEADER)) == RUN_CONFIG_HEADER.encode():
                    return None
    except OSError as error:
        return f"its {MARK} cannot be read: {error.strerror}"
    return f"it has no {MARK} of a run"


def is_owned(name: str) -> bool:
    """Whether a run writes that name into its folder."""
    return name in OWNED or name in LOCKS or ASIDE.fullmatch(name) is not None


def holds_no_run(folder: Path) -> bool:
    """But for the locks of a run that was there, and the mark, without a byte, of one that was killed as it made it.
    Raises OSError.
    """
    return all(
        name in LOCKS or (name == MARK and (folder / name).is_file() and (folder / name).stat().st_size == 0)
        for name in os.listdir(folder)
    )


def is_finished(folder: Path) -> bool:
    """summary.json is the last that a run writes."""
    return (folder / "summary.json").exists()
