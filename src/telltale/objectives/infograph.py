"""InfoGraph: tell which molecule an atom embedding belongs to (Sun et al. 2020, eq. 4, Jensen-Shannon estimator)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.training.objective import LossTerm, Objective, mean_of_batches
from telltale.training.processes import gather_rows


class InfoGraph(Objective):
    """Mutual information between atom and molecule embeddings, negatives = all other molecules of the batch.

    Of atoms' last layer, where Sun et al. join all layers. Hu et al.'s "infomax" is `deep_graph_infomax`.

    With s = T(atom) · T'(molecule):  loss = E_negative[softplus(-s) + s] + E_positive[softplus(-s)] - 2 log 2.
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
        self.local_network = Discriminator(model.output_width)
        self.global_network = Discriminator(model.output_width)

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the estimator over (atom, own molecule) and (atom, other molecule) pairs."""
        if self.model.joins(batch):
            return self._joined_terms(batch)
        scores, inside = self._scores(batch)
        positive = softplus(-scores[inside]) - math.log(2)
        negative = (softplus(-scores) + scores)[~inside] - math.log(2)
        parts = (positive, negative)
        return [LossTerm(part.sum(), inside.new_tensor(part.numel(), dtype=torch.float)) for part in parts]

    def _joined_terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Do the same, with one row of scores for atoms that look alike."""
        states, layer = self.model.states(batch)
        molecules = self.global_network(self.model.pool_states(states, layer, batch))
        scores = self.local_network(states) @ molecules.T
        own = layer.place * len(batch) + batch.molecule_of
        sums = _Pairs.apply(scores, layer.copies.to(scores.dtype), own)
        numbers = len(own), len(own) * (len(batch) - 1)
        return [
            LossTerm(part - number * math.log(2), scores.new_tensor(float(number)))
            for part, number in zip(sums, numbers, strict=True)
        ]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return how often an atom's own molecule outscores another one of the batch; a guess reaches one half."""

        def wins(batch: MoleculeBatch) -> tuple[Tensor, int]:
            scores, inside = self._scores(batch)
            won = (scores[inside][:, None] > scores) & ~inside
            return won.sum()[None], int((~inside).sum())

        (accuracy,) = mean_of_batches(batches, wins)
        return {"own_molecule_accuracy": accuracy, "chance": 0.5}

    def _scores(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        atoms = self.model.atom_embeddings(batch)
        molecules, begin = gather_rows(self.global_network(self.model.pool(atoms, batch)))
        inside = torch.arange(len(molecules), device=atoms.device) == (begin + batch.molecule_of)[:, None]
        return self.local_network(atoms) @ molecules.T, inside


class _Pairs(torch.autograd.Function):
    """Σ softplus(-s) over atoms' own pairs and Σ softplus(s) over their others, of scores of states that have copies.

    scores (states, molecules), copies (states,), own (atoms,) the place of each atom's own pair in the flat scores.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, copies: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(scores, copies, own)
        of_own = scores.flatten().index_select(0, own)
        positive, total = softplus(-of_own).sum(), copies @ softplus(scores).sum(1)
        return positive, total - softplus(of_own).sum()

    @staticmethod
    def backward(ctx: Any, positive: Tensor, negative: Tensor) -> tuple[Tensor, None, None]:
        scores, copies, own = ctx.saved_tensors
        slopes = scores.sigmoid()
        of_own = slopes.flatten().index_select(0, own)
        slopes *= (negative * copies)[:, None]
        # an own pair is none of the others
        slopes.view(-1).index_add_(0, own, positive * (of_own - 1) - negative * of_own)
        return slopes, None, None


class Discriminator(nn.Module):
    """Three-layer network with a linear shortcut: (rows, width) -> (rows, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = [layer for _ in range(3) for layer in (nn.Linear(width, width), nn.ReLU(inplace=True))]
        self.network, self.shortcut = nn.Sequential(*layers), nn.Linear(width, width)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Add network and shortcut."""
        return self.network(embeddings) + self.shortcut(embeddings)
