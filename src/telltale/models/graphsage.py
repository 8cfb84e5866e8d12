"""GraphSAGE with bond embeddings (Hamilton et al. 2017, as in Hu et al. 2020, appendix A)."""

from __future__ import annotations

from torch import Tensor, nn

from telltale.data.molecules.alike import Layer
from telltale.models.alike_states import neighbour_sums
from telltale.models.messages import received
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder


class GraphSAGEConvolution(nn.Module):
    """h_v = normalise( mean_{u ∈ N(v) ∪ v} W h_u + e_uv ) to unit length."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.bond = BondEmbedding(width)

    def forward(self, atoms: Tensor, ends: Tensor, bonds: Tensor) -> Tensor:
        """Pass messages once: (atoms, width) -> (atoms, width)."""
        sent = self.linear(atoms).index_select(0, ends[0]) + self.bond(bonds)
        return nn.functional.normalize(received(sent, ends[1], len(atoms), "mean"))

    def of_states(self, states: Tensor, layer: Layer) -> Tensor:
        """Do the same for atoms that look alike at once: (states below, width) -> (states, width)."""
        sums = neighbour_sums(self.linear(states), self.bond.table(), layer)
        return nn.functional.normalize(sums / layer.degrees[:, None].to(sums.dtype))


class GraphSAGE(MoleculeEncoder):
    """Stack of GraphSAGE convolutions."""

    def convolution(self, width: int) -> nn.Module:
        """Build one GraphSAGE layer."""
        return GraphSAGEConvolution(width)
