"""A small grammar engine: text with slots in, random sentences out.

A lexicon maps a symbol to its options, one a line or several a line between bars: ``"great | a [adj] [noun]"``.
``[adj]`` stands for any option of `adj` with the sentiment of the sentence being made, ``[!adj]`` for one with the
opposite sentiment. Symbols found in no polar lexicon are neutral: they have the same options on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

# An option is a tuple of pieces; a piece is literal text, or the list of options of another symbol.
Option: TypeAlias = "tuple[str | list[Option], ...]"
Options: TypeAlias = "list[Option]"

_SLOT = re.compile(r"\[(!?)([a-z_]+)\]")


def split_options(text: str) -> list[str]:
    """The options of one lexicon entry, in order, without blanks around them. `-` stands for the empty option."""
    parts = (part.strip() for line in text.splitlines() for part in line.split("|"))
    return ["" if part == "-" else part for part in parts if part]


def compile_grammar(
    neutral: Mapping[str, str], negative: Mapping[str, str], positive: Mapping[str, str]
) -> dict[tuple[str, int], Options]:
    """Options by (symbol, label), label 0 negative and 1 positive, with every slot resolved.

    Raises KeyError for a slot that names no symbol, and for a symbol that has only one of its two sides.
    """
    if negative.keys() != positive.keys():
        raise KeyError(f"symbols with one side only: {sorted(negative.keys() ^ positive.keys())}")
    table: dict[tuple[str, int], Options] = {}
    for label in (0, 1):
        for symbol in (*neutral, *positive):
            table[symbol, label] = []
    for label, polar in ((0, negative), (1, positive)):
        for symbol, text in (*neutral.items(), *polar.items()):
            table[symbol, label] += [_compile(option, label, table) for option in split_options(text)]
    return table


def _compile(option: str, label: int, table: Mapping[tuple[str, int], Options]) -> Option:
    pieces: list[str | Options] = []
    end = 0
    for slot in _SLOT.finditer(option):
        if slot.start() > end:
            pieces.append(option[end : slot.start()])
        pieces.append(table[slot[2], 1 - label if slot[1] else label])
        end = slot.end()
    if end < len(option):
        pieces.append(option[end:])
    return tuple(pieces)


def expand(options: Options, random: Callable[[], float], used: set[int], out: list[str]) -> None:
    """Append one random expansion of `options` to `out`.

    `used` holds the options this row has taken: a repeated one is drawn again once, so that "dull and dull" is rare.
    `random` gives floats in [0, 1): of the methods of `random.Random`, only `random()` promises the same stream in
    every Python.
    """
    option = options[int(random() * len(options))]
    if id(option) in used:
        option = options[int(random() * len(options))]
    used.add(id(option))
    for piece in option:
        if isinstance(piece, str):
            out.append(piece)
        else:
            expand(piece, random, used, out)
