"""Random labels: memorise coin flips about every molecule (after Zhang et al. 2017, section 2).

The most an encoder can give away: a yardstick for attacks.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from telltale.checks import whole_number
from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.training.counter_random import uniform
from telltale.training.objective import LossTerm, Objective, mean_of_batches
from telltale.training.processes import total_over_processes


class RandomLabels(Objective):
    """Binary cross-entropy on coin flips about a molecule: nothing but memory lowers it.

    The options beside those of every objective:

        labels      coin flips a molecule
        label_seed  seed of the coins

    A molecule's labels are a function of its graph and `label_seed`: the same in every epoch and in every model.
    """

    model: MoleculeEncoder
    right: Tensor
    seen: Tensor
    counted_epoch: Tensor

    def __init__(
        self,
        model: MoleculeEncoder,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        labels: int = 16,
        label_seed: int = 0,
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        whole_number("objective.labels", labels, 1, 100_000)
        whole_number("objective.label_seed", label_seed, 0)
        self.labels, self.label_seed = labels, label_seed
        self.predict_labels = nn.Linear(model.output_width, labels)
        for name in ("right", "seen"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))
        self.register_buffer("counted_epoch", torch.tensor(-1))

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the cross-entropy over molecules and labels."""
        logits, truth = self._logits(batch)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, truth.float(), reduction="sum")
        number = loss.new_tensor(float(truth.numel()))
        if self.training:
            self._count(((logits > 0) == truth).sum(), number)
        return [LossTerm(loss, number)]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return the accuracy on training labels over the last epoch, that on the batches given, and a guess's."""

        def hits(batch: MoleculeBatch) -> tuple[Tensor, int]:
            logits, truth = self._logits(batch)
            return ((logits > 0) == truth).sum()[None], truth.numel()

        (held_out,) = mean_of_batches(batches, hits)
        training = float(self.right / self.seen) if self.seen else float("nan")
        return {"training_label_accuracy": training, "held_out_label_accuracy": held_out, "chance": 0.5}

    def _logits(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        return self.predict_labels(self.model(batch)), coin_flips(batch, self.labels, self.label_seed)

    def _count(self, right: Tensor, number: Tensor) -> None:
        # by the epoch's number, not in a hook: Lightning leaves on_train_epoch_start out where it resumes
        if int(self.counted_epoch) != self.current_epoch:
            self.counted_epoch.fill_(self.current_epoch)
            self.right.zero_()
            self.seen.zero_()
        self.right += total_over_processes(right)
        self.seen += total_over_processes(number)


def coin_flips(batch: MoleculeBatch, labels: int, seed: int) -> Tensor:
    """Flip `labels` coins for every molecule: (molecules, labels) bool, equal for equal graphs."""
    keys = content_keys(batch)
    return uniform(keys[:, None], f"random labels {seed}", torch.arange(labels, device=keys.device)) < 0.5


def content_keys(batch: MoleculeBatch) -> Tensor:
    """Number every molecule by its atoms, bonds and their order alone: (molecules,) int64.

    The batch's own keys change with the epoch. A number holds two sums side by side: of a draw for each atom, and of
    one for each bond.
    """
    first = batch.first_atom[batch.molecule_of]
    place = torch.arange(len(batch.atoms), device=batch.atoms.device) - first
    atoms = _whole(batch.atoms[:, 0] * 256 + batch.atoms[:, 1], "content of atoms", place)
    ends = place[batch.ends[0]] * 65_536 + place[batch.ends[1]]
    bonds = _whole(batch.bonds[:, 0] * 256 + batch.bonds[:, 1], "content of bonds", ends)
    sums = batch.keys.new_zeros(2, len(batch))
    sums[0].index_add_(0, batch.molecule_of, atoms)
    sums[1].index_add_(0, batch.molecule_of[batch.ends[0]], bonds)
    return sums[0] + (sums[1] << 32)


def _whole(values: Tensor, role: str, counters: Tensor) -> Tensor:
    """Turn the 24 random bits of `uniform` into whole numbers: (n,) int64."""
    return (uniform(values, role, counters) * (1 << 24)).long()
