"""Graph attention network with bond embeddings (Velickovic et al. 2018, as in Hu et al. 2020, appendix A)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from telltale.data.molecules.alike import Layer
from telltale.errors import InputError
from telltale.models.alike_states import of_neighbours, over_neighbours
from telltale.models.messages import received, shares
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder


class GATConvolution(nn.Module):
    """h_v = Σ_u softmax_u( LeakyReLU( a · [W h_v ; W h_u + e_uv] ) ) (W h_u + e_uv), heads side by side."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.linear = nn.Linear(width, width)
        self.bond = BondEmbedding(width)
        self.attention = nn.Parameter(torch.empty(heads, 2 * self.head_width))
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.xavier_uniform_(self.attention)

    def forward(self, atoms: Tensor, ends: Tensor, bonds: Tensor) -> Tensor:
        """Pass messages once: (atoms, width) -> (atoms, width)."""
        shape = (-1, self.heads, self.head_width)
        states = self.linear(atoms).view(shape)
        sent = states.index_select(0, ends[0]) + self.bond(bonds).view(shape)
        logits = (torch.cat([states.index_select(0, ends[1]), sent], -1) * self.attention).sum(-1)
        weight = shares(nn.functional.leaky_relu(logits, 0.2), ends[1], len(atoms))
        return received(weight[..., None] * sent, ends[1], len(atoms)).flatten(1) + self.bias

    def of_states(self, states: Tensor, layer: Layer) -> Tensor:
        """Do the same for atoms that look alike at once: (states below, width) -> (states, width).

        An atom's own state below is that of its loop, the last of its neighbours.
        """
        target, begin = layer.sums.target(), layer.sums.begin
        shape = (-1, self.heads, self.head_width)
        sent_by = self.linear(states)
        sent = (of_neighbours(sent_by, layer.sums) + embedding(layer.kind, self.bond.table())).view(shape)
        last = torch.cat([begin[1:], begin.new_tensor([len(target)])]) - 1
        own = sent_by.index_select(0, layer.sums.source[last]).view(shape)
        logits = (own * self.attention[:, : self.head_width]).sum(-1).index_select(0, target)
        logits = logits + (sent * self.attention[:, self.head_width :]).sum(-1)
        weight = shares(nn.functional.leaky_relu(logits, 0.2), target, layer.number)
        weighed = (weight[..., None] * sent).flatten(1)
        return over_neighbours(weighed, layer.sums, target) + self.bias


class GAT(MoleculeEncoder):
    """Stack of attention layers; `heads` must divide `width`."""

    def __init__(
        self,
        layers: int,
        width: int,
        jumping_knowledge: str = "last",
        pooling: str = "mean",
        dropout: float = 0.0,
        norm: str = "batch",
        heads: int = 2,
    ) -> None:
        if isinstance(heads, bool) or not isinstance(heads, int) or heads < 1 or width % heads:
            raise InputError("model.heads", heads, f"a divisor of model.width={width}")
        self.heads = heads
        super().__init__(layers, width, jumping_knowledge, pooling, dropout, norm)
        self.options["heads"] = heads

    def convolution(self, width: int) -> nn.Module:
        """Build one attention layer."""
        return GATConvolution(width, self.heads)
