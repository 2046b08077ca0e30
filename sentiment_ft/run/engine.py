"""One update, the same arithmetic by the same calls: one process, several (DDP), or DeepSpeed's ZeRO.

Gradients are summed over micro-batches and processes, so a loss divided by the rows of the global batch is exact
however they are cut. DDP and DeepSpeed average over processes, and DeepSpeed divides by the accumulation: both factors
are cancelled here and nowhere else.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, broadcast, broadcast_object_list

from sentiment_ft.errors import ModelError
from sentiment_ft.terminal import printable

Weights = dict[str, torch.Tensor]
WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
SHARDS = "zero"  # folder of DeepSpeed's files in a checkpoint


@dataclass(frozen=True, slots=True)
class Step:
    """What became of an update. grad_norm: before clipping, unscaled, (); loss_scale: 1 but in fp16; finite: False
    where it was not applied for numbers that no other loss scale mends.
    """

    grad_norm: torch.Tensor
    applied: bool
    loss_scale: float
    finite: bool = True


class Engine(Protocol):
    """Every call is made by every process."""

    loss_scale: float

    def micro_batch(self, *, last: bool) -> contextlib.AbstractContextManager[None]:
        """Around forward and backward of a micro-batch; gradients travel between processes in the last one of an
        update (under ZeRO 2 and 3 in each: a process keeps its share of them only).
        """

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of `loss` to those of the update."""

    def step(self, loss: torch.Tensor) -> Step:
        """Clip, apply and forget the gradients. loss: of the rows of this process; one read from the device tells
        whether all is finite, before anything is applied.
        """

    def weights(self) -> Weights:
        """All weights in fp32 on the main process; on the others nothing to rely on."""

    def load(self, weights: Weights | None) -> None:
        """Put weights that the main process gives into the model of every process, to judge by: the optimizer is not
        told.
        """

    kind: str
    """Whose checkpoints it understands."""
    in_background: bool
    """Whether `capture` holds all there is to save, so that training may go on while it is written."""

    def capture(self) -> Weights:
        """Weights and optimizer states, copied to the host, on the main process; elsewhere and under ZeRO nothing."""

    def restore(self, tensors: Weights) -> None:
        """The reverse; the main process gives what `capture` gave."""

    def write_shards(self, folder: Path) -> list[str]:
        """What `capture` does not hold: the share of this process, in files. Names, relative to the folder. Raises
        OSError, in that process alone.
        """

    def read_shards(self, folder: Path) -> None:
        """The reverse. Raises ModelError."""

    def scaler_state(self) -> dict[str, float] | None:
        """Of the fp16 loss scale; None elsewhere, and under ZeRO, whose files hold it."""

    def load_scaler_state(self, state: dict[str, float] | None) -> None:
        """The reverse."""


class DataParallel:
    """One process, or several with the whole model each."""

    kind = "data parallel"
    in_background = True

    def __init__(self, accelerator: Accelerator, model: Any, optimizer: Any, max_grad_norm: float | None) -> None:
        self._accelerator, self._model, self._optimizer = accelerator, model, optimizer
        self._max_grad_norm = max_grad_norm or math.inf
        scaler = accelerator.scaler
        self.loss_scale = 1.0 if scaler is None else scaler.get_scale()

    def micro_batch(self, *, last: bool) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if last else self._accelerator.no_sync(self._model)

    def backward(self, loss: torch.Tensor) -> None:
        self._accelerator.backward(loss * self._accelerator.num_processes)

    def step(self, loss: torch.Tensor) -> Step:
        grad_norm = self._accelerator.clip_grad_norm_(self._model.parameters(), self._max_grad_norm)
        # In fp16 infinite gradients are the scaler's: it skips the update and lowers its scale. Elsewhere the norm, the
        # same on all processes, tells; a loss that is not finite has no finite gradients.
        finite = self._accelerator.scaler is not None or math.isfinite(grad_norm)
        if finite:
            self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return Step(grad_norm, finite and not self._was_skipped(), self.loss_scale, finite)

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

    def capture(self) -> Weights:
        if not self._accelerator.is_main_process:
            return {}
        model, optimizer = self._accelerator.unwrap_model(self._model), self._optimizer.optimizer
        found = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            for key, value in optimizer.state.get(parameter, {}).items():
                found[f"optimizer.{key}.{name}"] = value
        return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in found.items()}

    @torch.no_grad()
    def restore(self, tensors: Weights) -> None:
        model, optimizer = self._accelerator.unwrap_model(self._model), self._optimizer.optimizer
        self.load({name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")} or None)
        names = {parameter: name for name, parameter in model.named_parameters()}
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        (known,) = broadcast_object_list([{name: tensor.shape for name, tensor in tensors.items()}])
        states: dict[int, dict[str, torch.Tensor]] = {}
        for number, parameter in enumerate(parameters):
            for key in ("step", "exp_avg", "exp_avg_sq"):
                name = f"optimizer.{key}.{names[parameter]}"
                if name in known:  # a layer that is not released yet has none
                    device, dtype = parameter.device, torch.float32 if key == "step" else parameter.dtype
                    empty = torch.empty(known[name], device=device, dtype=dtype)
                    given = tensors[name].to(device, dtype) if name in tensors else empty
                    states.setdefault(number, {})[key] = broadcast(given)
        optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})

    def write_shards(self, folder: Path) -> list[str]:
        return []

    def read_shards(self, folder: Path) -> None:
        pass

    def scaler_state(self) -> dict[str, float] | None:
        scaler = self._accelerator.scaler
        return None if scaler is None else scaler.state_dict()

    def load_scaler_state(self, state: dict[str, float] | None) -> None:
        if state is not None and self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(state)
            self.loss_scale = self._accelerator.scaler.get_scale()


