"""A 2-layer random BERT with the bundled vocabulary, and reviews to train it on: real parts, seconds instead of
minutes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification

from sentiment_ft.model import bundled
from sentiment_ft.run.lock import LOCKS
from sentiment_ft.synthetic.reviews import generate

LABELS = {0: "negative", 1: "positive"}


def write_model(folder: Path, *, seed: int = 0, dropout: float = 0.1) -> Path:
    """About 1 M parameters, nearly all of them embeddings."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=30522, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=128, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, id2label=LABELS,
        label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(bundled.folder() / name, folder / name)
    return folder


def write_reviews(path: Path, rows: int, *, seed: int = 1) -> Path:
    """Synthetic reviews as a jsonl file."""
    with path.open("w", encoding="utf-8") as file:
        for row in generate(rows, seed, "train"):
            file.write(json.dumps({"text": row.text, "label": row.label, "family": row.family}) + "\n")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, hidden ones too, but for the locks of runs."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in LOCKS]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
