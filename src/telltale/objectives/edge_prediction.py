"""Edge prediction: tell bonded from unbonded atom pairs (Hamilton et al. 2017; Hu et al. 2020, section 5.2)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.corruption import atom_draws
from telltale.training.objective import LossTerm, Objective, balanced_accuracy


class EdgePrediction(Objective):
    """Binary cross-entropy on h_u · h_v: every bond against one random unbonded pair of the same molecule."""

    model: MoleculeEncoder

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the loss over bonds and over unbonded pairs."""
        bonded, unbonded = self._scores(batch)
        losses = nn.functional.softplus(-bonded), nn.functional.softplus(unbonded)
        return [LossTerm(part.sum(), part.new_tensor(float(len(part)))) for part in losses]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return the balanced accuracy of telling bonds from unbonded pairs by the sign of the score."""
        return {"bond_balanced_accuracy": balanced_accuracy(batches, self._scores), "chance": 0.5}

    def _scores(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        atoms = self.model.atom_embeddings(batch)
        once = batch.ends[0] < batch.ends[1]
        return _dot_products(atoms, batch.ends[:, once]), _dot_products(atoms, unbonded_pairs(batch))


def _dot_products(atoms: Tensor, pairs: Tensor) -> Tensor:
    # index_select, not indexing: its gradient adds up in a fixed order, so that equal seeds give equal weights
    first, second = atoms.index_select(0, pairs[0]), atoms.index_select(0, pairs[1])
    return (first * second).sum(1)


def unbonded_pairs(batch: MoleculeBatch) -> Tensor:
    """Draw for every atom a partner in its molecule; keep pairs of distinct, unbonded atoms: (2, pairs)."""
    sizes = torch.bincount(batch.molecule_of, minlength=len(batch))[batch.molecule_of]
    first = torch.arange(len(batch.atoms), device=batch.atoms.device)
    offset = torch.minimum((atom_draws(batch, "edge_prediction") * sizes).long(), sizes - 1)
    second = batch.first_atom[batch.molecule_of] + offset
    atoms = len(batch.atoms)
    bonded = torch.isin(first * atoms + second, batch.ends[0] * atoms + batch.ends[1])
    kept = ~bonded & (first != second)
    return torch.stack([first[kept], second[kept]])
