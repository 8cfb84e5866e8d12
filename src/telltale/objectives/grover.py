"""Grover: predict the contexts of atoms and bonds, and the molecule's functional groups (Rong et al. 2020, 4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from telltale.checks import share, whole_number
from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.attribute_masking import accuracy_on_masked, masked_atoms
from telltale.objectives.corruption import bond_draws
from telltale.training.batches import LabelledBatch
from telltale.training.counter_random import mixed
from telltale.training.objective import LossTerm, Objective

GROUPS = 85  # functional groups of RDKit; telltale.data.molecules.functional_groups names them
ABSENT, PRESENT = 1, 2  # in a batch's labels, where 0 is padding


class Grover(Objective):
    """Cross-entropy on the context of a share of atoms and of bonds, and on each of 85 functional groups.

    An atom's context is its element and how often each pair of neighbour's element and bond type is around it; a bond's
    is its type and how often each pair of end's element and type of another bond is around its ends (the authors' code,
    with one hop). Contexts are numbered by a hash, so that some share a number: the authors count a vocabulary over all
    records first. A bond is told from the sum of its ends' embeddings; the authors' penalty on two views of one atom
    that disagree has no place where the encoder joins them. The options beside those of every objective:

        rate   share of atoms, ⌊rate · n + 1⌋ of n, and of bonds whose context is asked
        words  numbers that contexts are given

    Raises InputError for an option out of range.
    """

    model: MoleculeEncoder

    def __init__(
        self,
        model: MoleculeEncoder,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        rate: float = 0.15,
        words: int = 2048,
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        share("objective.rate", rate)
        whole_number("objective.words", words, 2)
        self.rate, self.words = rate, words
        width = model.output_width
        self.predict_atom, self.predict_bond = nn.Linear(width, words), nn.Linear(width, words)
        self.predict_group = nn.Linear(width, GROUPS)

    def targets(self, records: Any) -> np.ndarray:
        """Return which functional groups each molecule has: (molecules, GROUPS) of ABSENT or PRESENT."""
        from telltale.data.molecules.functional_groups import groups_of_records

        return np.where(groups_of_records(records), PRESENT, ABSENT).astype(np.int64)

    def terms(self, batch: LabelledBatch) -> list[LossTerm]:
        """Sum the three losses; that on functional groups is averaged over molecules and groups."""
        atoms, asked = self._atoms(batch.inputs)
        once = batch.inputs.ends[0] < batch.inputs.ends[1]
        bonds = once & (bond_draws(batch.inputs, "grover") < self.rate)
        first, second = batch.inputs.ends[:, bonds]
        ends = atoms.index_select(0, first) + atoms.index_select(0, second)
        groups = self.predict_group(self.model.pool(atoms, batch.inputs))
        present = (batch.labels == PRESENT).to(groups).expand_as(groups)  # a process without molecules has no columns
        losses = (
            cross_entropy(
                self.predict_atom(atoms[asked]), self._words(atom_contexts(batch.inputs))[asked], reduction="none"
            ),
            cross_entropy(self.predict_bond(ends), self._words(bond_contexts(batch.inputs))[bonds], reduction="none"),
            binary_cross_entropy_with_logits(groups, present, reduction="none").flatten(),
        )
        return [LossTerm(part.sum(), part.new_tensor(float(len(part)))) for part in losses]

    def success(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return how often an atom's context is told, beside the share of the most common one."""

        def predicted(batch: LabelledBatch) -> tuple[Tensor, Tensor]:
            atoms, asked = self._atoms(batch.inputs)
            return self.predict_atom(atoms[asked]), self._words(atom_contexts(batch.inputs))[asked]

        accuracy, majority = accuracy_on_masked(batches, predicted, self.words).values()
        return {"context_accuracy": accuracy, "majority_rate": majority}

    def _atoms(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        """Embed atoms, and mark those whose context is asked; nothing of them is hidden, as in the authors' code."""
        return self.model.atom_embeddings(batch), masked_atoms(batch, self.rate, "grover")

    def _words(self, contexts: Tensor) -> Tensor:
        return torch.remainder(contexts, self.words)


def atom_contexts(batch: MoleculeBatch) -> Tensor:
    """Hash each atom's element and the multiset of (element, bond type) around it: (atoms,) int64."""
    source, target = batch.ends
    around = mixed(mixed(batch.atoms[source, 0] + 1) + batch.bonds[:, 0])
    return mixed(mixed(batch.atoms[:, 0] + 1) + _sums(around, target, len(batch.atoms)))


def bond_contexts(batch: MoleculeBatch) -> Tensor:
    """Hash each bond's type and the multiset of (end's element, type of another bond there): (directed bonds,) int64.

    The same in both directions.
    """
    source, target = batch.ends
    at_target = mixed(mixed(batch.atoms[target, 0] + 1) + batch.bonds[:, 0] + 7)  # of each bond, seen from its target
    at_source = mixed(mixed(batch.atoms[source, 0] + 1) + batch.bonds[:, 0] + 7)
    of_atom = _sums(at_target, target, len(batch.atoms))  # each bond is there in both directions
    others = of_atom[source] - at_source + of_atom[target] - at_target
    return mixed(mixed(batch.bonds[:, 0] + 1) + others)


def _sums(values: Tensor, places: Tensor, number: int) -> Tensor:
    return values.new_zeros(number).index_add(0, places, values)
