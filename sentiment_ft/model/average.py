"""The exponential moving average of the weights (Polyak and Juditsky 1992): a model judged by it jumps less from one
evaluation to the next than the weights of a single update do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import torch

EVERY = 8  # updates between two looks at the weights: in so few they hardly move, and a look is a tenth of an update


class Average:
    """avg <- d * avg + (1 - d) * weights each EVERY updates, with d = decay^EVERY; in fp32.

    As long as there are few looks n, d = (1 + n) / (10 + n) where that is smaller, so that the weights from before
    training are soon forgotten (as in tf.train.ExponentialMovingAverage).
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], decay: float) -> None:
        """parameters: those that are trained. decay: per update."""
        self._parameters = list(parameters)
        self._decay = decay**EVERY
        self._looks = 0
        self.values = [parameter.detach().float().clone() for parameter in self._parameters]

    @torch.no_grad()
    def look(self, update: int) -> None:
        """Take the weights in when `update` is due; to be called after each applied update."""
        if update % EVERY:
            return
        decay = min(self._decay, (1 + self._looks) / (10 + self._looks))
        self._looks += 1
        weights = [parameter.detach().float() for parameter in self._parameters]
        torch._foreach_lerp_(self.values, weights, 1 - decay)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The model holds the average within the block, and its own weights again after it, to the bit."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        self.keep()
        try:
            yield
        finally:
            _put(self._parameters, own)

    def keep(self) -> None:
        """The model holds the average from now on."""
        _put(self._parameters, self.values)


class NoAverage:
    """The weights speak for themselves."""

    def look(self, update: int) -> None:
        pass

    def in_place(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def keep(self) -> None:
        pass


@torch.no_grad()
def _put(parameters: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    torch._foreach_copy_(list(parameters), list(values))
