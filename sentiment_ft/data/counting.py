"""How many rows a config has, from the text alone: no tokenizer, no torch, nothing kept but labels and families."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.config import Config
from sentiment_ft.data import splits
from sentiment_ft.data.prepare import source_of
from sentiment_ft.data.sources import Row, Source, read


def count_rows(config: Config) -> dict[str, int]:
    """Rows of each part: the same numbers as `prepare` gives. Raises DataError."""
    labels, families = _columns(source_of(config, config.data))
    if config.validation is None:
        train, held_out = map(len, splits.by_config(config, labels, lambda: families))
    else:
        train, held_out = len(labels), len(_columns(source_of(config, config.validation))[0])
    counts = {"train": min(train, config.max_train_samples or train), "validation": held_out}
    return counts if config.test is None else counts | {"test": len(_columns(source_of(config, config.test))[0])}


def _columns(source: Source) -> tuple[NDArray[np.int8], list[str | None]]:
    labels, families = array("b"), []
    for row in read(source):
        if isinstance(row, Row):
            assert row.label is not None
            labels.append(row.label)
            families.append(row.family)
    return np.frombuffer(labels, np.int8) if labels else np.empty(0, np.int8), families
