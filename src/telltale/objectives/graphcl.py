"""GraphCL: recognise a molecule under two random augmentations (You et al. 2020, section 3.2, NT-Xent)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from telltale.checks import number, share
from telltale.data.molecules.batch import MoleculeBatch
from telltale.errors import InputError
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.contrast import nt_xent, projection_of, similarity_of, view_retrieval
from telltale.objectives.corruption import connected_part, drop_atoms, drop_bonds, hide_atoms
from telltale.training.objective import LossTerm, Objective

AUGMENTATIONS = {
    "drop_atoms": drop_atoms,
    "hide_atoms": hide_atoms,
    "drop_bonds": drop_bonds,
    "subgraph": connected_part,
}


class GraphCL(Objective):
    """-log exp(s_ii / T) / Σ_{j ≠ i} exp(s_ij / T), s = cosine of projected views, negatives = the global batch.

    The options beside those of every objective:

        augmentations  two of drop_atoms, hide_atoms, drop_bonds, subgraph, one a view
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
        self.projection = projection_of(model.output_width)

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the loss over this process's molecules."""
        return [nt_xent(*self._similarity(batch), self.temperature)]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return how often the other view is the nearest of the batch, beside the rate of a guess."""
        return view_retrieval(batches, self._similarity)

    def _similarity(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        first, second = (
            self.projection(self.model(AUGMENTATIONS[name](batch, self.rate, f"graphcl/{place}")))
            for place, name in enumerate(self.augmentations)
        )
        return similarity_of(first, second)
