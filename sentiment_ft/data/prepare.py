"""From a config to the parts of a run: training, validation and sealed test rows, each row accounted for."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentiment_ft.config import Config
from sentiment_ft.data import cache, splits
from sentiment_ft.data.accounting import check_labels, check_rejected
from sentiment_ft.data.cache import Corpus, Receipt
from sentiment_ft.data.folders import is_review_folder
from sentiment_ft.data.overlap import Overlap, overlap
from sentiment_ft.data.rows import Rows
from sentiment_ft.data.sources import Source
from sentiment_ft.errors import OutputError

LENGTH_BINS = 64
PERCENTILES = (5, 25, 50, 75, 90, 95, 99, 100)


@dataclass(frozen=True, slots=True)
class Part:
    """A view of cached rows: place i of the part is row indices[i] of the corpus."""

    rows: Rows
    indices: NDArray[np.int64]
    labels: NDArray[np.int8]
    lengths: NDArray[np.int32]

    @classmethod
    def of(cls, rows: Rows, indices: NDArray[np.int64] | None = None) -> Part:
        chosen = np.arange(len(rows)) if indices is None else indices
        return cls(rows, chosen, rows.labels[chosen], rows.lengths[chosen])

    def __len__(self) -> int:
        return len(self.indices)

    def input_ids(self, place: int) -> NDArray[np.int32]:
        return self.rows.input_ids(int(self.indices[place]))

    def text(self, place: int) -> str:
        return self.rows.text(int(self.indices[place]))

    @property
    def uncut_lengths(self) -> NDArray[np.int32]:
        """Real tokens of each row before the cut at max_length."""
        return self.rows.uncut_lengths[self.indices]

    def texts(self) -> Iterable[str]:
        return self.rows.texts(self.indices)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The rows of a run. corpora: every source that was read, for receipts and rejected rows."""

    train: Part
    validation: Part
    test: Part | None
    corpora: tuple[Corpus, ...]

    def counts(self) -> dict[str, int]:
        """Rows of each part."""
        counts = {"train": len(self.train), "validation": len(self.validation)}
        return counts if self.test is None else counts | {"test": len(self.test)}

    @property
    def receipts(self) -> list[Receipt]:
        return [corpus.receipt for corpus in self.corpora]


def _is_review_folder(name: str) -> bool:
    return is_review_folder(Path(os.path.expanduser(name)))


def source_of(config: Config, name: str) -> Source:
    """One of the config's sources with the config's columns, labels and cuts; pos/ and neg/ without them where another
    source, which has columns, is meant.
    """
    others = {config.data, config.validation, config.test} - {None, name}
    if _is_review_folder(name) and any(
        not other.startswith("synthetic") and not _is_review_folder(other) for other in map(str, others)
    ):
        return Source(name)
    fifth = max(2, config.synthetic_rows // 5)  # rows to judge by: the same whether a run or `eval` asks for them
    return Source(
        name=name,
        text_column=config.text_column,
        label_column=config.label_column,
        label_map=tuple(sorted(config.label_map.items())),
        negative_max_rating=config.negative_max_rating,
        positive_min_rating=config.positive_min_rating,
        synthetic_rows=config.synthetic_rows if name == config.data != "synthetic:held-out" else fifth,
        seed=config.seed,
    )


def prepare(config: Config, tokenizer: Any, report: cache.Report | None = None) -> Prepared:
    """Read, clean, tokenise (or find cached) and split. Raises DataError, OutputError."""
    corpora = [_load(config, config.data, tokenizer, report)]
    train_rows = corpora[0].rows
    check_labels(Counter(train_rows.labels.tolist()), config.data)
    if config.validation is None:
        train, held_out = splits.by_config(config, train_rows.labels, train_rows.families)
    else:
        corpora.append(_load(config, config.validation, tokenizer, report))
        train, held_out = np.arange(len(train_rows)), np.arange(len(corpora[-1].rows))
    judged_rows = corpora[-1].rows
    if config.max_validation_samples is not None:
        held_out = splits.sample(judged_rows.labels, held_out, config.max_validation_samples, config.seed)
    validation = Part.of(judged_rows, held_out)
    if config.max_train_samples is not None:
        train = splits.sample(train_rows.labels, train, config.max_train_samples, config.seed)
    test = None
    if config.test is not None:
        corpora.append(_load(config, config.test, tokenizer, report))
        test = Part.of(corpora[-1].rows)
    check_labels(Counter(train_rows.labels[train].tolist()), config.data)  # families may hold one label each
    check_labels(Counter(validation.labels.tolist()), config.validation or config.data)
    return Prepared(Part.of(train_rows, train), validation, test, tuple(corpora))


def load_source(
    source: Source, tokenizer: Any, max_length: int, max_rejected_share: float, report: cache.Report | None = None
) -> Corpus:
    """A cached source whose share of rejected rows is tolerable. Raises DataError, OutputError."""
    corpus = cache.load(source, tokenizer, max_length, report)
    receipt = corpus.receipt
    check_rejected(
        receipt.rows_used, receipt.rejected_by_reason, max_rejected_share, receipt.first_rejected_at or source.name
    )
    return corpus


def _load(config: Config, name: str, tokenizer: Any, report: cache.Report | None) -> Corpus:
    return load_source(source_of(config, name), tokenizer, config.max_length, config.max_rejected_share, report)


def leaks(prepared: Prepared) -> dict[str, Overlap]:
    """By part that judges: its texts that training has seen, exactly or nearly. A perfect score on those proves memory,
    not understanding.
    """
    parts = {"validation": prepared.validation} | ({} if prepared.test is None else {"test": prepared.test})
    return {name: overlap(prepared.train.texts(), list(part.texts())) for name, part in parts.items()}


def length_analysis(uncut: NDArray[np.int32], max_length: int) -> dict[str, Any]:
    """Real tokens a row ([CLS] and [SEP] included) before the cut: percentiles, mean, the rows between each two edges,
    and the share that max_length truncates.
    """
    rows, edges = np.histogram(uncut, bins=LENGTH_BINS)
    return {
        "rows": len(uncut),
        "max_length": max_length,
        "real_tokens": {
            "mean": round(float(uncut.mean()), 2),
            **{f"p{q}": round(float(np.percentile(uncut, q)), 1) for q in PERCENTILES},
        },
        "histogram": {"edges": [round(edge, 2) for edge in edges.tolist()], "rows": rows.tolist()},
        "truncated_rows": int((uncut > max_length).sum()),
        "truncated_share": round(float((uncut > max_length).mean()), 6),
    }


def copy_rejected(corpora: Iterable[Corpus], path: Path) -> None:
    """Join the rejected rows of all sources into one rejected.jsonl.

    Raises OutputError when the token cache was deleted meanwhile.
    """
    with path.open("wb") as target:
        for corpus in corpora:
            try:
                with (corpus.folder / "rejected.jsonl").open("rb") as part:
                    shutil.copyfileobj(part, target)
            except FileNotFoundError:
                raise OutputError(
                    "the token cache was deleted while it was in use",
                    where=corpus.folder,
                    way_out="run it again: the rows are then read anew",
                ) from None