class Zero:
    """DeepSpeed: each process keeps its share of the optimizer states (ZeRO 1), gradients (2) and weights (3), or the
    whole of all (0).
    """

    in_background = False

    def __init__(self, accelerator: Accelerator, engine: Any) -> None:
        self._accelerator, self._engine = accelerator, engine
        self.kind = f"ZeRO {engine.zero_optimization_stage()}"
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

    def step(self, loss: torch.Tensor) -> Step:
        if not self._engine.fp16_enabled():  # there its own scaler skips
            total = self._accelerator.reduce(loss.detach().clone())  # the norm is told after the update only
            if not math.isfinite(total):
                return Step(total, applied=False, loss_scale=self.loss_scale, finite=False)
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

    def capture(self) -> Weights:
        return {}

    def restore(self, tensors: Weights) -> None:
        pass

    def write_shards(self, folder: Path) -> list[str]:
        # Without the file `latest`: which checkpoint is whole is told by its manifest. And without programs.
        self._engine._copy_recovery_script = lambda save_path: None
        with _told_afterwards(self._engine.checkpoint_engine):
            self._engine.save_checkpoint(str(folder), tag=SHARDS, save_latest=False)
        rank = self._accelerator.process_index
        mine = {name for name in os.listdir(folder / SHARDS) if f"_rank_{rank}_" in name}
        if rank == 0:
            mine |= {name for name in os.listdir(folder / SHARDS) if "_rank_" not in name.removeprefix("mp_rank_")}
        return sorted(f"{SHARDS}/{name}" for name in mine)

    def read_shards(self, folder: Path) -> None:
        with _only_weights():
            path, _ = self._engine.load_checkpoint(str(folder), tag=SHARDS)
        if path is None:
            raise ModelError("DeepSpeed finds no shards of this process", where=printable(str(folder), 200))
        self.loss_scale = self._scale()

    def scaler_state(self) -> dict[str, float] | None:
        return None

    def load_scaler_state(self, state: dict[str, float] | None) -> None:
        pass


@contextlib.contextmanager
def _told_afterwards(writer: Any) -> Iterator[None]:
    """Within: a fault in writing is kept back, for after it all processes meet. Raises OSError at the end.

    writer: DeepSpeed's checkpoint engine.
    """
    faults: list[OSError] = []

    def keeping_faults(write: Any) -> Any:
        def kept(*arguments: Any, **settings: Any) -> None:
            try:
                write(*arguments, **settings)
            except OSError as error:
                faults.append(error)
            except RuntimeError as error:  # torch.save where the disk is full
                faults.append(OSError(str(error).split("\n")[0]))

        return kept

    for name in ("save", "makedirs"):
        setattr(writer, name, keeping_faults(getattr(writer, name)))
    try:
        yield
    finally:
        del writer.save, writer.makedirs
    if faults:
        raise faults[0]


@contextlib.contextmanager
def _only_weights() -> Iterator[None]:
    """Within: torch.load takes tensors, plain values and these classes of DeepSpeed, whatever a caller asks for: its
    files are pickles, which could otherwise run anything.
    """
    from deepspeed.runtime.fp16.loss_scaler import DynamicLossScaler, LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    before = os.environ.get(WEIGHTS_ONLY)
    os.environ[WEIGHTS_ONLY] = "1"
    try:
        with torch.serialization.safe_globals([DynamicLossScaler, LossScaler, ZeroStageEnum, fragment_address]):
            yield
    finally:
        if before is None:
            del os.environ[WEIGHTS_ONLY]
        else:
            os.environ[WEIGHTS_ONLY] = before


def engine_of(accelerator: Accelerator, model: Any, optimizer: Any, max_grad_norm: float | None) -> Engine:
    """The engine of what `accelerator.prepare` returned."""
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        return Zero(accelerator, model)
    return DataParallel(accelerator, model, optimizer, max_grad_norm)
