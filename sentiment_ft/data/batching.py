"""The order of rows and how it is cut: the same rows share an update at any number of processes.

The order of an epoch is a pure function of (lengths, global batch, seed, epoch); no communication, nothing to save
but the epoch. An update owns `global_batch` consecutive places of it. Its micro-batch k goes to process k mod W, the
rule Accelerate uses too.

Instead of a DataLoader: Accelerate refills uneven last batches with repeated rows, and a custom batch sampler loses
`set_epoch` with several processes; both change the training with the number of processes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.config import Config

Indices = NDArray[np.int64]
# Global batches whose rows are sorted together: on SST-2 phrases at batch 8 this leaves under 3% padding. A quarter of
# the rows at most (the rule of transformers): one window over all rows would put the same rows together in every epoch.
WINDOW = 50
FEWEST_WINDOWS = 4


def epoch_order(
    lengths: NDArray[np.int32], global_batch: int, seed: int, epoch: int, *, group_by_length: bool
) -> Indices:
    """A permutation of range(len(lengths)).

    With group_by_length, windows of up to 50 global batches of the shuffled rows are sorted by length, cut into global
    batches, and the full batches shuffled; inside one, rows ascend by length, so the micro-batches that run side by
    side on several processes are alike. The short last batch stays last.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    if not group_by_length:
        return order
    width = min(WINDOW, max(1, len(order) // (FEWEST_WINDOWS * global_batch))) * global_batch
    for start in range(0, len(order), width):
        window = order[start : start + width]
        order[start : start + len(window)] = window[np.argsort(lengths[window], kind="stable")]
    full = len(order) // global_batch
    # The last window may end in a short batch: it holds that window's longest rows, which is as good as any others.
    batches = order[: full * global_batch].reshape(full, global_batch)[generator.permutation(full)]
    return np.concatenate([batches.reshape(-1), order[full * global_batch :]])


def rows_of_update(order: Indices, update_in_epoch: int, global_batch: int) -> Indices:
    """The row numbers that share one update; fewer than `global_batch` in the last one of an epoch."""
    return order[update_in_epoch * global_batch : (update_in_epoch + 1) * global_batch]


def micro_batches(rows: Indices, per_device_batch: int, process: int, processes: int) -> list[Indices]:
    """The micro-batches of one process for one update.

    Every process gets equally many, so that collectives match; where the rows run out a micro-batch is empty.
    """
    turns = -(-len(rows) // (per_device_batch * processes))
    starts = [(turn * processes + process) * per_device_batch for turn in range(turns)]
    return [rows[start : start + per_device_batch] for start in starts]


def digest(rows: Indices) -> int:
    """A number below 2^64 that tells which rows these are, in any order: the sum of mixed row numbers, modulo 2^64.

    The digests of parts add up to the digest of the whole, so runs on any number of processes can be compared. Mixed by
    the finaliser of splitmix64 (Steele et al. 2014, https://doi.org/10.1145/2660193.2660195).
    """
    mixed = rows.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int((mixed ^ (mixed >> np.uint64(31))).sum(dtype=np.uint64))


def padding_share(lengths: NDArray[np.int32], order: Indices, per_device_batch: int) -> float:
    """Share of positions that are padding when `order` is cut into micro-batches, each padded to its longest row."""
    padded = real = 0
    for start in range(0, len(order), per_device_batch):
        rows = lengths[order[start : start + per_device_batch]]
        padded += int(rows.max()) * len(rows)
        real += int(rows.sum())
    return 1.0 - real / padded if padded else 0.0


def first_padding(lengths: NDArray[np.int32], config: Config, global_batch: int) -> float:
    """Padding share of the first epoch of a run."""
    order = epoch_order(lengths, global_batch, config.seed, 0, group_by_length=config.group_by_length)
    return padding_share(lengths, order, config.per_device_batch_size)
