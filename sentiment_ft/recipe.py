"""Recipes: YAML in, a checked `Config` and the origin of every value out; and back to YAML.

Precedence: flag > `-o key=value` > recipe > default. All faults are reported in one error, each with its file and line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sentiment_ft import yaml_text
from sentiment_ft.config import PATTERN_WORDS, SECTIONS, Config, keys_of
from sentiment_ft.errors import ConfigError
from sentiment_ft.terminal import printable

FLAGS = {"model_name_or_path": "--model"}  # flags that are not the key's own name
RIVALS = {  # giving one takes the recipe's other back
    "warmup_steps": ("warmup_ratio",),
    "warmup_ratio": ("warmup_steps",),
    "gradient_accumulation_steps": ("global_batch_size",),
    "global_batch_size": ("gradient_accumulation_steps",),
    "label_map": ("negative_max_rating", "positive_min_rating"),
    "negative_max_rating": ("label_map",),
    "positive_min_rating": ("label_map",),
}
MAX_RECIPE_BYTES = 1_000_000  # a recipe has some 40 lines; more is not a recipe


# Keys that say how rows are read and labelled: the ones that a verb without training takes.
READING_KEYS = frozenset(
    {
        "text_column",
        "label_column",
        "label_map",
        "negative_max_rating",
        "positive_min_rating",
        "max_rejected_share",
        "synthetic_rows",
        "seed",
    }
)
BOUND_TO_DATA = frozenset(
    {"validation", "test", "text_column", "label_column", "label_map", "negative_max_rating", "positive_min_rating"}
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checked config; `origins` says for every key where its value came from ("default", "t4.yaml:12", "-o",
    "--data").
    """

    config: Config
    origins: dict[str, str]
    recipe: str

    @property
    def run_name(self) -> str:
        """Of the config, else of the recipe, and of the data where they are not the recipe's."""
        if self.config.run_name is not None or self.origins["data"] not in ("-o", "--data"):
            return self.config.run_name or self.recipe
        return f"{self.recipe}-{_name_of(Path(self.config.data).stem, 30)}"


def names() -> list[str]:
    """Names of the recipes that travel with the package."""
    folder = resources.files("sentiment_ft") / "recipes"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load(
    recipe: str = "quickstart",
    overrides: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    *,
    accepted: Collection[str] | None = None,
) -> Loaded:
    """Read a recipe (by name or file), apply `key=value` overrides and flags (None: not given), check everything.

    accepted: keys that an override may set, where others would do nothing; None: all. Raises ConfigError with every
    fault at once.
    """
    name, values, origins = _read(recipe)
    given = [(key, _parse(text, key, "-o"), "-o") for key, text in map(_split, overrides)]
    idle = [key for key, _, _ in given if accepted is not None and key in Config.model_fields and key not in accepted]
    if idle:
        raise ConfigError(
            f"{', '.join(idle)}: no effect here",
            where="-o",
            way_out=f"keys that have: {', '.join(sorted(accepted or ()))}",
        )
    for key, value in (flags or {}).items():
        if value is not None:
            flag = FLAGS.get(key, f"--{key.replace('_', '-')}")
            given.append((key, _parse(value, key, flag) if key == "label_map" else value, flag))
    if any(key == "data" and value != values.get("data") for key, value, _ in given):
        for key in BOUND_TO_DATA & values.keys():  # the recipe's test set says nothing about another data set
            del values[key]
            origins[key] = "default, as data is given"
    for key, value, _ in given:
        for rival in RIVALS.get(key, ()) if value is not None else ():
            if values.pop(rival, None) is not None:
                origins[rival] = f"default, as {key} is given"
    for key, value, origin in given:
        values[key], origins[key] = value, origin
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(
            _explain(error, origins), way_out="sentiment-ft plan --no-model lists every key with its value"
        ) from None
    return Loaded(config, {key: origins.get(key, "default") for key in Config.model_fields}, name)


