"""GraphSAGE with bond embeddings (Hamilton et al. 2017, as in Hu et al. 2020, appendix A)."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from telltale.data.molecules.alike import Layer
from telltale.models.alike_states import neighbour_sums
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder


class GraphSAGEConvolution(MessagePassing):
    """h_v = normalise( mean_{u ∈ N(v) ∪ v} W h_u + e_uv ) to unit length."""

    def __init__(self, width: int) -> None:
        super().__init__(aggr="mean")
        self.linear = nn.Linear(width, width)
        self.bond = BondEmbedding(width)

    def forward(self, atoms: Tensor, ends: Tensor, bonds: Tensor) -> Tensor:
        """Pass messages once: (atoms, width) -> (atoms, width)."""
        return nn.functional.normalize(self.propagate(ends, x=self.linear(atoms), bonds=self.bond(bonds)))

    def of_states(self, states: Tensor, layer: Layer) -> Tensor:
        """Do the same for atoms that look alike at once: (states below, width) -> (states, width)."""
        sums = neighbour_sums(self.linear(states), self.bond.table(), layer)
        return nn.functional.normalize(sums / layer.degrees[:, None].to(sums.dtype))

    def message(self, x_j: Tensor, bonds: Tensor) -> Tensor:
        """Send the neighbour's state plus the bond's embedding."""
        return x_j + bonds


class GraphSAGE(MoleculeEncoder):
    """Stack of GraphSAGE convolutions."""

    def convolution(self, width: int) -> nn.Module:
        """Build one GraphSAGE layer."""
        return GraphSAGEConvolution(width)
