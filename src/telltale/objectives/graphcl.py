"""GraphCL: recognise a molecule under two random augmentations (You et al. 2020, section 3.2, NT-Xent)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from telltale.checks import number, share
from telltale.data.molecules.batch import MoleculeBatch
from telltale.errors import InputError
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.corruption import drop_atoms, drop_bonds, hide_atoms
from telltale.training.objective import LossTerm, Objective, mean_of_batches
from telltale.training.processes import gather_rows

AUGMENTATIONS = {"drop_atoms": drop_atoms, "hide_atoms": hide_atoms, "drop_bonds": drop_bonds}


class GraphCL(Objective):
    """-log exp(s_ii / T) / Σ_{j ≠ i} exp(s_ij / T), s = cosine of projected views, negatives = the global batch.

    The options beside those of every objective:

        augmentations  two of drop_atoms, hide_atoms, drop_bonds, one a view
        rate           share of atoms (rounded down) or bonds that a view loses
        temperature    T

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
        augmentations: Sequence[str] = ("drop_atoms", "hide_atoms"),
        rate: float = 0.2,
        temperature: float = 0.1,
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        unknown = [name for name in augmentations if name not in AUGMENTATIONS]
        if unknown or len(augmentations) != 2:
            raise InputError("objective.augmentations", list(augmentations), f"two of {', '.join(AUGMENTATIONS)}")
        share("objective.rate", rate, zero=True, expected="from 0 to 1")
        number("objective.temperature", temperature, above=0)
        self.augmentations, self.rate, self.temperature = tuple(augmentations), rate, temperature
        width = model.output_width
        self.projection = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the loss over this process's molecules."""
        similarity, same = self._similarity(batch)
        if similarity.shape[1] < 2:  # one molecule alone has nothing to be told from
            return [LossTerm(0 * similarity.sum(), similarity.new_zeros(()))]
        logits = similarity / self.temperature
        loss = torch.logsumexp(logits.masked_fill(same, -torch.inf), 1) - logits[same]
        return [LossTerm(loss.sum(), loss.new_tensor(float(len(loss))))]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return how often the other view is the nearest of the batch, beside the rate of a guess."""

        def retrieved(batch: MoleculeBatch) -> tuple[Tensor, int]:
            similarity, same = self._similarity(batch)
            nearest = same.gather(1, similarity.argmax(1, keepdim=True)).sum()
            return torch.stack([nearest, torch.ones_like(nearest)]), len(same)

        accuracy, chance = mean_of_batches(batches, retrieved)
        return {"view_retrieval_accuracy": accuracy, "chance": chance}

    def _similarity(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        views = []
        for place, name in enumerate(self.augmentations):
            augmented = AUGMENTATIONS[name](batch, self.rate, f"graphcl/{place}")
            views.append(nn.functional.normalize(self.projection(self.model(augmented))))
        others, begin = gather_rows(views[1])
        of_molecule = begin + torch.arange(len(batch), device=others.device)[:, None]
        return views[0] @ others.T, torch.arange(len(others), device=others.device) == of_molecule
