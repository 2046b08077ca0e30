"""A saved model that labels texts, a chunk at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from sentiment_ft.data.encoding import encode
from sentiment_ft.model import classifier, tokenization
from sentiment_ft.model.weights import check_numbers
from sentiment_ft.run import precision as run_precision
from sentiment_ft.run.cpu import return_freed_memory
from sentiment_ft.track.numbers import short

CHUNK_CHARACTERS = 4_000_000  # or fewer texts, where they are long
CHUNK = 1024  # texts read ahead, so that batches hold rows of similar length; memory does not grow beyond it
LENGTH_STEP = 8  # rows are padded to a multiple of it: oneDNN keeps a compiled kernel for every shape that it has met


@dataclass(frozen=True, slots=True)
class Prediction:
    """line: place of the text in the input, from 1. p_positive None: the text could not be used, `error` says why.
    file: where the input is a folder, the file in it whose line it is.
    """

    line: int
    text: str
    p_positive: float | None = None
    error: str | None = None
    file: str | None = None

    def to_json(self) -> dict[str, Any]:
        place = {"line": self.line} if self.file is None else {"file": self.file, "line": self.line}
        if self.p_positive is None:
            return {**place, "error": self.error, "text": self.text}
        probabilities = {"negative": short(1 - self.p_positive), "positive": short(self.p_positive)}
        label = "positive" if self.p_positive > 0.5 else "negative"
        return {
            **place,
            "label": label,
            "confidence": probabilities[label],
            "probabilities": probabilities,
            "text": self.text,
        }


class Predictor:
    """A loaded model, ready for texts."""

    def __init__(self, name: str, *, precision: str = "auto", batch: int = 32, max_length: int | None = None) -> None:
        """max_length: tokens at which texts are cut; None: as in training. Raises ModelError, ConfigError."""
        device = run_precision.device_in_use()
        self._precision = run_precision.resolve(precision, device)
        self._dtype = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}[self._precision]
        self._device = torch.device(device.kind)
        self._name = name
        model, self._positive = classifier.load_for_use(name)
        self._model = model.to(self._device)
        self._tokenizer = tokenization.load_tokenizer(name)
        tokenization.check_vocabulary(model, self._tokenizer, name)
        self._max_length = tokenization.row_limit(self._tokenizer, name, max_length)
        self._batch = batch

    def predict(self, texts: Iterable[Prediction]) -> Iterator[Prediction]:
        """The same records in the same order, with p_positive. Raises ModelError when the model gives no number."""
        texts = iter(texts)
        while chunk := _read_ahead(texts):
            usable = [record for record in chunk if record.error is None]
            probabilities = iter(self._probabilities([record.text for record in usable]))
            return_freed_memory()
            for record in chunk:
                yield record if record.error is not None else replace(record, p_positive=next(probabilities))

    @torch.inference_mode()
    def _probabilities(self, texts: Sequence[str]) -> list[float]:
        """p_positive of each text: batched by length, back in order."""
        if not texts:
            return []
        ids, _ = encode(self._tokenizer, texts, self._max_length)
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        order = np.argsort(-lengths, kind="stable")
        result = np.empty(len(ids))
        for start in range(0, len(ids), self._batch):
            places = order[start : start + self._batch]
            width = -(-int(lengths[places[0]]) // LENGTH_STEP) * LENGTH_STEP
            padded = np.full((len(places), min(width, self._max_length)), self._tokenizer.pad_token_id or 0, np.int64)
            for row, place in enumerate(places):
                padded[row, : lengths[place]] = ids[place]
            mask = np.arange(padded.shape[1]) < lengths[places, None]
            with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None):
                logits = self._model(
                    input_ids=torch.from_numpy(padded).to(self._device),
                    attention_mask=torch.from_numpy(mask).long().to(self._device),
                ).logits
            on_host = logits.float().cpu().double()  # Apple's GPUs have no float64
            result[places] = torch.softmax(on_host, dim=-1)[:, self._positive].numpy()
        check_numbers(result, "texts", self._name, self._precision)
        return [float(value) for value in result]


def _read_ahead(texts: Iterator[Prediction]) -> list[Prediction]:
    """The next CHUNK of them, or those of CHUNK_CHARACTERS; empty at the end."""
    chunk: list[Prediction] = []
    characters = 0
    for record in itertools.islice(texts, CHUNK):
        chunk.append(record)
        characters += len(record.text)
        if characters >= CHUNK_CHARACTERS:
            break
    return chunk
