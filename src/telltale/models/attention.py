"""A block of a transformer (Vaswani et al. 2017), normed before each part, in plain functions that vmap can run."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from telltale.checks import whole_number
from telltale.errors import InputError

Kept = tuple[Tensor, Tensor]  # keys and values: (records, heads, length, width of a head) each
SLOWEST = 10_000.0  # the wavelengths of positions run from 2π to 2π times this


class TransformerBlock(nn.Module):
    """h ← x + A(norm(x)),  x ← h + W2 gelu(W1 norm(h)),  A = softmax(Q Kᵀ / √d) V of each head, joined.

    width: of states, a multiple of `heads`; hidden: of the layer between W1 and W2.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        # without bias: softmax forgets that of keys, whose gradient would be rounding alone, which Adam makes large
        self.attention_norm, self.attend = nn.LayerNorm(width), nn.Linear(width, 3 * width, bias=False)
        self.join = nn.Linear(width, width)
        self.network_norm = nn.LayerNorm(width)
        self.network = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, states: Tensor, seen: Tensor | None, earlier: Kept | None = None) -> tuple[Tensor, Kept]:
        """Let states (records, length, width) attend to each other, and to what was kept of `earlier` ones.

        seen: (records, length, all keys) bool, what each of them may attend to, one at least; None = all. Returns new
        states, and all keys and values, with which a caption goes on.
        """
        parts = self.attend(self.attention_norm(states)).chunk(3, -1)
        queries, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        if earlier is not None:
            keys, values = torch.cat([earlier[0], keys], 2), torch.cat([earlier[1], values], 2)
        likeness = queries @ keys.transpose(2, 3) / math.sqrt(keys.shape[3])
        if seen is not None:
            likeness = likeness.masked_fill(~seen[:, None], -torch.inf)
        states = states + self.join((likeness.softmax(3) @ values).transpose(1, 2).flatten(2))
        return states + self.network(self.network_norm(states)), (keys, values)


def blocks_of(layers: int, width: int, heads: int, hidden: int) -> nn.ModuleList:
    """Build the blocks of a transformer. Raises InputError for an option of the model that is out of range."""
    for name, value in (("layers", layers), ("width", width), ("heads", heads), ("hidden", hidden)):
        whole_number(f"model.{name}", value)
    if width % heads or width % 2:
        raise InputError("model.width", width, f"an even multiple of model.heads={heads}, which share it")
    return nn.ModuleList(TransformerBlock(width, heads, hidden) for _ in range(layers))


def positions(places: Tensor, width: int) -> Tensor:
    """Return sin and cos of each place (…) at width / 2 wavelengths: (…, width); no caption is too long for them."""
    rates = SLOWEST ** -(torch.arange(0, width, 2, device=places.device) / width)
    angles = places[..., None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)
