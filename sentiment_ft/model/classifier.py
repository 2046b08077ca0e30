"""A BERT-family encoder with a two-class head and its tokenizer, from the bundle, a folder or the hub.

Only safetensors and no remote code: a checkpoint is data, not a program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from sentiment_ft.errors import ConfigError, ModelError
from sentiment_ft.model.locate import Location, guarded, locate, quietly
from sentiment_ft.terminal import printable

LABELS = {0: "negative", 1: "positive"}
WORDS = {"negative": 0, "neg": 0, "positive": 1, "pos": 1}  # names of classes that say what they mean, in any case
PAIRS = ({"label_0", "label_1"}, {"0", "1"}, {"false", "true"})  # the first is negative; neither says so alone
MIN_LENGTH = 8  # tokens of a row, as max_length in config.py
NO_LIMIT = 10**9  # tokens; transformers writes 1e30 for a tokenizer that has no limit


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a model.

    Raises ModelError, also when it has far fewer words than the model: without its files transformers makes an empty
    one, to which every text is the same row of unknown words.
    """
    location = locate(name)
    tokenizer = guarded(name, location, lambda: AutoTokenizer.from_pretrained(location.path, **location.options))
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError("has no fast tokenizer (tokenizer.json or vocab.txt)", where=printable(name, 200))
    files = {"tokenizer.json", *tokenizer.vocab_files_names.values()}
    if location.is_local and not any((Path(location.path) / file).is_file() for file in files):
        raise ModelError(
            f"has no vocabulary ({' or '.join(sorted(files))})",
            where=printable(name, 200),
            way_out="copy the tokenizer files of the model into the folder",
        )
    config = guarded(name, location, lambda: AutoConfig.from_pretrained(location.path, **location.options))
    words = getattr(config, "vocab_size", None)
    if type(words) is int and 2 * len(tokenizer) < words:
        raise ModelError(
            f"its tokenizer has {len(tokenizer):,} words, the model {words:,}",
            where=printable(name, 200),
            way_out="the folder needs the tokenizer that belongs to its weights",
        )
    return tokenizer


def max_positions(name: str) -> int | None:
    """Longest row in tokens that the model's position table allows; None where it has no such limit."""
    location = locate(name)
    config = guarded(name, location, lambda: AutoConfig.from_pretrained(location.path, **location.options))
    limit = getattr(config, "max_position_embeddings", None)
    if limit is None:
        return None
    offset = (
        (config.pad_token_id or 0) + 1 if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet") else 0
    )
    return int(limit) - offset


def check_max_length(name: str, max_length: int) -> None:
    """Raises ConfigError when rows of max_length tokens have no place in the model's position table."""
    limit = max_positions(name)
    if limit is not None and max_length > limit:
        raise ConfigError(
            f"{max_length} is more than the model's {limit} positions",
            where="max_length",
            way_out=f"--max-length {limit}",
        )


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
    base = guarded(name, location, lambda: AutoConfig.from_pretrained(location.path, **location.options))
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
    config = guarded(name, location, lambda: AutoConfig.from_pretrained(location.path, **location.options))
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


def check_vocabulary(model: Any, tokenizer: Any, name: str) -> None:
    """Raises ModelError when the tokenizer has ids beyond the model's embedding table: on a GPU such an id ends the
    process, without a word about the cause.
    """
    rows = model.get_input_embeddings().num_embeddings
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= rows:
        raise ModelError(
            f"its tokenizer has ids up to {highest}, its embedding table {rows} rows",
            where=printable(name, 200),
            way_out="the folder needs the tokenizer that belongs to its weights",
        )


def save(model: Any, tokenizer: Any, folder: Path, weights: dict[str, torch.Tensor], max_length: int) -> None:
    """Write a plain Hugging Face folder: config.json, model.safetensors, tokenizer files.

    max_length becomes the tokenizer's model_max_length: `eval`, `predict` and transformers pipelines cut rows as
    training did.
    """
    with quietly(bars=False):
        model.save_pretrained(folder, state_dict=weights)
    before, tokenizer.model_max_length = tokenizer.model_max_length, max_length
    try:
        tokenizer.save_pretrained(folder)
    finally:
        tokenizer.model_max_length = before


def longest_row(tokenizer: Any, name: str) -> int:
    """Tokens at which rows are cut for a saved model: what training used, else its positions, else 512.

    Raises ModelError when the tokenizer's model_max_length is no number of tokens.
    """
    told = tokenizer.model_max_length
    if isinstance(told, (int, float)) and told >= NO_LIMIT:
        told = 512
    elif type(told) is not int or told < MIN_LENGTH:  # a negative one would cut texts from their end
        raise ModelError(
            f"its model_max_length is {printable(repr(told), 40)}, not a number of tokens from {MIN_LENGTH} on",
            where=printable(name, 200),
            way_out="edit tokenizer_config.json",
        )
    return min(told, max_positions(name) or told)


def row_limit(tokenizer: Any, name: str, asked: int | None) -> int:
    """Tokens at which rows are cut: those that were asked for, else `longest_row`.

    Raises ConfigError when the model has no positions for what was asked, ModelError as `longest_row`.
    """
    if asked is None:
        return longest_row(tokenizer, name)
    check_max_length(name, asked)
    return asked


def _from_pretrained(name: str, location: Location, *, new_head: bool, **changed: Any) -> Any:
    model, report = guarded(
        name,
        location,
        lambda: AutoModelForSequenceClassification.from_pretrained(
            location.path,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            **location.options,
            **changed,
        ),
    )
    _check_weights(model, set(report["missing_keys"]), set(report["unexpected_keys"]), name, new_head=new_head)
    return model


def _check_weights(model: Any, missing: set[str], unexpected: set[str], name: str, *, new_head: bool) -> None:
    """Raises ModelError when the checkpoint is not all of the model: transformers draws what is missing at random and
    drops what is left over, so that a damaged model looks like a poor one.

    missing, unexpected: names of weights. new_head: the head and the pooler, which serves it alone, may be missing.
    Heads of other tasks may be left over, layers may not.
    """
    prefix = f"{model.base_model_prefix}."
    if new_head:
        missing = {key for key in missing if key.startswith(prefix) and not key.startswith(f"{prefix}pooler.")}
    if missing:
        raise ModelError(
            f"lacks {len(missing)} of its weights ({_some(missing)}), which would be random",
            where=printable(name, 200),
            way_out="copy, download or train it again; config.json must be the one of its weights",
        )
    parts = {child for child, _ in model.base_model.named_children()}
    layers = {key for key in unexpected if _is_layer(key.removeprefix(prefix).split("."), parts)}
    if layers:
        raise ModelError(
            f"has {len(layers)} weights of layers that config.json does not announce ({_some(layers)})",
            where=printable(name, 200),
            way_out="the number of layers in config.json must be that of its weights",
        )
    broken = {key for key, value in model.named_parameters() if not torch.isfinite(value).all()}
    if broken:
        raise ModelError(
            f"holds numbers that are not finite ({_some(broken)})",
            where=printable(name, 200),
            way_out="copy, download or train it again",
        )


def _is_layer(path: list[str], parts: set[str]) -> bool:
    """Whether the name of a weight is that of a numbered layer of the encoder: encoder.layer.5.output.dense.bias."""
    return path[0] in parts and any(step.isdigit() for step in path)


def _some(keys: set[str]) -> str:
    return ", ".join(printable(key, 80) for key in sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")
