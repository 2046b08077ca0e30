"""The tokenizer of a model, and how long a row may be for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from sentiment_ft.errors import ConfigError, ModelError
from sentiment_ft.model.locate import config_of, guarded, locate
from sentiment_ft.terminal import printable

MIN_LENGTH = 8  # tokens of a row, as max_length in config.py
NO_LIMIT = 10**9  # tokens; transformers writes 1e30 for a tokenizer that has no limit
# Architectures whose first position comes after the padding id.
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")


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
    config = config_of(name, location)
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
    config = config_of(name, location)
    limit = getattr(config, "max_position_embeddings", None)
    if limit is None:
        return None
    offset = (config.pad_token_id or 0) + 1 if config.model_type in POSITIONS_AFTER_PADDING else 0
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
