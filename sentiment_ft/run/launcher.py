"""What `accelerate launch` was asked, where it does something else without a word: refused with the way out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from sentiment_ft import yaml_text
from sentiment_ft.errors import ConfigError
from sentiment_ft.run.surroundings import default_accelerate_config
from sentiment_ft.terminal import printable


def check(environment: Mapping[str, str] = os.environ) -> None:
    """Look at the argv of the process that started this one. Raises ConfigError."""
    arguments = launch_arguments(_parent())
    if arguments is not None:
        check_arguments(arguments, environment)


def launch_arguments(argv: Sequence[str]) -> list[str] | None:
    """The options of `accelerate launch` in an argv, up to the script or module; None for any other command."""
    words = [Path(word).name for word in argv]
    if "accelerate" in words and "launch" in words[words.index("accelerate") :]:
        start = words.index("launch", words.index("accelerate"))
    elif "accelerate-launch" in words:
        start = words.index("accelerate-launch")
    elif "accelerate.commands.launch" in words:
        start = words.index("accelerate.commands.launch")
    else:
        return None
    rest = list(argv[start + 1 :])
    ends = [place for place, word in enumerate(rest) if word in ("-m", "--module") or word.endswith(".py")]
    return rest[: ends[0]] if ends else rest


def check_arguments(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Raises ConfigError for one process where several were asked, and for a topology that nobody named."""
    config_file = _value(arguments, "config_file")
    default = default_accelerate_config(environment)
    if config_file is None and "--cpu" not in arguments and default is not None:
        raise ConfigError(
            f"silently uses {printable(str(default), 200)}, a config made with `accelerate config`",
            where="accelerate launch",
            way_out=f"name it: --config_file {printable(str(default), 200)}, or one of accelerate_configs/",
        )
    if _number(environment.get("WORLD_SIZE")) > 1:
        return
    asked = _number(_value(arguments, "num_processes")) or _processes_in(config_file)
    if asked > 1:
        raise ConfigError(
            f"{asked} processes were asked for, and it started one",
            where="accelerate launch",
            way_out="sentiment-ft launch --topology cpu_2proc, or accelerate launch --config_file "
            f"accelerate_configs/cpu_2proc.yaml --num_processes {asked}",
        )


def _parent() -> list[str]:
    try:
        parent = psutil.Process().parent()
        return [] if parent is None else parent.cmdline()
    except psutil.Error:
        return []


def _value(arguments: Sequence[str], name: str) -> str | None:
    """Of `--name VALUE` or `--name=VALUE`; argparse takes dashes for underscores too."""
    for place, word in enumerate(arguments):
        option, equals, value = word.partition("=")
        if option.lstrip("-").replace("-", "_") == name and option.startswith("--"):
            return value if equals else next(iter(arguments[place + 1 :]), None)
    return None


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0


def _processes_in(config_file: str | None) -> int:
    if config_file is None:
        return 1
    try:
        content = yaml_text.parse_plain(Path(config_file).read_text(encoding="utf-8"))
    except (OSError, *yaml_text.UNREADABLE):  # Accelerate has read it: this is no fault of the run
        return 1
    number = content.get("num_processes") if isinstance(content, dict) else None
    return number if isinstance(number, int) else 1
