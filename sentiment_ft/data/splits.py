"""Which rows are held out: per label, or whole template families. Pure functions of labels, families and seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.config import Config
from sentiment_ft.errors import DataError

Indices = NDArray[np.int64]


def by_config(
    config: Config, labels: NDArray[np.int8], families: Callable[[], Sequence[str | None]]
) -> tuple[Indices, Indices]:
    """(training, validation) row numbers, as the config says. Raises DataError."""
    if config.validation_split == "families":
        return whole_families(families(), config.validation_fraction, config.seed)
    return stratified(labels, config.validation_fraction, config.seed, where=config.data)


def stratified(
    labels: NDArray[np.int8], fraction: float, seed: int, where: str | None = None
) -> tuple[Indices, Indices]:
    """(training, validation) row numbers, ascending; each label gives round(fraction x its rows), at least one, to
    validation.
    """
    generator = np.random.default_rng([seed, 0x5711])
    held_out = []
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            raise DataError(
                f"{len(rows)} {'row' if len(rows) == 1 else 'rows'} with label {label}: "
                "too few to be split into training and validation",
                where=where,
                way_out="more rows, or a validation file of your own: --validation FILE",
            )
        count = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held_out.append(generator.permutation(rows)[:count])
    return _complement(len(labels), np.concatenate(held_out))


def whole_families(families: Sequence[str | None], fraction: float, seed: int) -> tuple[Indices, Indices]:
    """(training, validation) row numbers; families move to validation one by one, in seeded order, until `fraction`
    is reached.
    """
    names = sorted({family for family in families if family is not None})
    if len(names) < 2 or None in families:
        raise DataError(
            "the rows do not all carry a family, or there is only one",
            where="validation_split",
            way_out="-o validation_split=stratified, or data with a `family` column (synthetic rows have one)",
        )
    column = np.asarray(families)
    held_out: list[Indices] = []
    for name in np.random.default_rng([seed, 0xFA]).permutation(names)[: len(names) - 1]:
        held_out.append(np.flatnonzero(column == name))
        if sum(map(len, held_out)) >= fraction * len(families):
            break
    return _complement(len(families), np.concatenate(held_out))


def sample(labels: NDArray[np.int8], indices: Indices, count: int, seed: int) -> Indices:
    """`count` of the row numbers, ascending, drawn by seed; both labels in proportion."""
    if count >= len(indices):
        return indices
    generator = np.random.default_rng([seed, 0x5A])
    positive = indices[labels[indices] == 1]
    negative = indices[labels[indices] == 0]
    wanted = min(max(1, round(count * len(positive) / len(indices))), count - 1)
    return np.sort(
        np.concatenate([generator.permutation(positive)[:wanted], generator.permutation(negative)[: count - wanted]])
    )


def _complement(rows: int, held_out: Indices) -> tuple[Indices, Indices]:
    mask = np.zeros(rows, bool)
    mask[held_out] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)
