"""Edge prediction: tell bonded from unbonded atom pairs (Hamilton et al. 2017; Hu et al. 2020, section 5.2)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.by_molecule import mean_by_molecule
from telltale.objectives.corruption import sizes_of
from telltale.training.batches import LabelledBatch
from telltale.training.counter_random import uniform
from telltale.training.objective import LossTerm, Objective, balanced_accuracy

TRIES = 10  # pairs drawn for each bond


class EdgePrediction(Objective):
    """Binary cross-entropy on h_u · h_v: a molecule's bonds against as many random unbonded pairs of its atoms."""

    model: MoleculeEncoder

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the loss over bonds and over unbonded pairs."""
        bonded, unbonded = self._scores(batch)
        losses = nn.functional.softplus(-bonded), nn.functional.softplus(unbonded)
        return [LossTerm(part.sum(), part.new_tensor(float(len(part)))) for part in losses]

    def record_losses(self, batch: LabelledBatch) -> Tensor:
        """Add each molecule's mean over its bonds and over its unbonded pairs: (molecules,).

        No molecule's loss depends on another's. Their mean weighs molecules alike, where `terms` weighs pairs alike.
        """
        molecules: MoleculeBatch = batch.inputs
        atoms = self.model.atom_embeddings(molecules)
        bonds = molecules.ends[:, molecules.ends[0] < molecules.ends[1]]
        sides = (bonds, -1.0), (unbonded_pairs(molecules), 1.0)
        losses = torch.zeros(len(molecules), dtype=atoms.dtype, device=atoms.device)
        for pairs, sign in sides:
            of_pairs = nn.functional.softplus(sign * _dot_products(atoms, pairs))
            owner = molecules.molecule_of[pairs[0]]
            losses = losses + mean_by_molecule(of_pairs, owner, torch.ones_like(owner, dtype=torch.bool), len(losses))
        return losses

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
    """Draw as many distinct unbonded pairs of a molecule's atoms as it has bonds: (2, pairs).

    As in the code of Hu et al.: of ten ordered pairs a bond, drawn with replacement, the first that are neither
    bonded nor one atom twice nor drawn before. A small, dense molecule may have fewer.
    """
    sizes, atoms = sizes_of(batch), len(batch.atoms)
    bonds = torch.bincount(batch.molecule_of[batch.ends[0]], minlength=len(batch)) // 2
    tries = TRIES * bonds
    owner = torch.repeat_interleave(tries)
    begin = (torch.cumsum(tries, 0) - tries)[owner]
    attempt = torch.arange(len(owner), device=owner.device) - begin

    def drawn(role: str) -> Tensor:
        offset = (uniform(batch.keys[owner], f"edge_prediction, {role}", attempt) * sizes[owner]).long()
        return batch.first_atom[owner] + torch.minimum(offset, sizes[owner] - 1)  # float32 may round up

    first, second = drawn("first"), drawn("second")
    pair = first * atoms + second
    usable = (first != second) & ~torch.isin(pair, batch.ends[0] * atoms + batch.ends[1])
    usable &= _first_of_its_kind(pair)
    before = torch.cumsum(usable, 0) - usable.long()  # usable pairs earlier in the batch
    kept = usable & (before - before[begin] < bonds[owner])
    return torch.stack([first[kept], second[kept]])


def _first_of_its_kind(values: Tensor) -> Tensor:
    """Mark each value's first occurrence: (n,) bool."""
    order = torch.argsort(values, stable=True)
    ordered = values[order]
    first = torch.ones_like(values, dtype=torch.bool)
    first[order[1:]] = ordered[1:] != ordered[:-1]
    return first
