"""Graph attention network with bond embeddings (Velickovic et al. 2018, as in Hu et al. 2020, appendix A)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import softmax

from telltale.errors import InputError
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder


class GATConvolution(MessagePassing):
    """h_v = Σ_u softmax_u( LeakyReLU( a · [W h_v ; W h_u + e_uv] ) ) (W h_u + e_uv), heads side by side."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(aggr="sum", node_dim=0)
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
        return self.propagate(ends, x=states, bonds=self.bond(bonds).view(shape)).flatten(1) + self.bias

    def message(self, x_i: Tensor, x_j: Tensor, bonds: Tensor, index: Tensor, size_i: int) -> Tensor:
        """Weigh each neighbour by attention: (bonds, heads, head width)."""
        sent = x_j + bonds
        logits = (torch.cat([x_i, sent], -1) * self.attention).sum(-1)
        weight = softmax(nn.functional.leaky_relu(logits, 0.2), index, num_nodes=size_i)
        return weight[..., None] * sent


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
