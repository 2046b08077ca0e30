"""Clean text to token ids: batched, never padded, cut at max_length with the closing special token kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of one call of the tokenizer, which holds some 36 bytes a character: 8,192 rows of 20,000 in one call took 5.9 GB.
MAX_CHARACTERS = 1_000_000
ENCODING_VERSION = 1  # part of the cache key: raise it when the ids of a text change


def encode(tokenizer: Any, texts: Sequence[str], max_length: int) -> tuple[list[NDArray[np.int32]], list[int]]:
    """(ids of each text, at most max_length; real tokens of each text before the cut).

    The uncut length feeds the length analysis, so the tokenizer's own truncation, which hides it, is not used.
    BERT-family rows are [CLS] ... [SEP]: cutting keeps the first max_length - 1 ids and the last.
    """
    found: list[NDArray[np.int32]] = []
    uncut: list[int] = []
    for some in pieces(texts, MAX_CHARACTERS):
        ids = tokenizer(
            list(some), add_special_tokens=True, padding=False, truncation=False, return_attention_mask=False,
            return_token_type_ids=False, verbose=False,
        )["input_ids"]  # fmt: skip
        uncut += map(len, ids)
        found += (
            np.asarray(row if len(row) <= max_length else row[: max_length - 1] + row[-1:], np.int32) for row in ids
        )
    return found, uncut


def pieces(texts: Sequence[str], characters: int) -> Iterator[Sequence[str]]:
    """The texts in order, cut into pieces of at most so many characters, or of one text that is longer."""
    start = held = 0
    for place, text in enumerate(texts):
        if place > start and held + len(text) > characters:
            yield texts[start:place]
            start, held = place, 0
        held += len(text)
    if start < len(texts):
        yield texts[start:]


def fingerprint(tokenizer: Any) -> str:
    """sha256 of everything that decides the ids of a text.

    Not the tokenizer's truncation and padding: `encode` uses neither, and every call changes them.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        described = repr(sorted(tokenizer.get_vocab().items()))
    else:
        described = json.dumps(json.loads(backend.to_str()) | {"truncation": None, "padding": None})
    return hashlib.sha256(f"{ENCODING_VERSION}:{type(tokenizer).__name__}:{described}".encode()).hexdigest()
