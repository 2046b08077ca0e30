"""The classic faults of training in several processes, each put into the real program for as long as a block lasts.

Where Accelerate makes the fault, it is made with Accelerate.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import torch
from accelerate.utils import gather_object
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from sentiment_ft import clock, evaluation, periodic, train
from sentiment_ft.data import batching
from sentiment_ft.data.collate import collate
from sentiment_ft.data.prepare import Part
from sentiment_ft.run.engine import DataParallel
from sentiment_ft.run.schedule import learning_rate

build, count_update = train.build, clock.count_update
epoch_order, micro_batches = train.epoch_order, batching.micro_batches
evaluate, probabilities = periodic.evaluate, evaluation.probabilities


@contextlib.contextmanager
def prepared_scheduler():
    """The learning rate comes from a scheduler that Accelerate prepared: it moves once per process and update."""
    held = []

    def build_with_one(config, accelerator, *more, **settings):
        run = build(config, accelerator, *more, **settings)
        sizes = run.sizes
        shape = {"total": sizes.total_updates, "warmup": sizes.warmup_updates, "shape": config.lr_scheduler_type}
        plain = LambdaLR(run.optimizer.optimizer, lambda update: learning_rate(update, peak=1.0, **shape))
        held[:] = [accelerator.prepare(plain)]
        return run

    def count_and_step(run, rows, *, skipped):
        count_update(run, rows, skipped=skipped)
        held[0].step()

    with (
        patch.object(train, "build", build_with_one),
        patch.object(clock, "set_rate", lambda run, update: None),
        patch.object(clock, "count_update", count_and_step),
    ):
        yield


@contextlib.contextmanager
def mean_of_means():
    """The loss of an update is the mean over micro-batches and processes of the mean over their rows."""
    share = [1.0]

    def counted(rows, size, process, processes):
        turns = micro_batches(rows, size, process, processes)
        share[0] = len(rows) / (len(turns) * processes)  # train_step divides by the rows: here by the micro-batches
        return turns

    def mean(logits, labels, reduction):
        return functional.cross_entropy(logits, labels) * share[0]

    with patch.object(batching, "micro_batches", counted), patch.object(train, "cross_entropy", mean):
        yield


@contextlib.contextmanager
def gathered_duplicates():
    """Evaluation through a prepared DataLoader and `gather`: what Accelerate repeats to fill batches is judged too."""
    parts = []

    def evaluate_all(run, part, micro_batches=None):
        if micro_batches is not None:
            return evaluate(run, part, micro_batches)
        parts.append(part)
        original, gather = parts[0], run.accelerator.gather
        loader = DataLoader(range(len(original)), batch_size=run.config.per_device_eval_batch_size)
        places, p_positive = [], []
        run.model.eval()
        for batch in run.accelerator.prepare(loader):
            inputs = collate(original, batch.numpy(), run.pad_id, run.accelerator.device)
            inputs.pop("labels")
            with torch.no_grad():
                p_positive.append(gather(run.model(**inputs).logits.double().softmax(-1)[:, 1].contiguous()))
            places.append(gather(batch))
        run.model.train()
        repeated = original.indices[torch.cat(places).numpy()]
        run.data = replace(run.data, validation=Part.of(original.rows, repeated))
        return torch.cat(p_positive).numpy()

    with patch.object(periodic, "evaluate", evaluate_all):
        yield


class Batches:
    """A custom batch sampler: the order of the real program, cut into micro-batches."""

    drop_last = False

    def __init__(self, run, epoch=0):
        self.run, self.epoch, self.batch_size = run, epoch, run.sizes.per_device_batch_size

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return -(-len(self.run.data.train) // self.batch_size)

    def __iter__(self):
        order = epoch_order(self.run, self.epoch).tolist()
        return (order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size))


def loader_of(run, epoch=0):
    loader = DataLoader(range(len(run.data.train)), batch_sampler=Batches(run, epoch), collate_fn=torch.tensor)
    return run.accelerator.prepare(loader)


def rows_of(loader):
    """All rows that the processes get from a prepared loader, in turn."""
    by_process = gather_object([[batch.tolist() for batch in loader]])
    return np.array([row for turn in zip(*by_process, strict=True) for batch in turn for row in batch])


@contextlib.contextmanager
def lost_epoch():
    """A custom batch sampler behind a prepared DataLoader: with several processes `set_epoch` does not reach it."""
    held = []

    def order(run, epoch):
        held[:] = held or [loader_of(run)]
        held[0].set_epoch(epoch)
        return rows_of(held[0])[: len(run.data.train)]  # without the rows that fill the last batches

    with patch.object(train, "epoch_order", order):
        yield


@contextlib.contextmanager
def repeated_rows():
    """A prepared DataLoader: where batches do not divide, Accelerate fills them with rows from the beginning."""
    with patch.object(train, "epoch_order", lambda run, epoch: rows_of(loader_of(run, epoch))):
        yield


@contextlib.contextmanager
def same_rows_everywhere():
    """Every process takes the micro-batches of the first."""
    with patch.object(
        batching, "micro_batches", lambda rows, size, _, processes: micro_batches(rows, size, 0, processes)
    ):
        yield


@contextlib.contextmanager
def dropout_left_alone():
    """Dropout is drawn from where the generator stands, so its masks depend on the number of processes."""
    with patch.object(train, "seed_micro_batch", lambda *_: None):
        yield


@contextlib.contextmanager
def averaged_gradients():
    """A loss divided by the rows of the global batch, and then DDP's division by the processes too."""
    with patch.object(DataParallel, "backward", lambda engine, loss: engine._accelerator.backward(loss)):
        yield


@contextlib.contextmanager
def no_accumulation():
    """Gradients travel in every micro-batch: the same numbers, for more time."""
    with patch.object(DataParallel, "micro_batch", lambda engine, *, last: contextlib.nullcontext()):
        yield


@contextlib.contextmanager
def other_scores():
    """Every process but the first sees a model that gets better from evaluation to evaluation."""
    calls = []

    def seen(accelerator, *arguments):
        p_positive = probabilities(accelerator, *arguments)
        calls.append(None)
        return p_positive if accelerator.is_main_process else np.full_like(p_positive, 0.5 + 0.2 / len(calls))

    with patch.object(evaluation, "probabilities", seen):
        yield


@contextlib.contextmanager
def nobody_asked():
    """As `other_scores`, and every process decides by what it sees."""
    with other_scores(), patch.object(periodic, "broadcast_object_list", lambda decision: decision):
        yield
