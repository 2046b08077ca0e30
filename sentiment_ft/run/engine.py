"""One update, the same arithmetic by the same calls: one process, several (DDP), or DeepSpeed's ZeRO.

Gradients are summed over micro-batches and processes, so a loss divided by the rows of the global batch is exact
however they are cut. DDP and DeepSpeed average over processes, and DeepSpeed divides by the accumulation: both factors
are cancelled here and nowhere else.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, broadcast

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Step:
    """What became of an update. grad_norm: before clipping, unscaled, (); loss_scale: 1 but in fp16."""

    grad_norm: torch.Tensor
    applied: bool
    loss_scale: float


class Engine(Protocol):
    """Every call is made by every process."""

    loss_scale: float

    def micro_batch(self, *, last: bool) -> contextlib.AbstractContextManager[None]:
        """Around forward and backward of a micro-batch; gradients travel between processes in the last one of an
        update (under ZeRO 2 and 3 in each: a process keeps its share of them only).
        """

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of `loss` to those of the update."""

    def step(self) -> Step:
        """Clip, apply and forget the gradients."""

    def weights(self) -> Weights:
        """All weights in fp32 on the main process; on the others nothing to rely on."""

    def load(self, weights: Weights | None) -> None:
        """Put weights that the main process gives into the model of every process, to judge by: the optimizer is not
        told.
        """


class DataParallel:
    """One process, or several with the whole model each."""

    def __init__(self, accelerator: Accelerator, model: Any, optimizer: Any, max_grad_norm: float | None) -> None:
        self._accelerator, self._model, self._optimizer = accelerator, model, optimizer
        self._max_grad_norm = max_grad_norm or math.inf
        scaler = accelerator.scaler
        self.loss_scale = 1.0 if scaler is None else scaler.get_scale()

    def micro_batch(self, *, last: bool) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if last else self._accelerator.no_sync(self._model)

    def backward(self, loss: torch.Tensor) -> None:
        self._accelerator.backward(loss * self._accelerator.num_processes)

    def step(self) -> Step:
        grad_norm = self._accelerator.clip_grad_norm_(self._model.parameters(), self._max_grad_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return Step(grad_norm, not self._was_skipped(), self.loss_scale)

    def _was_skipped(self) -> bool:
        """Whether the fp16 scaler skipped the update: then, and only then, it lowers its scale.

        The optimizer cannot tell (`step_was_skipped` of Accelerate is always False here): a fused AdamW is always
        called and skips inside its kernel. One read from the device, as GradScaler makes for one that is not fused.
        """
        scaler, before = self._accelerator.scaler, self.loss_scale
        if scaler is None:
            return False
        self.loss_scale = scaler.get_scale()
        return self.loss_scale < before

    def weights(self) -> Weights:
        return self._accelerator.unwrap_model(self._model).state_dict()

    @torch.no_grad()
    def load(self, weights: Weights | None) -> None:
        model = self._accelerator.unwrap_model(self._model)
        if weights is not None:
            model.load_state_dict(weights)
        for tensor in model.state_dict().values():
            tensor.copy_(broadcast(tensor))


class Zero:
    """DeepSpeed: each process keeps its share of the optimizer states (ZeRO 1), gradients (2) and weights (3), or the
    whole of all (0).
    """

    def __init__(self, accelerator: Accelerator, engine: Any) -> None:
        self._accelerator, self._engine = accelerator, engine
        self.loss_scale = self._scale()
        scaler = getattr(engine.optimizer, "loss_scaler", None)
        if scaler is not None:  # too many skipped updates are the clock's to tell, with their rows
            scaler.raise_error_at_min_scale = False

    def micro_batch(self, *, last: bool) -> contextlib.AbstractContextManager[None]:
        # Said before each: DeepSpeed's own count takes every k-th for the last, also in a short last window.
        self._engine.set_gradient_accumulation_boundary(last)
        return contextlib.nullcontext()

    def backward(self, loss: torch.Tensor) -> None:
        self._engine.backward(loss * self._accelerator.num_processes, scale_wrt_gas=False)

    def step(self) -> Step:
        norm = self._norm_of_whole_gradients()
        self._engine.step()
        if norm is None:
            norm = torch.as_tensor(self._engine.get_global_grad_norm(), dtype=torch.float32, device=self._engine.device)
        self.loss_scale = self._scale()
        return Step(norm, self._engine.was_step_applied(), self.loss_scale)

    def _norm_of_whole_gradients(self) -> torch.Tensor | None:
        """ZeRO 0 in fp32 clips, but does not tell the norm; in all else DeepSpeed tells it after the update."""
        if self._engine.zero_optimization_stage() or self._engine.fp16_enabled() or self._engine.bfloat16_enabled():
            return None
        gradients = (parameter.grad for parameter in self._engine.module.parameters() if parameter.grad is not None)
        return torch.nn.utils.get_total_norm(gradients)

    def _scale(self) -> float:
        return float(getattr(self._engine.optimizer, "cur_scale", 1.0)) if self._engine.fp16_enabled() else 1.0

    def weights(self) -> Weights:
        return {name: tensor.float() for name, tensor in self._gathered().items()}

    def _gathered(self) -> Weights:
        if self._engine.zero_optimization_stage() < 3:
            return self._engine.module.state_dict()
        return self._engine._zero3_consolidated_16bit_state_dict() or {}  # the name is history: any dtype

    @torch.no_grad()
    def load(self, weights: Weights | None) -> None:
        import deepspeed

        module = self._engine.module
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        with deepspeed.zero.GatheredParameters(list(module.parameters()), modifier_rank=0):
            for name, tensor in tensors.items():
                if weights is not None and name in weights:
                    tensor.copy_(weights[name])
                if self._engine.zero_optimization_stage() < 3:
                    tensor.copy_(broadcast(tensor))


def engine_of(accelerator: Accelerator, model: Any, optimizer: Any, max_grad_norm: float | None) -> Engine:
    """The engine of what `accelerator.prepare` returned."""
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        return Zero(accelerator, model)
    return DataParallel(accelerator, model, optimizer, max_grad_norm)
