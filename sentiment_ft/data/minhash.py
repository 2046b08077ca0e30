"""Pairs of texts worth comparing, without comparing all: MinHash signatures cut into bands (Broder 1997; Indyk and
Motwani 1998; "Mining of Massive Datasets", chapter 3).

A text is the set of its word 3-grams. V validation texts are indexed; B texts at a time are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRAM_WORDS = 3
SHORT_WORDS = 6  # below this the set of words is compared: of five words one changed would leave at most one 3-gram
HASHES = 120  # values in a signature; 120 has many divisors to cut it into bands
MIN_RECALL = 0.999  # of the pairs exactly at the threshold
CHUNK_WORDS = 50_000  # words of text hashed at once: keeps the largest array (uint64) in the cache of a core

_SIGMAS = 4  # a pair whose signatures agree less than the threshold by 4 standard errors is not compared

Words = tuple[str, ...]
Hashes = NDArray[np.uint64]


def grams(words: Words) -> set[Any]:
    """The 3-grams of a text; of a short one its words."""
    if len(words) < SHORT_WORDS:
        return set(words)
    return set(zip(words, words[1:], words[2:], strict=False))


def band_rows(threshold: float) -> int:
    """The most signature values a band may hold so that a pair at the threshold shares a band with probability
    MIN_RECALL.

    A band of r values agrees with probability s^r at similarity s; one of HASHES / r bands does with 1 - (1 -
    s^r)^(HASHES / r).
    """
    divisors = (rows for rows in range(12, 0, -1) if HASHES % rows == 0)
    return next((rows for rows in divisors if 1 - (1 - threshold**rows) ** (HASHES // rows) >= MIN_RECALL), 1)


class _WordHashes(dict[str, int]):
    """64-bit hash of each word met; the same in every process, unlike `hash`. Forgets all when it holds a million
    words.
    """

    def __missing__(self, word: str) -> int:
        if len(self) >= 1_000_000:
            self.clear()
        value = int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
        self[word] = value
        return value


class Index:
    """Signatures of the validation texts, and per band its keys in sorted order."""

    def __init__(self, texts: Sequence[Words], threshold: float) -> None:
        numbers = np.random.Generator(np.random.PCG64(20170612))
        self._multipliers = numbers.integers(1, 2**63, HASHES, np.uint64) * np.uint64(2) + np.uint64(1)
        self._offsets = numbers.integers(0, 2**63, HASHES, np.uint64)
        self._word_hashes = _WordHashes()
        self._rows_per_band = band_rows(threshold)
        self._least_agreement = threshold - _SIGMAS * (threshold * (1 - threshold) / HASHES) ** 0.5
        self._signatures = np.concatenate(
            [np.empty((0, HASHES), np.uint32)] + [self._signed(chunk) for chunk in _by_words(texts)]
        )  # (V, HASHES)
        keys = self._band_keys(self._signatures)
        self._order = np.argsort(keys, axis=0, kind="stable")  # (V, bands)
        self._sorted = np.take_along_axis(keys, self._order, axis=0)

    def candidates(self, texts: Sequence[Words], done: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
        """(place in texts, validation row) of the pairs worth comparing; rows that are done are left out."""
        if not texts or not len(self._sorted):
            return
        signatures = self._signed(texts)
        keys = self._band_keys(signatures)
        pairs = np.zeros((len(texts), len(done)), np.bool_)
        for band in range(keys.shape[1]):
            first = np.searchsorted(self._sorted[:, band], keys[:, band], "left")
            counts = np.searchsorted(self._sorted[:, band], keys[:, band], "right") - first
            for place in np.flatnonzero(counts):
                pairs[place, self._order[first[place] : first[place] + counts[place], band]] = True
        pairs[:, done] = False
        for place in np.flatnonzero(pairs.any(axis=1)):
            rows = np.flatnonzero(pairs[place])
            agreement = (self._signatures[rows] == signatures[place]).mean(axis=1)
            yield from ((int(place), int(row)) for row in rows[agreement >= self._least_agreement])

    def _band_keys(self, signatures: NDArray[np.uint32]) -> Hashes:
        """(B, HASHES) -> (B, bands): one mixed number for the values of each band."""
        parts = signatures.reshape(len(signatures), HASHES // self._rows_per_band, self._rows_per_band).astype(
            np.uint64
        )
        keys = np.zeros(parts.shape[:2], np.uint64)
        for value in range(self._rows_per_band):
            keys = _mixed(keys * np.uint64(31) + parts[:, :, value])
        return keys

    def _signed(self, texts: Sequence[Words]) -> NDArray[np.uint32]:
        """(B, HASHES): for each hash function the least value over the grams of each text."""
        hashes, starts = self._gram_hashes(texts)
        signatures = np.empty((HASHES, len(texts)), np.uint32)
        for number in range(HASHES):
            values = ((hashes * self._multipliers[number] + self._offsets[number]) >> np.uint64(32)).astype(np.uint32)
            signatures[number] = np.minimum.reduceat(values, starts)
        return np.ascontiguousarray(signatures.T)

    def _gram_hashes(self, texts: Sequence[Words]) -> tuple[Hashes, NDArray[np.int64]]:
        """Hashes of the grams of all texts in one array, and where each text begins in it."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        word_hashes = self._word_hashes
        flat = np.fromiter((word_hashes[word] for words in texts for word in words), np.uint64, int(lengths.sum()))
        short = lengths < SHORT_WORDS
        hashes = flat.copy()  # of short texts the words themselves
        two, three = np.roll(flat, -1), np.roll(flat, -2)
        triples = _mixed(_mixed(flat * np.uint64(3) + np.uint64(1)) + two * np.uint64(5)) + three * np.uint64(7)
        is_short = np.repeat(short, lengths)
        hashes[~is_short] = triples[~is_short]
        kept = np.ones(len(flat), np.bool_)
        ends = np.cumsum(lengths)
        for back in range(1, GRAM_WORDS):  # the last two places of a text would reach into the next one
            kept[ends[~short] - back] = False
        counts = np.where(short, lengths, lengths - (GRAM_WORDS - 1))
        return _mixed(hashes[kept]), np.concatenate([[0], np.cumsum(counts)[:-1]])


def _by_words(texts: Sequence[Words]) -> Iterable[Sequence[Words]]:
    start, size = 0, 0
    for place, words in enumerate(texts):
        size += len(words)
        if size >= CHUNK_WORDS:
            yield texts[start : place + 1]
            start, size = place + 1, 0
    if start < len(texts):
        yield texts[start:]


def _mixed(values: Hashes) -> Hashes:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit of the input reaches every bit of the
    output.
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
