"""Settings around a run that change it without a word: a saved Accelerate config, launcher variables, thread counts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sentiment_ft import yaml_text
from sentiment_ft.shipped import own_file
from sentiment_ft.terminal import printable

Status = Literal["ok", "note", "warning", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. way_out: what to type or change, None where there is nothing to mend."""

    status: Status
    topic: str
    what: str
    way_out: str | None = None


def examine(variables: Mapping[str, str], cores: int, *, accelerated: bool) -> list[Finding]:
    """What to know before a launch from this shell. cores: usable ones. accelerated: the CPU is not what trains."""
    return [
        *_launcher_config(default_accelerate_config(variables)),
        *_launcher_variables(variables),
        *_threads(variables, cores, accelerated=accelerated),
    ]


def is_on(name: str, variables: Mapping[str, str]) -> bool:
    """Whether Accelerate takes that variable for a yes (accelerate/utils/environment.py, str_to_bool)."""
    return variables.get(name, "").lower() in {"1", "true", "yes", "y", "t", "on"}


def default_accelerate_config(variables: Mapping[str, str]) -> Path | None:
    """What `accelerate launch` uses when it is given no --config_file (accelerate/commands/config/config_args.py); None
    where there is none.
    """
    cache = variables.get("HF_HOME") or os.path.join(variables.get("XDG_CACHE_HOME", "~/.cache"), "huggingface")
    return own_file(os.path.join(cache, "accelerate", "default_config.yaml"))


def _launcher_config(path: Path | None) -> Iterator[Finding]:
    if path is None:
        return
    try:
        content = yaml_text.parse_plain(path.read_text(encoding="utf-8"))
    except (OSError, *yaml_text.UNREADABLE):
        content = None
    keys = ("distributed_type", "num_processes", "mixed_precision", "use_cpu")
    said = (
        ", ".join(f"{key} {content[key]}" for key in keys if key in content)
        if isinstance(content, dict)
        else "unreadable"
    )
    yield Finding(
        "warning",
        "launcher",
        printable(f"accelerate launch silently uses {path} ({said})"),
        "name a topology: accelerate launch --config_file accelerate_configs/single_process.yaml",
    )


def _launcher_variables(variables: Mapping[str, str]) -> Iterator[Finding]:
    plugins = [name for name in ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP") if is_on(name, variables)]
    if is_on("ACCELERATE_USE_CPU", variables) and plugins:
        yield Finding(
            "warning",
            "launcher",
            f"ACCELERATE_USE_CPU turns {' and '.join(plugins)} off without a word: plain data parallelism runs instead",
            "unset ACCELERATE_USE_CPU (DeepSpeed on a CPU: DS_ACCELERATOR=cpu)",
        )
    precision = variables.get("ACCELERATE_MIXED_PRECISION", "no")
    if precision != "no":
        yield Finding(
            "note",
            "launcher",
            printable(
                f"ACCELERATE_MIXED_PRECISION={precision}: mixed_precision auto means {precision}, others are refused"
            ),
            "unset ACCELERATE_MIXED_PRECISION and let the recipe decide",
        )


def _threads(variables: Mapping[str, str], cores: int, *, accelerated: bool) -> Iterator[Finding]:
    given = variables.get("OMP_NUM_THREADS", "")
    advice = f"export OMP_NUM_THREADS={cores}"
    if given and not given.isdigit():
        yield Finding("warning", "threads", printable(f"OMP_NUM_THREADS={given} is not a number"), advice)
    elif given and int(given) > cores:
        yield Finding(
            "warning", "threads", f"OMP_NUM_THREADS={given} on {cores} cores: threads wait for each other", advice
        )
    elif given == "1" and cores > 1 and not accelerated:
        yield Finding("warning", "threads", f"OMP_NUM_THREADS=1: a process computes on 1 of {cores} cores", advice)
    elif not given and cores > 1 and not accelerated:  # accelerate/commands/launch.py: OMP_NUM_THREADS, default 1
        yield Finding(
            "note",
            "threads",
            f"accelerate launch would compute on 1 of {cores} cores: OMP_NUM_THREADS is not set",
            advice,
        )
    if variables.get("TOKENIZERS_PARALLELISM", "").lower() in {"0", "false", "off", "no"} and cores > 1:
        yield Finding(
            "note",
            "threads",
            "TOKENIZERS_PARALLELISM is off: texts are encoded on one core",
            "unset TOKENIZERS_PARALLELISM",
        )
