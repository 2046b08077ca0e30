"""Synthetic movie reviews: balanced, seeded, any number of them in constant memory.

Row i depends on the seed and on i alone: a longer run starts with the rows of a shorter one, and two processes, Python
versions or platforms write the same bytes. The sentences come from a grammar (grammar.py) over a lexicon of film
criticism; nothing is taken from a data set.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from sentiment_ft.synthetic.families import FAMILIES, GRAMMAR
from sentiment_ft.synthetic.grammar import Options, expand

# Raised whenever the output for a seed changes: caches of encoded rows are keyed by it.
GENERATOR_VERSION = 2

FOUNDING_EXAMPLES: tuple[tuple[str, int], ...] = (
    ("This movie is absolutely amazing! I loved every minute of it.", 1),
    ("This movie was terrible and boring.", 0),
)

_Draw = Callable[[], float]

Which = Literal["train", "held-out", "all"]

MIN_WORDS = 4

# Words a review is lengthened to, one draw a row: most stay as they are, a thin tail goes beyond 215.
_TARGET_WORDS = (0,) * 58 + (18,) * 14 + (25,) * 10 + (35,) * 6 + (50,) * 6 + (70,) * 3 + (100, 150, 215)

# Families that are sometimes printed as corpora do, see _treebank.
_PRINTED_FAMILIES = frozenset({"critic", "column", "fragment", "contrast", "negation"})

MISSPELLINGS = {
    "because": "becuase",
    "definitely": "definately",
    "really": "realy",
    "which": "wich",
    "their": "thier",
    "character": "charachter",
    "watched": "wacthed",
    "movie": "moive",
    "scene": "sceen",
    "the": "teh",
    "minute": "minuet",
    "actors": "acters",
    "story": "storry",
    "with": "wiht",
}


@dataclass(frozen=True, slots=True)
class SyntheticRow:
    """One review. label: 1 positive, 0 negative. family: the template family it was made from."""

    text: str
    label: int
    family: str


_ARTICLE = re.compile(r"\b([Aa]) (?=(?!one\b|uniq|use)[aeiou]|hour\b|honest)")
_SENTENCE_START = re.compile(r"(?:^|[.!?] |\n)[a-z]")
_PUNCTUATION = re.compile(r"([.,!?:;])(?= |$)")


def families(which: Which = "all") -> list[str]:
    """Names of the template families; the held-out ones never appear in training rows.

    Raises ValueError for an unknown `which`.
    """
    if which not in ("train", "held-out", "all"):
        raise ValueError(f"which must be train, held-out or all, not {which!r}")
    return [name for name, family in FAMILIES.items() if which == "all" or family.held_out == (which == "held-out")]


def generate(rows: int, seed: int, which: Which = "train") -> Iterator[SyntheticRow]:
    """Yield `rows` reviews, as many positive as negative ones (one apart when `rows` is odd).

    The two founding examples come first, unless only held-out families are asked for. Raises ValueError for a negative
    `rows` or `seed` and for an unknown `which`.
    """
    if rows < 0 or seed < 0:
        raise ValueError(f"rows and seed must be 0 or more, not rows={rows}, seed={seed}")
    names = families(which)
    bounds = list(accumulate(FAMILIES[name].weight for name in names))
    return _stream(rows, seed, names, bounds, founding=which != "held-out")


def _stream(rows: int, seed: int, names: list[str], bounds: list[int], founding: bool) -> Iterator[SyntheticRow]:
    # One generator object, seeded anew for each row: row i needs no row before it.
    source = random.Random()
    first_label = 0
    for i in range(rows):
        if founding and i < len(FOUNDING_EXAMPLES):
            yield SyntheticRow(*FOUNDING_EXAMPLES[i], "founding")
            continue
        if i % 2 == 0:  # rows 2k and 2k+1 are one of each label, in an order drawn for the pair
            source.seed((seed << 48) + (i << 1) + 1)
            first_label = int(source.random() * 2)
        label = first_label if i % 2 == 0 else 1 - first_label
        source.seed((seed << 48) + (i << 1))
        family = names[bisect_right(bounds, int(source.random() * bounds[-1]))]
        yield SyntheticRow(_review(family, label, source.random), label, family)


def _review(family: str, label: int, draw: _Draw) -> str:
    used: set[int] = set()
    core = _sentence(GRAMMAR[f"family_{family}", label], draw, used)
    if core[-1] not in ".!?" and family != "casual":
        core += "."
    words = len(core.split())
    before: list[str] = []
    after: list[str] = []
    target = _TARGET_WORDS[int(draw() * len(_TARGET_WORDS))] if FAMILIES[family].long else MIN_WORDS
    side = before if draw() < 0.5 else after
    # Room is kept for one more sentence, the seal, and the marks that the treebank style sets apart.
    while words < target:
        symbol = "extra" if FAMILIES[family].long else "short"
        side.append(_sentence(GRAMMAR[symbol, label], draw, used))
        words += len(side[-1].split())
    if FAMILIES[family].sealed:
        after.append(_sentence(GRAMMAR["seal", label], draw, used))
    text = _ARTICLE.sub(r"\1n ", " ".join([*before, core, *after]))
    if family == "casual":
        return misspell(text, draw) if draw() < 0.3 else text
    if family in _PRINTED_FAMILIES and draw() < 0.3:
        return _treebank(text)
    text = _SENTENCE_START.sub(_upper, text)
    return misspell(text, draw) if draw() < 0.05 else text


def _upper(start: re.Match[str]) -> str:
    return start[0].upper()


def _sentence(options: Options, draw: _Draw, used: set[int]) -> str:
    pieces: list[str] = []
    expand(options, draw, used, pieces)
    return " ".join("".join(pieces).split())


def misspell(text: str, draw: _Draw) -> str:
    """`text` with one common misspelling, if it has a word we know one for: always a word without sentiment."""
    words = [word for word in MISSPELLINGS if word in text]
    if not words:
        return text
    word = words[int(draw() * len(words))]
    return re.sub(rf"\b{word}\b", MISSPELLINGS[word], text, count=1)


def _treebank(text: str) -> str:
    # As corpora print it: lower case, punctuation and n't set apart. WordPiece splits "don't" and "do n't" differently.
    text = _PUNCTUATION.sub(r" \1", text.lower())
    return text.replace("can't", "ca n't").replace("n't", " n't").replace("ca  n't", "ca n't")
