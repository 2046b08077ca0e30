"""YAML as recipes and `-o` use it: PyYAML, with numbers and words read as YAML 1.2 does, and faults in one line.

Topologies are read as Accelerate reads them, by PyYAML's own rules.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from sentiment_ft.errors import ConfigError
from sentiment_ft.terminal import printable

# What PyYAML raises for a value: an empty !!int is an IndexError, a !!bool that is none a KeyError, a !!timestamp an
# AttributeError.
UNREADABLE = (
    yaml.YAMLError, ValueError, TypeError, RecursionError, LookupError, AttributeError, OverflowError,
)  # fmt: skip
MOST_BITS = 10_000  # of a whole number
_BOOLEAN = "tag:yaml.org,2002:bool"


class _PlainLoader(yaml.SafeLoader):
    """SafeLoader without aliases: five levels of them are enough to ask for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "an alias (*name) is not for configs", mark)
        return super().compose_node(parent, index)


class _Loader(_PlainLoader):
    """Reads 1e-6 as a number and yes, no, on, off as words, as YAML 1.2 does (PyYAML follows 1.1, which
    wants 1.0e-6), and refuses a key given twice.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key is given twice", node.start_mark)
        return mapping


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads: the text 1e5 in quotes, rare line breaks as escapes (PyYAML loses them).

    Words of YAML 1.1 such as `yes` are quoted as well, for other readers.
    """

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = '"' if any(character in data for character in "\n\x85\u2028\u2029") else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile("^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def _int(loader: _PlainLoader, node: yaml.ScalarNode) -> int:
    """Python refuses to write more than 4,300 digits, so nobody could be told what is wrong with such a number."""
    found: int = loader.construct_yaml_int(node)
    if found.bit_length() > MOST_BITS:
        raise yaml.constructor.ConstructorError(None, None, "a number this large", node.start_mark)
    return found


_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Dumper.add_representer(str, _Dumper.represent_str)
for _yaml in (_Loader, _Dumper):
    _yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9_]+)[eE][-+]?[0-9]+$"),
        list("-+0123456789."),
    )


def parse(text: str) -> Any:
    """What one YAML text means. Raises one of UNREADABLE, which `fault` puts into words."""
    return yaml.load(text, Loader=_Loader)


def parse_plain(text: str) -> Any:
    """What one YAML text means to PyYAML, and so to Accelerate. Raises one of UNREADABLE."""
    return yaml.load(text, Loader=_PlainLoader)


def write(values: dict[str, Any]) -> str:
    """One `key: value` a line, in their order; reads back as the same values."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def mapping(text: str, shown: str, *, where: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Keys and values of a YAML text, and where each key stands, as `shown:line`.

    where: what a text that is not YAML is called in the error. Raises ConfigError.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"not valid YAML: {error.problem}", where=f"{where}:{line}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"not valid YAML: {printable(str(error), 200)}", where=where) from None
    if node is None:
        return {}, {}
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError("a recipe is a list of `key: value` lines", where=f"{shown}:{node.start_mark.line + 1}")
    loader = _Loader("")
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key_node, value_node in node.value:
        here = f"{shown}:{key_node.start_mark.line + 1}"
        try:
            key, value = loader.construct_object(key_node, deep=True), loader.construct_object(value_node, deep=True)
        except UNREADABLE as error:
            raise ConfigError(f"cannot be read: {fault(error)}", where=here) from None
        if not isinstance(key, str):
            raise ConfigError(f"key {printable(str(key), 60)} is not a word", where=here)
        if key in values:
            raise ConfigError(
                f"{printable(key, 60)} is given twice (first at {origins[key]})", where=here, way_out="delete one"
            )
        values[key], origins[key] = value, here
    return values, origins


def lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of each key of a text that `mapping` has read, by its path from the top; of an item of a list by its
    number.
    """
    found: dict[tuple[str, ...], int] = {}

    def note(node: yaml.Node | None, path: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            pairs = [(str(key.value), value, key) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            pairs = [(str(number), value, value) for number, value in enumerate(node.value)]
        else:
            return
        for name, value, mark in pairs:
            found[(*path, name)] = mark.start_mark.line + 1
            note(value, (*path, name))

    note(yaml.compose(text, Loader=_Loader), ())
    return found


def fault(error: Exception) -> str:
    """The fault without the excerpt that PyYAML draws below it over three lines."""
    if isinstance(error, (LookupError, AttributeError, OverflowError)):
        return "a value does not fit the type that is written before it"
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else None
    return printable(problem or str(error), 200)
