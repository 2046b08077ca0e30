"""Probabilities for rows, each exactly once at any number of processes; and the `eval` verb."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from sentiment_ft.config import Config
from sentiment_ft.data.collate import collate
from sentiment_ft.data.prepare import Part, copy_rejected, load_source, source_of
from sentiment_ft.judge.intervals import judge
from sentiment_ft.judge.metric import metric
from sentiment_ft.model import classifier, tokenization
from sentiment_ft.model.weights import check_numbers
from sentiment_ft.run import precision as run_precision
from sentiment_ft.run.accelerator import started
from sentiment_ft.run.control import Control, NoControl
from sentiment_ft.run.destination import fresh
from sentiment_ft.run.find import newest_model
from sentiment_ft.run.precision import at_least_fp32
from sentiment_ft.run.writing import standing, write_json, write_new_folder
from sentiment_ft.terminal import printable, results, standard_output
from sentiment_ft.track.judged import write_judged
from sentiment_ft.track.progress import Bar, bar
from sentiment_ft.track.summary_table import judgement_table

NO_CONTROL = NoControl()


@dataclass(frozen=True, slots=True)
class Limits:
    """How rows are fed: `rows` a micro-batch; `positive` the output that means positive; micro_batches None: all."""

    rows: int
    positive: int = 1
    micro_batches: int | None = None


@torch.no_grad()  # not inference_mode: ZeRO 3 keeps what it gathers for the next update
def probabilities(
    accelerator: Accelerator,
    model: Any,
    part: Part,
    pad_id: int,
    limits: Limits,
    bar: Bar | None = None,
    control: Control | NoControl = NO_CONTROL,
) -> NDArray[np.float64]:
    """p_positive of the part's rows, in their order, (N,), on every process. Raises Stopped and OutOfMemory where
    control says so.

    Rows run longest first, so that a batch that does not fit in memory fails at once. Places beyond the last row
    hold row -1, which every process drops: no row is counted twice. With `micro_batches` only the first rows are
    judged and N is smaller.
    """
    model.eval()
    rows = min(limits.rows, len(part))  # places beyond the last row cost memory
    order = np.argsort(-part.lengths, kind="stable")
    if limits.micro_batches is not None:
        order = order[: limits.micro_batches * rows * accelerator.num_processes]
    step = rows * accelerator.num_processes
    numbers: list[torch.Tensor] = []
    logits: list[torch.Tensor] = []
    for first in range(0, len(order), step):
        control.meet("judging")
        mine = order[first + accelerator.process_index * rows :][:rows]
        padded = np.concatenate([mine, np.full(rows - len(mine), -1)])
        batch = collate(part, mine if len(mine) else order[:1], pad_id, accelerator.device)
        batch.pop("labels")
        with control.sparing():
            output = at_least_fp32(model(**batch).logits)  # (B, 2)
            filled = output.new_zeros((rows, 2))
            filled[: len(mine)] = output[: len(mine)]
            logits.append(filled)
            numbers.append(torch.from_numpy(padded).to(accelerator.device))
        if bar is not None:
            bar.update(min(first + step, len(order)))
    control.meet("judging")
    gathered = accelerator.gather((torch.cat(numbers), torch.cat(logits)))
    where, values = (tensor.cpu().numpy() for tensor in gathered)
    real = where >= 0  # (N,)
    by_row = np.argsort(where[real], kind="stable")
    assert np.array_equal(where[real][by_row], np.sort(order)), "each row exactly once"
    return _softmax(values[real][by_row].astype(np.float64))[:, limits.positive]


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, C) -> (N, C), in float64 on the host so that the precision of training does not round confidences to 1."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Those of the verb, but for model and rows. samples, seed: of the intervals. max_length None: as in training."""

    output: str | None
    max_length: int | None
    batch: int
    mixed_precision: str
    samples: int
    seed: int
    as_json: bool
    quiet: bool


def run(name: str | None, config: Config, options: Options) -> None:
    """The `eval` verb: judge any saved two-class model on `config.data`, with the columns and labels of the config.

    Raises ModelError, DataError, ConfigError; OutputError before any work when the output cannot be used.
    """
    name = str(newest_model()) if name is None else standing(name)
    folder = None if options.output is None else fresh(options.output)
    device = run_precision.device_in_use()
    precision = run_precision.resolve(options.mixed_precision, device)
    model, positive = classifier.load_for_use(name)
    tokenizer = tokenization.load_tokenizer(name)
    tokenization.check_vocabulary(model, tokenizer, name)
    length = tokenization.row_limit(tokenizer, name, options.max_length)
    with started(precision, device) as accelerator:
        main_process = accelerator.is_main_process
        quiet = options.quiet or not main_process
        model = accelerator.prepare(model)
        with accelerator.main_process_first(), bar("reading rows", None, quiet=quiet) as shown:
            source = source_of(config, config.data)
            corpus = load_source(source, tokenizer, length, config.max_rejected_share, shown.update)
        part = Part.of(corpus.rows)
        limits = Limits(options.batch, positive)
        with bar("evaluating", len(part), quiet=quiet) as shown:
            p_positive = probabilities(accelerator, model, part, tokenizer.pad_token_id or 0, limits, shown)
        check_numbers(p_positive, "rows", name, precision)
    if not main_process:
        return
    values = metric().compute(predictions=p_positive, references=part.labels)
    judgement = judge(part.labels, p_positive, samples=options.samples, seed=options.seed, values=values)
    result = {
        "model": name,
        "data": config.data,
        "max_length": length,
        "mixed_precision": precision,
        "rows_read": corpus.receipt.rows_read,
        "rows_rejected": corpus.receipt.rows_rejected,
        **judgement.to_json(),
    }
    if folder is not None:

        def fill(staged: Path) -> None:
            copy_rejected([corpus], staged / "rejected.jsonl")
            write_judged(part, p_positive, config.data, staged, plots=staged)
            write_json(staged / "judgement.json", result)

        write_new_folder(folder, fill)
    show(result, options)


def show(result: dict[str, Any], options: Options) -> None:
    if options.as_json:
        print(json.dumps(result, indent=2, allow_nan=False), file=standard_output())
    elif not options.quiet:
        what = f"{printable(result['model'], 60)} on {printable(result['data'], 60)}"
        used = result["rows_read"] - result["rows_rejected"]
        title = f"{what}: {used:,} rows, {result['rows_rejected']:,} rejected"
        results.print(judgement_table(result, title))
