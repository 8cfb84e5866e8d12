"""A small causal language model in the manner of GPT-2 (Radford et al. 2019), in plain layers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from telltale.checks import choice, share, whole_number
from telltale.errors import InputError
from telltale.models.text_backbone import INITIAL, TextBackbone, inside_vmap

POSITIONS = ("rotary", "learned")
SLOWEST = 10_000.0  # wavelengths of rotary positions run from 2π to nearly 2π times this


class Transformer(TextBackbone):
    """Tokens to states, each from the tokens up to its own: (texts, length) -> (texts, length, width).

        layers      blocks
        width       of states
        heads       of each block's attention
        hidden      of each block's network; None = four times the width
        positions   rotary (Su et al. 2021), any length | learned, up to the context
        tied        logits are products with the embeddings
        pooling     last | mean: a text's feature
        dropout     probability, after the embedding and each part of a block
        vocabulary  number of tokens
        shape       of one text, (context,)

    Raises InputError for an option out of range.
    """

    def __init__(
        self,
        layers: int,
        width: int,
        heads: int,
        hidden: int | None = None,
        positions: str = "rotary",
        tied: bool = True,
        pooling: str = "last",
        dropout: float = 0.0,
        vocabulary: int | None = None,
        shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(vocabulary, tied, pooling, shape)
        for name, value in (("layers", layers), ("width", width), ("heads", heads)):
            whole_number(f"model.{name}", value)
        hidden = 4 * width if hidden is None else whole_number("model.hidden", hidden)
        share("model.dropout", dropout, zero=True, whole=False, expected="from 0 to below 1")
        choice("model.positions", positions, POSITIONS)
        if width % heads or (width // heads) % 2:
            expected = f"a multiple of model.heads={heads}, an even number for each, as positions come in pairs"
            raise InputError("model.width", width, expected)
        self.output_width = width
        self.embedding = nn.Embedding(self.vocabulary, width)
        self.places = nn.Embedding(self.shape[0], width) if positions == "learned" else None
        self.dropout = nn.Dropout(dropout)
        rotary = positions == "rotary"
        self.layers = nn.ModuleList(CausalBlock(width, heads, hidden, rotary, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self._draw()

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return the embeddings, then the blocks, the last of them with the norm after it."""
        before = [part for part in (self.embedding, self.places) if part is not None]
        return [nn.ModuleList(before), *self.layers[:-1], nn.ModuleList([self.layers[-1], self.norm])]

    def projections(self) -> Mapping[str, Sequence[str]]:
        """Name the linear layers of all blocks."""
        numbers = range(len(self.layers))
        return {
            "attention": [f"layers.{number}.{name}" for number in numbers for name in ("attend", "join")],
            "network": [f"layers.{number}.network.{name}" for number in numbers for name in (0, 2)],
        }

    def states(self, tokens: Tensor) -> Tensor:
        """Compute one state a token: (texts, length) -> (texts, length, width)."""
        states = self.embedding(tokens)
        if self.places is not None:
            states = states + self.places(torch.arange(tokens.shape[-1], device=tokens.device).expand_as(tokens))
        states = self.dropout(states)
        for block in self.layers:
            states = block(states)
        return self.norm(states)

    def _draw(self) -> None:
        """Draw weights as GPT-2 does: what is added to the states of many layers is drawn smaller."""
        narrower = INITIAL / math.sqrt(2 * len(self.layers))
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=narrower if name.endswith(("join", "network.2")) else INITIAL)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)


class CausalBlock(nn.Module):
    """h = x + A(norm(x)),  y = h + W₂ gelu(W₁ norm(h)),  A = softmax(Q Kᵀ / √d) V of each head over earlier tokens.

    width: of states; heads: that share it; hidden: between W₁ and W₂; rotary: turn Q and K by their places.
    """

    def __init__(self, width: int, heads: int, hidden: int, rotary: bool, dropout: float) -> None:
        super().__init__()
        self.heads, self.rotary, self.dropout = heads, rotary, nn.Dropout(dropout)
        # without bias: softmax forgets that of keys, whose gradient would be rounding alone, which Adam makes large
        self.attention_norm, self.attend = nn.LayerNorm(width), nn.Linear(width, 3 * width, bias=False)
        self.join = nn.Linear(width, width)
        self.network_norm = nn.LayerNorm(width)
        self.network = nn.Sequential(nn.Linear(width, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, width))

    def forward(self, states: Tensor) -> Tensor:
        """Transform states: (texts, length, width) -> the same."""
        parts = self.attend(self.attention_norm(states)).chunk(3, -1)
        queries, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for part in parts)
        if self.rotary:
            queries, keys = turned(queries), turned(keys)
        seen = attention(queries, keys, values).transpose(-3, -2).flatten(-2)
        states = states + self.dropout(self.join(seen))
        return states + self.dropout(self.network(self.network_norm(states)))


def attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Let every token look at itself and those before it: (texts, heads, length, width of a head) each."""
    if not inside_vmap(queries):
        return scaled_dot_product_attention(queries, keys, values, is_causal=True)
    # torch has no batched rule for its own kernel on CPUs
    length = queries.shape[-2]
    later = torch.ones(length, length, dtype=torch.bool, device=queries.device).triu(1)
    likeness = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
    return likeness.masked_fill(later, -torch.inf).softmax(-1) @ values


def turned(vectors: Tensor) -> Tensor:
    """Turn each pair of coordinates (i, i + half) by place · rate_i: products then depend on distances alone.

    vectors: (…, length, even width) -> the same.
    """
    length, half = vectors.shape[-2], vectors.shape[-1] // 2
    rates = SLOWEST ** -(torch.arange(half, device=vectors.device) / half)
    angles = torch.arange(length, device=vectors.device)[:, None] * rates
    cosines, sines = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    first, second = vectors.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, first * sines + second * cosines], -1)