def dump(config: Config) -> str:
    """The config as a recipe: every key, by section, so that it reloads to the same config."""
    parts = ["# The resolved config of a run; it reloads as a recipe: sentiment-ft train --recipe THIS_FILE\n"]
    data = config.model_dump(mode="json")
    for section in SECTIONS:
        chosen = {key: data[key] for key in keys_of(section)}
        parts.append(f"# {(section.__doc__ or '').strip()}\n" + yaml_text.write(chosen))
    return "\n".join(parts)


def _read(recipe: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    """Name, values and origins of a recipe."""
    path = Path(recipe)
    is_name = path.suffix not in {".yaml", ".yml"} and "/" not in recipe
    if is_name:
        if recipe not in names():
            near = difflib.get_close_matches(recipe, names(), n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(
                f"no recipe named {printable(recipe, 60)!r}",
                where="--recipe",
                way_out=f"{hint}known: {', '.join(names())}; or a .yaml file",
            )
        text, shown = (
            (resources.files("sentiment_ft") / "recipes" / f"{recipe}.yaml").read_text("utf-8"),
            f"{recipe}.yaml",
        )
    else:
        text, shown = _read_file(path), printable(path.name, 60)
    return (
        _name_of(path.stem if not is_name else recipe, 60),
        *yaml_text.mapping(text, shown, where=printable(recipe, 200)),
    )


def _name_of(stem: str, width: int) -> str:
    """What run_name in config.py allows, and no more: the config of a run folder is a recipe too."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:width] or "run"


def _read_file(path: Path) -> str:
    where = printable(str(path), 200)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_RECIPE_BYTES + 1)  # not stat: a pipe or device has no size
        if len(content) > MAX_RECIPE_BYTES:
            raise ConfigError(f"larger than {MAX_RECIPE_BYTES:,} bytes: not a recipe", where=where)
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("no such recipe file", where=where, way_out=f"known recipes: {', '.join(names())}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 text (byte {error.start})", where=where) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=where) from None


def _split(override: str) -> tuple[str, str]:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(
            f"{printable(override, 80)!r} is not key=value", where="-o", way_out="for example -o learning_rate=3e-5"
        )
    return key.strip(), text


def _parse(text: str, key: str, where: str) -> Any:
    try:
        return yaml_text.parse(text)
    except yaml_text.UNREADABLE as error:
        raise ConfigError(
            f"the value of {printable(key, 60)} is not valid YAML: {yaml_text.fault(error)}", where=where
        ) from None


def _shown(value: Any) -> str:
    """A wrong value, short. Lists and mappings only by kind: aliases make a kilobyte of YAML a gigabyte of text."""
    if isinstance(value, (list, dict, set)):
        return {list: "a list", dict: "a mapping", set: "a set"}[type(value)]
    if isinstance(value, int) and value.bit_length() > 200:  # Python refuses to write thousands of digits
        return "a number this large"
    return printable(repr(value), 60)


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    """Every fault on its own line: `t4.yaml:3: learning_rat: unknown key (did you mean learning_rate?)`."""
    lines = []
    for fault in error.errors():
        key = str(fault["loc"][0]) if fault["loc"] else ""
        where = f"{origins[key]}: " if key in origins else ""
        if fault["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, list(Config.model_fields), n=2)
            message = "unknown key" + (f" (did you mean {' or '.join(near)}?)" if near else "")
        elif fault["type"] == "value_error":
            message = str(fault["ctx"]["error"]) if "ctx" in fault else fault["msg"]
        else:
            within = fault["loc"][1:2]  # a key of a mapping, the number of a word in a list
            entry = f"{printable(str(within[0]), 60)}: " if within and not isinstance(within[0], int) else ""
            said = fault["msg"][0].lower() + fault["msg"][1:]
            if fault["type"] == "string_pattern_mismatch":
                said = f"should be {PATTERN_WORDS[fault['ctx']['pattern']]}"
            message = f"{entry}{said}, not {_shown(fault['input'])}"
        lines.append(
            f"{where}{printable(key, 60)}: {message}" if key and not where.startswith("--") else f"{where}{message}"
        )
    return lines[0] if len(lines) == 1 else "the config has {} faults:\n  - {}".format(len(lines), "\n  - ".join(lines))
