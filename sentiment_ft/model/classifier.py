"""A BERT-family encoder with a two-class head, from the bundle, a folder or the hub.

Only safetensors and no remote code: a checkpoint is data, not a program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from sentiment_ft.config import CLASS_NAMES
from sentiment_ft.errors import ModelError
from sentiment_ft.model.locate import Location, config_of, guarded, locate, quietly
from sentiment_ft.model.weights import check_weights
from sentiment_ft.terminal import printable

LABELS = dict(enumerate(CLASS_NAMES))
WORDS = {"negative": 0, "neg": 0, "positive": 1, "pos": 1}  # names of classes that say what they mean, in any case
PAIRS = ({"label_0", "label_1"}, {"0", "1"}, {"false", "true"})  # the first is negative; neither says so alone


def load_for_training(name: str, *, hidden_dropout: float | None, attention_dropout: float | None) -> Any:
    """A two-class classifier; the head is new (drawn from the current seed) unless the checkpoint has a two-class one.

    Raises ModelError, also when a weight is missing that is not of a new head, or is not finite.
    """
    location = locate(name)
    changed: dict[str, Any] = {
        "num_labels": 2,
        "id2label": LABELS,
        "label2id": {label: number for number, label in LABELS.items()},
    }
    base = config_of(name, location)
    if _is_classifier(base) and base.num_labels != 2:
        raise ModelError(
            f"its head has {base.num_labels} classes, not 2",
            where=printable(name, 200),
            way_out="start from the encoder it was made from",
        )
    for key, names in (
        (hidden_dropout, ("hidden_dropout_prob", "dropout")),
        (attention_dropout, ("attention_probs_dropout_prob", "attention_dropout")),
    ):
        if key is not None:
            known = [field for field in names if hasattr(base, field)]
            if not known:
                raise ModelError(
                    f"{base.model_type} has no {names[0]} to change",
                    where=printable(name, 200),
                    way_out="leave it out of the recipe",
                )
            changed[known[0]] = key
    model = _from_pretrained(name, location, new_head=not _is_classifier(base), **changed)
    if _is_classifier(base) and positive_index(base, name) == 0:
        _swap_classes(model)
    return model


def _swap_classes(model: Any) -> None:
    """Exchange the two outputs of the head: the checkpoint's class 0 is positive, ours is negative."""
    heads = [module for module in model.modules() if isinstance(module, torch.nn.Linear) and module.out_features == 2]
    head = heads[-1]
    with torch.no_grad():
        head.weight.copy_(head.weight.flip(0))
        if head.bias is not None:
            head.bias.copy_(head.bias.flip(0))


def load_for_use(name: str) -> tuple[Any, int]:
    """(model in eval mode, index of its positive class).

    Raises ModelError when it is not a two-class classifier, or a weight is missing or not finite.
    """
    location = locate(name)
    config = config_of(name, location)
    if not _is_classifier(config):
        raise ModelError(
            "is not a trained classifier (its head would be random)",
            where=printable(name, 200),
            way_out="train it first: sentiment-ft train",
        )
    model = _from_pretrained(name, location, new_head=False).eval()
    return model, positive_index(model.config, name)


def _is_classifier(config: Any) -> bool:
    names = config.architectures if isinstance(config.architectures, list) else []
    return any("SequenceClassification" in str(name) for name in names)


def positive_index(config: Any, name: str) -> int:
    """Which of the two outputs means positive, by the names of the classes.

    One clear word is enough; plain numbers and transformers' LABEL_0, LABEL_1 must come as a pair. Raises ModelError
    for other names: a guess could judge a good model as a reversed one.
    """
    labels = {int(index): str(label).strip().lower() for index, label in config.id2label.items()}
    if sorted(labels) != [0, 1]:
        shown = ", ".join(printable(label, 30) for label in list(labels.values())[:5])
        raise ModelError(f"has {len(labels)} classes ({shown}), not negative and positive", where=printable(name, 200))
    first, second = labels[0], labels[1]
    found = {WORDS[first]} if first in WORDS else set()
    found |= {1 - WORDS[second]} if second in WORDS else set()
    if not found and {first, second} in PAIRS:
        found = {int(first > second)}
    if len(found) != 1:
        shown = " and ".join(f"'{printable(label, 30)}'" for label in (first, second))
        raise ModelError(
            f"its classes are {shown}: which one is positive is not known",
            where=printable(name, 200),
            way_out="write negative and positive into id2label in its config.json",
        )
    return 1 - found.pop()  # found: what output 0 means


def save(model: Any, tokenizer: Any, folder: Path, weights: dict[str, torch.Tensor], max_length: int) -> None:
    """Write a plain Hugging Face folder: config.json, model.safetensors, tokenizer files.

    max_length becomes the tokenizer's model_max_length: `eval`, `predict` and transformers pipelines cut rows as
    training did.
    """
    with quietly(bars=False):
        # Today's names of the weights: by default those of the loaded file come back, as LayerNorm.gamma of 2018.
        model.save_pretrained(folder, state_dict=dict(weights), save_original_format=False)
    before, tokenizer.model_max_length = tokenizer.model_max_length, max_length
    try:
        tokenizer.save_pretrained(folder)
    finally:
        tokenizer.model_max_length = before


def _from_pretrained(name: str, location: Location, *, new_head: bool, **changed: Any) -> Any:
    model, report = guarded(
        name,
        location,
        lambda: AutoModelForSequenceClassification.from_pretrained(
            location.path,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            return_dict=True,  # whatever config.json says of these two: without names there are no .logits,
            chunk_size_feed_forward=0,  # and a chunk has to divide the length of every batch
            **location.options,
            **changed,
        ),
    )
    check_weights(model, set(report["missing_keys"]), set(report["unexpected_keys"]), name, new_head=new_head)
    return model
