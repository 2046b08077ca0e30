"""Numbers of a training worked out without the program: plain transformers, plain torch, plain integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tests.tiny import write_model


def encoded(folder: Path, texts: Sequence[str], max_length: int) -> list[dict[str, torch.Tensor]]:
    """Row by row, so without padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt") for text in texts]


def logits(folder: Path, texts: Sequence[str], max_length: int = 128) -> torch.Tensor:
    """(N, 2), in fp32."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return torch.cat([model(**row).logits for row in encoded(folder, texts, max_length)])


def write_loud_model(folder: Path, texts: Sequence[str]) -> Path:
    """Random, but with a head large and even enough that both labels are predicted for these texts."""
    write_model(folder, seed=3)
    loud = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        loud.classifier.weight.mul_(200)
        loud.save_pretrained(folder)
        loud.classifier.bias.sub_(logits(folder, texts).median(0).values)
    loud.save_pretrained(folder)
    return folder


def digest(rows: Sequence[int]) -> str:
    """The sum of the row numbers mixed by the finaliser of splitmix64, as metrics.jsonl writes it."""
    total = 0
    for row in rows:
        mixed = row + 0x9E3779B97F4A7C15
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
        total += mixed ^ (mixed >> 31)
    return f"{total % 2**64:016x}"


@dataclass
class Trained:
    """Of each update the loss and the gradient norm before clipping; the weights after the last."""

    losses: list[float]
    norms: list[float]
    weights: dict[str, torch.Tensor]


def train(
    folder: Path, reviews: Sequence[dict], updates: Sequence[Sequence[int]], rates: Sequence[float], *,
    max_length: int, decay: float, clip: float,
) -> Trained:  # fmt: skip
    """The plain loop in fp64, without dropout: the loss of an update is the sum over its rows / their number."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).double().eval()
    rows = encoded(folder, [review["text"] for review in reviews], max_length)
    matrices, vectors = ([p for p in model.parameters() if (p.ndim > 1) == wanted] for wanted in (True, False))
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0}])
    found = Trained([], [], {})
    for chosen, rate in zip(updates, rates, strict=True):
        optimizer.zero_grad()
        found.losses.append(0.0)
        for row in chosen:
            loss = cross_entropy(model(**rows[row]).logits, torch.tensor([reviews[row]["label"]])) / len(chosen)
            loss.backward()
            found.losses[-1] += loss.item()
        found.norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), clip).item())
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    found.weights = dict(model.state_dict())
    return found
