"""Graph isomorphism network with bond embeddings (Hu et al. 2020, eq. A.1): the default target encoder."""

from __future__ import annotations

from torch import Tensor, nn

from telltale.data.molecules.alike import Layer
from telltale.models.alike_states import neighbour_sums
from telltale.models.messages import received
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder


class GINConvolution(nn.Module):
    """h_v = MLP( Σ_{u ∈ N(v) ∪ v} h_u + e_uv ), MLP: width -> 2 width -> width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bond = BondEmbedding(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, atoms: Tensor, ends: Tensor, bonds: Tensor) -> Tensor:
        """Pass messages once: (atoms, width) -> (atoms, width)."""
        sent = atoms.index_select(0, ends[0]) + self.bond(bonds)
        return self.mlp(received(sent, ends[1], len(atoms)))

    def of_states(self, states: Tensor, layer: Layer) -> Tensor:
        """Do the same for atoms that look alike at once: (states below, width) -> (states, width)."""
        first, _, second = self.mlp
        return second(
            first(neighbour_sums(states, self.bond.table(), layer)).relu_()
        )  # in place: it stays in the cache


class GIN(MoleculeEncoder):
    """Stack of GIN convolutions."""

    def convolution(self, width: int) -> nn.Module:
        """Build one GIN layer."""
        return GINConvolution(width)
