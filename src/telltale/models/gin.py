"""Graph isomorphism network with bond embeddings (Hu et al. 2020, eq. A.1): the default target encoder."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear, pad

from telltale.data.molecules.alike import KINDS, LOOP, Layer
from telltale.models.alike_states import neighbour_sums
from telltale.models.messages import received
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder

AROUND_LOOP = (0, 0, LOOP, KINDS - LOOP - 1)  # rows of zeros before and after a loop's


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
        first: Any = self.mlp[0]
        # before the sums, as fewer states are below; each atom has one loop, so that its row takes the bias along
        table = linear(self.bond.table(), first.weight) + pad(first.bias[None], AROUND_LOOP)
        hidden = neighbour_sums(linear(states, first.weight), table, layer)
        return self.mlp[2](hidden.relu_())  # in place: it stays in the cache


class GIN(MoleculeEncoder):
    """Stack of GIN convolutions."""

    def convolution(self, width: int) -> nn.Module:
        """Build one GIN layer."""
        return GINConvolution(width)
