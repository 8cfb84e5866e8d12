"""GraphMAE: rebuild masked atoms with a decoder that sees none of them (Hou et al. 2022, section 3)."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from telltale.checks import number, share
from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.graphs import ELEMENTS
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.attribute_masking import accuracy_on_masked, hidden, masked_atoms
from telltale.objectives.decoder import AtomDecoder
from telltale.training.objective import LossTerm, Objective


class GraphMAE(Objective):
    """Scaled cosine error (1 - cos(x, z))^γ on masked atoms, x the element as one of ELEMENTS - 1, z what is rebuilt.

    Masked atoms are masked a second time between encoder and decoder (with zeros, as in the authors' code for
    molecules), so that z comes of their neighbours alone. The options beside those of every objective:

        rate   share of each molecule's atoms that is masked: of n atoms ⌊rate · n + 1⌋
        power  γ

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
        rate: float = 0.25,
        power: float = 1.0,
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        share("objective.rate", rate)
        number("objective.power", power, least=1)
        self.rate, self.power = rate, power
        self.decoder = AtomDecoder(model, ELEMENTS - 1)

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the error over masked atoms."""
        rebuilt, element = self._masked(batch)
        cosine = nn.functional.normalize(rebuilt).gather(1, element[:, None])[:, 0]
        error = (1 - cosine).clamp_min(0).pow(self.power)
        return [LossTerm(error.sum(), error.new_tensor(float(len(error))))]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return masked-atom accuracy beside the share of the most common element."""
        return accuracy_on_masked(batches, self._masked)

    def _masked(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        masked = masked_atoms(batch, self.rate, "graphmae")
        rebuilt = self.decoder(self.model.atom_embeddings(hidden(batch, masked)), batch, masked)
        return rebuilt[masked], batch.atoms[masked, 0]
