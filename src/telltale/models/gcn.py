"""Graph convolutional network with bond embeddings (Kipf & Welling 2017, as in Hu et al. 2020, appendix A)."""

from __future__ import annotations

from torch import Tensor, nn

from telltale.data.molecules.alike import Layer
from telltale.models.alike_states import neighbour_sums
from telltale.models.messages import received
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder, counts


class GCNConvolution(nn.Module):
    """h_v = Σ_{u ∈ N(v) ∪ v} (W h_u + e_uv) / sqrt(d_u d_v)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.bond = BondEmbedding(width)

    def forward(self, atoms: Tensor, ends: Tensor, bonds: Tensor) -> Tensor:
        """Pass messages once: (atoms, width) -> (atoms, width)."""
        inverse_root = counts(ends[1], len(atoms), atoms).rsqrt()
        weight = inverse_root[ends[0]] * inverse_root[ends[1]]
        sent = weight[:, None] * (self.linear(atoms).index_select(0, ends[0]) + self.bond(bonds))
        return received(sent, ends[1], len(atoms))

    def of_states(self, states: Tensor, layer: Layer) -> Tensor:
        """Do the same for atoms that look alike at once: (states below, width) -> (states, width)."""
        below, degrees = layer.below.to(states.dtype).rsqrt(), layer.degrees.to(states.dtype).rsqrt()
        weights = below[layer.sums.source] * degrees[layer.sums.target()]
        return neighbour_sums(self.linear(states), self.bond.table(), layer, weights)


class GCN(MoleculeEncoder):
    """Stack of GCN convolutions."""

    with_degrees = True

    def convolution(self, width: int) -> nn.Module:
        """Build one GCN layer."""
        return GCNConvolution(width)
