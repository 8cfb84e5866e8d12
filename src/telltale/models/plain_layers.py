"""Whether a model must go through its layers, each record by itself: no fused kernel, no shape that depends on values.

torch.func.vmap runs nothing else; and who keeps the books of each record's gradient (telltale.training.private) reads
what enters and leaves layers, so that weights which go past them would be missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor, nn
from torch.nn.functional import linear

_ASKED = ContextVar("plain layers are asked for", default=False)


@contextmanager
def plain_layers() -> Iterator[None]:
    """Ask models to go through their layers inside."""
    before = _ASKED.set(True)
    try:
        yield
    finally:
        _ASKED.reset(before)


def wants_plain_layers(tensor: Tensor) -> bool:
    """Say whether plain layers are asked for, or a tensor stands for one of many along an axis that is not seen."""
    return _ASKED.get() or is_vmapped(tensor)


def is_vmapped(tensor: Tensor) -> bool:
    """Say whether a tensor stands for one of many along an axis that is not seen, so that its values cannot be read."""
    try:
        tensor.sum().item()
    except RuntimeError:
        return True
    return False


class Unembedding(nn.Module):
    """Logits by the embeddings themselves: states (…, width) and embeddings (tokens, width) -> (…, tokens)."""

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Multiply them."""
        return linear(states, embeddings)


class Shift(nn.Module):
    """A bias of another layer: values (…, width) and bias (width,) -> (…, width)."""

    def forward(self, values: Tensor, bias: Tensor) -> Tensor:
        """Add them up."""
        return values + bias
