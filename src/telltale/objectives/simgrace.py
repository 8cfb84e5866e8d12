"""SimGRACE: recognise a molecule under noise on the encoder's own weights (Xia et al. 2022, section 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

from telltale.checks import number
from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.batch_norm import GlobalBatchNorm
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.contrast import nt_xent, projection_of, similarity_of, view_retrieval
from telltale.training.counter_random import normal
from telltale.training.objective import LossTerm, Objective
from telltale.training.processes import total_over_processes


class SimGRACE(Objective):
    """NT-Xent between a molecule's embedding and that by θ' = θ + η Δθ, Δθ of each weight matrix from N(0, σ²).

    σ is the matrix's own standard deviation (equations 1 and 2). As in the authors' code, the projection has no noise,
    no gradient flows through the noisy view, and its batch statistics are forgotten: it has no running ones, so they
    are the batch's in an evaluation too. The noise is drawn anew for each global batch. The options beside those of
    every objective:

        magnitude    η
        temperature  T, as in GraphCL

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
        magnitude: float = 1.0,
        temperature: float = 0.1,
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        number("objective.magnitude", magnitude, least=0)
        number("objective.temperature", temperature, above=0)
        self.magnitude, self.temperature = magnitude, temperature
        self.projection = projection_of(model.output_width)

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the loss over this process's molecules."""
        return [nt_xent(*self._similarity(batch), self.temperature)]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return how often the other view is the nearest of the batch, beside the rate of a guess."""
        return view_retrieval(batches, self._similarity)

    def _similarity(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), by_the_batch(self.model):
            noisy = self.projection(functional_call(self.model, self._with_noise(batch), (batch,)))
        return similarity_of(self.projection(self.model(batch)), noisy)

    def _with_noise(self, batch: MoleculeBatch) -> dict[str, Tensor]:
        """Return the encoder's state with noise on its weights, the same on every process of a fit."""
        weights = dict(self.model.named_parameters())
        sizes = [weight.numel() for weight in weights.values()]
        places = torch.arange(sum(sizes), device=batch.keys.device)
        draws = normal(total_over_processes(batch.keys.sum()), "simgrace", places).split(sizes)
        noisy = {
            name: weight + self.magnitude * weight.std(correction=0) * draw.view_as(weight)
            for (name, weight), draw in zip(weights.items(), draws, strict=True)
        }
        return noisy | {name: kept.clone() for name, kept in self.model.named_buffers()}


@contextmanager
def by_the_batch(model: nn.Module) -> Iterator[None]:
    """Have BatchNorm use the batch's own statistics inside, whatever the model does outside."""
    norms = [part for part in model.modules() if isinstance(part, GlobalBatchNorm) and not part.training]
    for norm in norms:
        norm.train()
    try:
        yield
    finally:
        for norm in norms:
            norm.eval()
