"""The average of the weights over the last part of training: judged by it, a model jumps less from one evaluation to
the next than by the weights of a single update.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch

EVERY = 8  # updates between two looks at the weights: in so few they hardly move, and a look reads and writes them all


class Average:
    """A mean of the weights after each update, in fp32; later ones count more, so that its mean age is `share` of the
    updates so far, however many are to come.

    After t updates those of update s have the part (s/t)^p - ((s-1)/t)^p, with p = 1/share - 1: a power function
    average (Karras et al. 2024, https://arxiv.org/abs/2312.02696, section 3). 0.5 is the plain mean (Polyak and
    Juditsky 1992). The weights from before training have no part in it.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], share: float) -> None:
        """parameters: those that are trained."""
        self._parameters = list(parameters)
        self._power = 1 / share - 1
        self._seen = 0  # updates, up to the newest look
        self.values = [parameter.detach().float().clone() for parameter in self._parameters]

    def look(self, update: int) -> None:
        """Take in the weights after each applied update, where that is due."""
        if update % EVERY == 0:
            self._take_in(update)

    @contextlib.contextmanager
    def in_place(self, update: int) -> Iterator[None]:
        """The model holds the average up to `update` within the block, and its own weights, to the bit, after it.

        Within the block `values` holds the weights that are fp32, so that they take no more memory. Blocks do not nest.
        """
        self._take_in(update)
        own = [_exchange(weight, value) for weight, value in zip(self._parameters, self.values, strict=True)]
        try:
            yield
        finally:
            for weight, held in zip(self._parameters, own, strict=True):
                _exchange(weight, held)

    def capture(self) -> tuple[int, list[torch.Tensor]]:
        """(updates seen, values copied to the host). Not within `in_place`."""
        return self._seen, [value.to("cpu", copy=True) for value in self.values]

    @torch.no_grad()
    def restore(self, seen: int, values: Iterable[torch.Tensor]) -> None:
        """The reverse."""
        self._seen = seen
        torch._foreach_copy_(
            self.values, [value.to(own.device) for own, value in zip(self.values, values, strict=True)]
        )

    @torch.no_grad()
    def keep(self) -> None:
        """The model holds the average from now on."""
        torch._foreach_copy_(list[torch.Tensor](self._parameters), self.values)

    @torch.no_grad()
    def _take_in(self, update: int) -> None:
        """avg <- d * avg + (1 - d) * weights, with d = (seen / update)^(1/share - 1): the factor of the updates since
        the newest look, which multiply to it.
        """
        if update == self._seen:
            return
        decay = (self._seen / update) ** self._power
        self._seen = update
        torch._foreach_lerp_(self.values, [parameter.detach().float() for parameter in self._parameters], 1 - decay)


class NoAverage:
    """The weights speak for themselves."""

    values: tuple[torch.Tensor, ...] = ()

    def look(self, update: int) -> None:
        pass

    def in_place(self, update: int) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def capture(self) -> tuple[int, list[torch.Tensor]]:
        return 0, []

    def restore(self, seen: int, values: Iterable[torch.Tensor]) -> None:
        pass

    def keep(self) -> None:
        pass


@torch.no_grad()
def _exchange(weight: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Put value into weight; the tensor that now holds what was there, exactly: `value`, where both are fp32."""
    own = weight.detach().clone()
    weight.copy_(value)
    return value.copy_(own) if value.dtype == own.dtype else own
