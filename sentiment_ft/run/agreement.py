"""That all processes of a run were given the same: machines have files, packages and GPUs of their own."""

from __future__ import annotations

from collections.abc import Mapping

from accelerate import Accelerator
from accelerate.utils import gather_object

from sentiment_ft.errors import ConfigError
from sentiment_ft.terminal import printable

MOST_TOLD = 3


def check(accelerator: Accelerator, facts: Mapping[str, object]) -> None:
    """Compare the facts of all processes with those of the main one.

    Raises ConfigError, the same on each, where they differ: the run would stand still in a collective, or train on
    something that nobody asked for.
    """
    given: list[dict[str, object]] = gather_object([dict(facts)])
    main = given[0]
    for process, theirs in enumerate(given):
        keys = [key for key in main | theirs if main.get(key) != theirs.get(key)]
        if keys:
            told = (
                f"{key} is {_shown(main, key)} in process 0, {_shown(theirs, key)} here" for key in keys[:MOST_TOLD]
            )
            more = f"; {len(keys) - MOST_TOLD} more differ" if len(keys) > MOST_TOLD else ""
            raise ConfigError(
                f"{'; '.join(told)}{more}",
                where=f"process {process} of {len(given)}",
                way_out="the same command, files and packages on every machine; where their GPUs differ, --precision",
            )


def _shown(facts: Mapping[str, object], key: str) -> str:
    return printable(str(facts[key]), 60) if key in facts else "missing"
