"""Attribute masking: predict the element of masked atoms (Hu et al. 2020, section 3.1.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

from telltale.checks import share
from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.graphs import ELEMENTS, MASKED_ELEMENT
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.by_molecule import mean_by_molecule
from telltale.objectives.corruption import choose_atoms, sizes_of
from telltale.training.batches import LabelledBatch
from telltale.training.objective import LossTerm, Objective, mean_of_batches

Batch = TypeVar("Batch")


class AttributeMasking(Objective):
    """Cross-entropy on the element of masked atoms. The option beside those of every objective:

    rate  share of each molecule's atoms that is masked: of n atoms ⌊rate · n + 1⌋, as in the authors' code
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
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        share("objective.rate", rate)
        self.rate = rate
        self.predict_element = nn.Linear(model.output_width, ELEMENTS - 1)

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the cross-entropy over masked atoms."""
        logits, element = self._masked(batch)
        loss = nn.functional.cross_entropy(logits, element, reduction="sum")
        return [LossTerm(loss, torch.tensor(float(len(element)), device=loss.device))]

    def record_losses(self, batch: LabelledBatch) -> Tensor:
        """Average over each molecule's own masked atoms: (molecules,); no molecule's loss depends on another's.

        Their mean weighs molecules alike, where `terms` weighs masked atoms alike.
        """
        molecules: MoleculeBatch = batch.inputs
        masked = masked_atoms(molecules, self.rate, "attribute_masking")
        # the head sees every atom: private gradients need to know whose its rows are
        logits = self.predict_element(self.model.atom_embeddings(hidden(molecules, masked)))
        element = torch.where(masked, molecules.atoms[:, 0], 0)
        losses = nn.functional.cross_entropy(logits, element, reduction="none")
        return mean_by_molecule(losses, molecules.molecule_of, masked, len(molecules))

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return masked-atom accuracy beside the share of the most common element."""
        return accuracy_on_masked(batches, self._masked)

    def _masked(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        masked = masked_atoms(batch, self.rate, "attribute_masking")
        embeddings = self.model.atom_embeddings(hidden(batch, masked))
        return self.predict_element(embeddings[masked]), batch.atoms[masked, 0]


def masked_atoms(batch: MoleculeBatch, rate: float, role: str) -> Tensor:
    """Choose ⌊rate · n + 1⌋ of every molecule's n atoms, all of them at most: (atoms,) bool.

    Of 22 atoms at 0.15: 4.
    """
    sizes = sizes_of(batch).double()  # double: rounded as Python's int(rate * n + 1)
    return choose_atoms(batch, torch.minimum((sizes * rate + 1).floor(), sizes), role)


def hidden(batch: MoleculeBatch, masked: Tensor) -> MoleculeBatch:
    """Return the batch with the attributes of `masked` atoms, (atoms,) bool, replaced by the mask token."""
    return batch.with_atoms(torch.where(masked[:, None], batch.atoms.new_tensor([MASKED_ELEMENT, 0]), batch.atoms))


def accuracy_on_masked(
    batches: Iterable[Batch],
    predicted: Callable[[Batch], tuple[Tensor, Tensor]],
    kinds: int = ELEMENTS,
) -> dict[str, float]:
    """Return masked-atom accuracy beside the share of the most common kind.

    predicted(batch) -> (scores (masked atoms, kinds), true kind of each); kinds: elements, where nothing else is said
    """

    def counts(batch: Batch) -> tuple[Tensor, int]:
        scores, kind = predicted(batch)
        right = (scores.argmax(1) == kind).sum()
        return torch.cat([right[None], torch.bincount(kind, minlength=kinds)]), len(kind)

    accuracy, *shares = mean_of_batches(batches, counts)
    return {"masked_atom_accuracy": accuracy, "majority_rate": max(shares)}
