"""Graph isomorphism network with bond embeddings (Hu et al. 2020, eq. A.1): the default target encoder."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from telltale.data.molecules.alike import Layer
from telltale.models.alike_states import neighbour_sums
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder


class GINConvolution(MessagePassing):
    """h_v = MLP( Σ_{u ∈ N(v) ∪ v} h_u + e_uv ), MLP: width -> 2 width -> width."""

    def __init__(self, width: int) -> None:
        super().__init__(aggr="sum")
        self.bond = BondEmbedding(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, atoms: Tensor, ends: Tensor, bonds: Tensor) -> Tensor:
        """Pass messages once: (atoms, width) -> (atoms, width)."""
        return self.mlp(self.propagate(ends, x=atoms, bonds=self.bond(bonds)))

    def of_states(self, states: Tensor, layer: Layer) -> Tensor:
        """Do the same for atoms that look alike at once: (states below, width) -> (states, width)."""
        first, _, second = self.mlp
        return second(
            first(neighbour_sums(states, self.bond.table(), layer)).relu_()
        )  # in place: it stays in the cache

    def message(self, x_j: Tensor, bonds: Tensor) -> Tensor:
        """Send the neighbour's state plus the bond's embedding."""
        return x_j + bonds


class GIN(MoleculeEncoder):
    """Stack of GIN convolutions."""

    def convolution(self, width: int) -> nn.Module:
        """Build one GIN layer."""
        return GINConvolution(width)
