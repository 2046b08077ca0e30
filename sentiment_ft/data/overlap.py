"""Texts of the validation rows that the training rows hold too: exactly, or nearly.

Near means a Jaccard similarity of the word 3-gram sets of at least a threshold. Pairs worth comparing are found in
`minhash` and then compared for real, so there are no false positives and few misses: at least 99.9% of the pairs
exactly at the threshold are found, and more above it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sentiment_ft.data.minhash import CHUNK_WORDS, SHORT_WORDS, Index, Words, grams

CHUNK_PAIRS = 8_000_000  # training rows x validation rows compared at once, a byte each
EXAMPLES = 5
EXCERPT_CHARACTERS = 200

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Example:
    """One validation row and the training row like it, texts cut to 200 characters. similarity: 1.0 for exact."""

    train: str
    validation: str
    validation_row: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """rows: rows looked at. exact, near: how many of them have such a training row; a row counts once, exact first.
    examples: a few pairs of both.
    """

    rows: int
    exact: int
    near: int
    examples: tuple[Example, ...]


def overlap(train: Iterable[str], validation: Sequence[str], *, threshold: float = 0.8) -> Overlap:
    """Validation texts that are in `train`, which is streamed once.

    Exact: the same words after lower-casing and dropping punctuation. Texts under SHORT_WORDS words are near by their
    sets of words, and only to each other. A text without words is like no other. Raises ValueError for a threshold
    outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, not {threshold}")
    words = [_words(text) for text in validation]
    rows_by_words: dict[Words, list[int]] = {}
    for row, of_row in enumerate(words):
        if of_row:
            rows_by_words.setdefault(of_row, []).append(row)
    distinct = list(rows_by_words)  # exact twins inside the validation rows are looked up once
    index = Index(distinct, threshold)
    exact: dict[int, Example] = {}  # keyed by the place in `distinct`
    near: dict[int, Example] = {}
    place_of = {of_row: place for place, of_row in enumerate(distinct)}

    for chunk in _chunks(train, max(1, CHUNK_PAIRS // max(len(distinct), 1))):
        texts: dict[Words, str] = {}
        for text, of_text in chunk:
            texts[of_text] = text  # an exact twin of one validation text may be near to another
            place = place_of.get(of_text)
            if place is not None and place not in exact:
                exact[place] = _example(text, validation, rows_by_words[of_text][0], 1.0)
        done = np.zeros(len(distinct), np.bool_)
        done[[*exact, *near]] = True
        keys = list(texts)
        for train_place, place in index.candidates(keys, done):
            if place in near:
                continue
            similarity = _jaccard(keys[train_place], distinct[place])
            if similarity >= threshold:
                near[place] = _example(
                    texts[keys[train_place]], validation, rows_by_words[distinct[place]][0], similarity
                )
    for place in exact:
        near.pop(place, None)

    def rows(found: dict[int, Example]) -> int:
        return sum(len(rows_by_words[distinct[place]]) for place in found)

    shown = itertools.islice([*exact.values(), *sorted(near.values(), key=lambda one: -one.similarity)], EXAMPLES)
    return Overlap(len(validation), rows(exact), rows(near), tuple(shown))


def _words(text: str) -> Words:
    return tuple(_WORD.findall(text.lower()))


def _example(train: str, validation: Sequence[str], row: int, similarity: float) -> Example:
    return Example(train[:EXCERPT_CHARACTERS], validation[row][:EXCERPT_CHARACTERS], row, similarity)


def _chunks(texts: Iterable[str], max_rows: int) -> Iterable[list[tuple[str, Words]]]:
    chunk: list[tuple[str, Words]] = []
    size = 0
    for text in texts:
        words = _words(text)
        if not words:
            continue
        chunk.append((text, words))
        size += len(words)
        if size >= CHUNK_WORDS or len(chunk) >= max_rows:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _jaccard(left: Words, right: Words) -> float:
    if (len(left) < SHORT_WORDS) != (len(right) < SHORT_WORDS):
        return 0.0
    left_set, right_set = grams(left), grams(right)
    common = len(left_set & right_set)
    return common / (len(left_set) + len(right_set) - common)
