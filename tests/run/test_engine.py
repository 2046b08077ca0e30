"""One update in one process: exact sums, clipping, what fp16 skips, weights out and in. Numbers by hand, in fp64."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from sentiment_ft.run.accelerator import start
from sentiment_ft.run.engine import Engine, engine_of
from sentiment_ft.run.precision import device_in_use

ROWS = torch.tensor([[3.0, 1.0], [5.0, 9.0], [2.0, 6.0], [5.0, 3.0], [5.0, 8.0], [9.0, 7.0], [6.0, 1.0]])
MEAN = torch.tensor([35 / 7, 35 / 7], dtype=torch.float64)


@pytest.fixture
def accelerator(monkeypatch) -> Iterator[Accelerator]:
    """As a run starts it. What the environment says about accumulation must not divide."""
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    AcceleratorState._reset_state(reset_partial_state=True)
    yield start("fp32", device_in_use())
    AcceleratorState._reset_state(reset_partial_state=True)


def linear(dtype: torch.dtype = torch.float64) -> torch.nn.Linear:
    """x -> 2 x1 - 1 x2: the gradient of the sum over rows is the sum of the rows."""
    model = torch.nn.Linear(2, 1, bias=False, dtype=dtype)
    torch.nn.init.constant_(model.weight, 2.0)
    model.weight.data[0, 1] = -1.0
    return model


def prepared(
    accelerator: Accelerator, model: torch.nn.Module, max_grad_norm: float | None, optimizer: type = torch.optim.SGD
) -> tuple[Engine, torch.nn.Module, torch.optim.Optimizer]:
    model, made = accelerator.prepare(model, optimizer(model.parameters(), lr=1.0))
    return engine_of(accelerator, model, made, max_grad_norm), model, made


def backward(engine: Engine, model: torch.nn.Module, parts: list[torch.Tensor], factor: float = 1.0) -> None:
    """The mean over all rows of the parts, one micro-batch each, times a factor."""
    count = sum(map(len, parts))
    for number, rows in enumerate(parts, 1):
        with engine.micro_batch(last=number == len(parts)):
            engine.backward(factor * model(rows).sum() / count)


@pytest.mark.parametrize("cut", [[7], [3, 3, 1], [1] * 7, [6, 1]], ids=str)
def test_gradients_are_summed_over_micro_batches_however_they_are_cut(accelerator, cut):
    """The mean of the rows is (5, 5), so two updates at rate 1 lead from (2, -1) to (-8, -11); a mean of means would be
    off by up to 2.
    """
    engine, model, _ = prepared(accelerator, linear(), None)
    for update in (1, 2):
        backward(engine, model, list(ROWS.double().split(cut)))
        step = engine.step(torch.zeros(()))
        expected = torch.tensor([[2.0, -1.0]], dtype=torch.float64) - update * MEAN
        assert torch.allclose(model.weight, expected, rtol=0, atol=1e-14)
        assert float(step.grad_norm) == pytest.approx(math.sqrt(50), rel=1e-14)
        assert (step.applied, step.loss_scale) == (True, 1.0)


@pytest.mark.parametrize(
    ("limit", "moved"), [(None, 5.0), (100.0, 5.0), (1.0, math.sqrt(0.5)), (1e-3, 1e-3 * math.sqrt(0.5))]
)
def test_the_norm_is_clipped_and_told_as_it_was(accelerator, limit, moved):
    """The gradient is (5, 5), of norm 7.07; clipped to 1 each weight moves by 0.707."""
    engine, model, _ = prepared(accelerator, linear(), limit)
    backward(engine, model, [ROWS.double()])
    step = engine.step(torch.zeros(()))
    assert float(step.grad_norm) == pytest.approx(math.sqrt(50), rel=1e-14)
    assert (torch.tensor([[2.0, -1.0]]) - model.weight).flatten().tolist() == pytest.approx([moved, moved], rel=1e-6)


def test_weights_go_out_and_in_and_the_optimizer_is_not_told(accelerator):
    engine, model, optimizer = prepared(accelerator, linear(torch.float32), 1.0, torch.optim.AdamW)

    def update() -> None:
        backward(engine, model, [ROWS])
        engine.step(torch.zeros(()))

    def moments() -> list[torch.Tensor]:
        return [value.clone() for state in optimizer.state.values() for value in state.values()]

    update()
    saved = {name: tensor.clone() for name, tensor in engine.weights().items()}
    assert saved.keys() == {"weight"} and saved["weight"].dtype == torch.float32
    update()
    later, before = engine.weights()["weight"].clone(), moments()
    assert not torch.equal(later, saved["weight"])
    engine.load(saved)
    assert torch.equal(model.weight, saved["weight"]) and torch.equal(engine.weights()["weight"], saved["weight"])
    engine.load(None)
    assert torch.equal(model.weight, saved["weight"]), "None: this process gives nothing"
    assert all(torch.equal(*pair) for pair in zip(before, moments(), strict=True))
    saved["weight"] += 1
    assert not torch.equal(model.weight, saved["weight"]), "what was loaded is a copy"
    model.weight.data.copy_(later)
    update()
    once_more = model.weight.detach().clone()
    engine, model, optimizer = prepared(accelerator, linear(torch.float32), 1.0, torch.optim.AdamW)
    for _ in range(3):
        update()
    assert torch.equal(model.weight, once_more), "a look at other weights leaves no trace"


# --- fp16: a real gradient scaler on the CPU. Accelerate makes one for GPUs only, so it is put in here; unscaling,
# stepping and skipping are Accelerate's and torch's own. -----

HUGE = 1e38  # times a scale of 2^16 it is infinite in fp32


@pytest.fixture
def scaled(accelerator: Accelerator) -> Accelerator:
    accelerator.state._mixed_precision, accelerator.native_amp = "fp16", True
    accelerator.scaler = torch.amp.GradScaler("cpu", growth_interval=3)
    return accelerator


def fp16_friendly() -> torch.nn.Module:
    """Autocast of the linear layer is left out: only the scaler is looked at."""

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor([[2.0, -1.0]]))

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return (rows * self.weight).sum(1)

    return Plain()


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_an_update_that_overflows_is_skipped_whole(scaled, optimizer):
    """In one of its micro-batches is enough. Weights and moments stay, the scale is halved, the gradients are gone."""
    engine, model, made = prepared(scaled, fp16_friendly(), 1.0, lambda *a, **k: optimizer(*a, **k, fused=True))
    assert engine.loss_scale == 2.0**16
    backward(engine, model, [ROWS])
    first = engine.step(torch.zeros(()))
    assert (first.applied, first.loss_scale) == (True, 2.0**16)
    assert float(first.grad_norm) == pytest.approx(math.sqrt(50), rel=1e-6), "unscaled"
    weights = model.weight.detach().clone()
    moments = [value.clone() for state in made.state.values() for value in state.values()]
    for skipped in (1, 2):
        with engine.micro_batch(last=False):
            engine.backward(HUGE * model(ROWS[:3]).sum() / 7)
        with engine.micro_batch(last=True):
            engine.backward(model(ROWS[3:]).sum() / 7)
        step = engine.step(torch.zeros(()))
        assert (step.applied, step.loss_scale, engine.loss_scale) == (
            False,
            2.0 ** (16 - skipped),
            2.0 ** (16 - skipped),
        )
        assert not math.isfinite(float(step.grad_norm))
        assert torch.equal(model.weight, weights)
        after = [value for state in made.state.values() for value in state.values()]
        assert all(torch.equal(*pair) for pair in zip(moments, after, strict=True))
    backward(engine, model, [ROWS])
    step = engine.step(torch.zeros(()))
    assert (step.applied, float(step.grad_norm)) == (True, pytest.approx(math.sqrt(50), rel=1e-6))
    assert not torch.equal(model.weight, weights)


def test_a_scale_that_grows_is_no_skipped_update(scaled):
    """Three updates without an overflow double it."""
    engine, model, _ = prepared(scaled, fp16_friendly(), 1.0)
    seen = []
    for _ in range(4):
        backward(engine, model, [ROWS])
        step = engine.step(torch.zeros(()))
        seen.append((step.applied, step.loss_scale))
    assert seen == [(True, 2.0**16), (True, 2.0**16), (True, 2.0**17), (True, 2.0**17)]
