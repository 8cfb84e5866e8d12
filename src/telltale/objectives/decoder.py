"""What is read back from atoms' embeddings: the network between them and what they were made of."""

from __future__ import annotations

from torch import Tensor, nn

from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.molecule_encoder import MoleculeEncoder, with_self_loops


class AtomDecoder(nn.Module):
    """PReLU, a linear map, one convolution of the encoder's own kind, and a linear map to `outputs` values an atom.

    As in the authors' code of GraphMAE and Mole-BERT for molecules, whose convolution ends in that last map.
    """

    def __init__(self, model: MoleculeEncoder, outputs: int) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.PReLU(), nn.Linear(model.output_width, model.width, bias=False))
        self.convolution = model.convolution(model.width)
        self.leave = nn.Linear(model.width, outputs)

    def forward(self, atoms: Tensor, batch: MoleculeBatch, hidden: Tensor | None = None) -> Tensor:
        """Read (atoms, output_width) of the encoder: (atoms, outputs). hidden, (atoms,) bool: come in as zeros."""
        entered = self.enter(atoms)
        if hidden is not None:
            entered = entered.masked_fill(hidden[:, None], 0)
        return self.leave(self.convolution(entered, *with_self_loops(batch)))
