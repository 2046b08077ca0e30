"""How many rows a config has, from the text alone: no tokenizer, no torch, nothing kept but labels and families."""

from __future__ import annotations

from array import array
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.config import Config
from sentiment_ft.data import splits
from sentiment_ft.data.accounting import check_labels, check_rejected, count_reason
from sentiment_ft.data.prepare import source_of
from sentiment_ft.data.sources import Row, read


def count_rows(config: Config) -> dict[str, int]:
    """Rows of each part: the same numbers, and the same DataErrors, as `prepare` gives."""
    labels, families = _columns(config, config.data)
    check_labels(Counter(labels.tolist()), config.data)
    if config.validation is None:
        train, held_out = map(len, splits.by_config(config, labels, lambda: families))
    else:
        train, held_out = len(labels), _judged(config, config.validation)
    counts = {"train": min(train, config.max_train_samples or train), "validation": held_out}
    return counts if config.test is None else counts | {"test": len(_columns(config, config.test)[0])}


def _judged(config: Config, name: str) -> int:
    labels, _ = _columns(config, name)
    check_labels(Counter(labels.tolist()), name)
    return len(labels)


def _columns(config: Config, name: str) -> tuple[NDArray[np.int8], list[str | None]]:
    """Labels and families of the rows that can be used; too many that cannot be are an error."""
    labels, families = array("b"), []
    reasons: Counter[str] = Counter()
    first: str | None = None
    for row in read(source_of(config, name)):
        if isinstance(row, Row):
            assert row.label is not None
            labels.append(row.label)
            families.append(row.family)
        else:
            count_reason(reasons, row.reason)
            first = first or f"{row.file}:{row.line}"
    check_rejected(len(labels), reasons, config.max_rejected_share, first or name)
    return np.frombuffer(labels, np.int8) if labels else np.empty(0, np.int8), families
