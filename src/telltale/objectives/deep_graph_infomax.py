"""Deep graph infomax (Velickovic et al. 2019) as Hu et al. 2020 pre-train with it: one negative an atom."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.training.objective import LossTerm, Objective, balanced_accuracy
from telltale.training.processes import gather_rows


class DeepGraphInfomax(Objective):
    """Binary cross-entropy on hᵤ · W σ(h_G): each atom u against its own molecule G and against the next one.

    σ(h_G) is the sigmoid of the pooled embedding. The negative is the batch shifted cyclically by one molecule, where
    `objective=infograph` takes all others of the batch and two networks of three layers. In a batch of one molecule
    there is no negative.
    """

    model: MoleculeEncoder

    def __init__(
        self,
        model: MoleculeEncoder,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        self.discriminator = nn.Parameter(torch.empty(model.output_width, model.output_width))
        nn.init.uniform_(self.discriminator, -(model.output_width**-0.5), model.output_width**-0.5)

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the loss over (atom, own molecule) and (atom, next molecule) pairs."""
        own, other = self._scores(batch)
        losses = softplus(-own), softplus(other)
        return [LossTerm(part.sum(), part.new_tensor(float(len(part)))) for part in losses]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return the balanced accuracy of telling the own molecule from the next one by the sign of the score."""
        return {"own_molecule_balanced_accuracy": balanced_accuracy(batches, self._scores), "chance": 0.5}

    def _scores(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        atoms = self.model.atom_embeddings(batch)
        projected = self.model.pool(atoms, batch).sigmoid() @ self.discriminator
        molecules, begin = gather_rows(projected)
        place = begin + batch.molecule_of
        # index_select, not indexing: its gradient adds up in a fixed order
        own = (atoms * molecules.index_select(0, place)).sum(1)
        if len(molecules) < 2:
            return own, own[:0]
        return own, (atoms * molecules.index_select(0, (place + 1) % len(molecules))).sum(1)
