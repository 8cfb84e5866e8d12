"""A small causal language model in the manner of GPT-2 (Radford et al. 2019), in plain layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from telltale.checks import choice, share, whole_number
from telltale.errors import InputError
from telltale.models.text_backbone import INITIAL, Begun, TextBackbone, inside_vmap, last_places, pooled, shortened

POSITIONS = ("rotary", "learned")
AT_ONCE = 64  # texts whose first blocks are computed at a time
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
        self.output_width, self.heads = width, heads
        self.embedding = nn.Embedding(self.vocabulary, width)
        self.places = nn.Embedding(self.shape[0], width) if positions == "learned" else None
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(CausalBlock(width, heads, hidden, dropout) for _ in range(layers))
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
        states = self._through(self._embedded(tokens), self.layers)
        return self.norm(states)

    def forward(self, records: Tensor | Begun) -> Tensor:
        """Compute features: (texts, width), of the last block for a text's last token alone where no other counts."""
        if isinstance(records, Begun):
            tokens = shortened(records.tokens)
            states, done = records.states[:, : tokens.shape[-1]], records.blocks
        else:
            tokens = shortened(records)
            states, done = self._embedded(tokens), 0
        blocks: list[Any] = list(self.layers)[done:]
        *before, last = blocks
        states = self._through(states, before)
        if self.pooling == "mean":
            return pooled(self.norm(self._through(states, [last])), tokens, self.pooling)
        return self.norm(last.at(states, last_places(tokens), self._turns(states)))

    @torch.no_grad()
    def begun(self, tokens: Tensor, blocks: int) -> Begun:
        """Compute the embeddings and the first `blocks` blocks, fewer than there are."""
        first = list(self.layers)[:blocks]
        # filled in place: parts put together would be in memory twice
        states = self.embedding.weight.new_empty((*tokens.shape, self.output_width))
        for part, of_part in zip(tokens.split(AT_ONCE), states.split(AT_ONCE), strict=True):
            of_part.copy_(self._through(self._embedded(part), first))
        return Begun(tokens, states, blocks)

    def _embedded(self, tokens: Tensor) -> Tensor:
        states = self.embedding(tokens)
        if self.places is not None:
            states = states + self.places(torch.arange(tokens.shape[-1], device=tokens.device).expand_as(tokens))
        return self.dropout(states)

    def _through(self, states: Tensor, blocks: Iterable[nn.Module]) -> Tensor:
        turns = self._turns(states)
        for block in blocks:
            states = block(states, turns)
        return states

    def _turns(self, states: Tensor) -> Turns | None:
        """Prepare what all blocks turn their queries and keys by; None where positions are learned."""
        if self.places is not None:
            return None
        return turns_of(states.shape[-2], self.output_width // self.heads, states)

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

    width: of states; heads: that share it; hidden: between W₁ and W₂.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        # without bias: softmax forgets that of keys, whose gradient would be rounding alone, which Adam makes large
        self.attention_norm, self.attend = nn.LayerNorm(width), nn.Linear(width, 3 * width, bias=False)
        self.join = nn.Linear(width, width)
        self.network_norm = nn.LayerNorm(width)
        self.network = nn.Sequential(nn.Linear(width, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, width))

    def forward(self, states: Tensor, turns: Turns | None) -> Tensor:
        """Transform states: (texts, length, width) -> the same; turns: of queries and keys by their places."""
        queries, keys, values = self._parts(states, turns)
        return self._after(states, attention(queries, keys, values).transpose(-3, -2).flatten(-2))

    def at(self, states: Tensor, places: Tensor, turns: Turns | None) -> Tensor:
        """Transform one state of each text: (texts, length, width) and its place (texts,) -> (texts, width)."""
        queries, keys, values = self._parts(states, turns)
        of_heads = places[:, None, None, None].expand(-1, self.heads, 1, queries.shape[-1])
        likeness = queries.gather(-2, of_heads) @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
        later = torch.arange(states.shape[-2], device=places.device) > places[:, None, None, None]
        seen = likeness.masked_fill(later, -torch.inf).softmax(-1) @ values
        of_states = places[:, None, None].expand(-1, 1, states.shape[-1])
        return self._after(states.gather(-2, of_states).squeeze(-2), seen.flatten(-3))

    def _parts(self, states: Tensor, turns: Turns | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values: (texts, heads, length, width of a head) each."""
        heads = self.attend(self.attention_norm(states)).unflatten(-1, (3 * self.heads, -1)).transpose(-3, -2)
        pairs, values = heads.split((2 * self.heads, self.heads), -3)
        queries, keys = (pairs if turns is None else turned(pairs, turns)).chunk(2, -3)
        return queries, keys, values

    def _after(self, states: Tensor, seen: Tensor) -> Tensor:
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


class Turns(NamedTuple):
    """What vectors are turned by: cosines (length, width of a head), and sines, of the first half negative."""

    cosines: Tensor
    sines: Tensor


def turns_of(length: int, width: int, like: Tensor) -> Turns:
    """Return the angles place · rate_i, in the type and on the device of `like`."""
    rates = SLOWEST ** -(torch.arange(width // 2, device=like.device) / (width // 2))
    angles = torch.arange(length, device=like.device)[:, None] * rates
    cosines, sines = angles.cos().to(like.dtype), angles.sin().to(like.dtype)
    return Turns(torch.cat([cosines, cosines], -1), torch.cat([-sines, sines], -1))


def turned(vectors: Tensor, turns: Turns) -> Tensor:
    """Turn each pair of coordinates (i, i + half) by its place's angle: products then depend on distances alone.

    vectors: (…, length, even width) -> the same.
    """
    swapped = vectors.roll(vectors.shape[-1] // 2, -1)
    return torch.addcmul(vectors * turns.cosines, swapped, turns.sines)
