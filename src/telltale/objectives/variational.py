"""Negative evidence lower bound of a variational autoencoder (Kingma & Welling 2014; β of Higgins et al. 2017).

    L(x) = E_q[−log p(x|z)] + β KL(q(z|x) ‖ N(0, I)),   KL = −½ Σ_j (1 + log σ_j² − μ_j² − σ_j²)

Both terms are sums over features and coordinates: a mean over features beside a summed KL collapses the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from telltale.checks import number
from telltale.models.variational import VAE
from telltale.training.batches import LabelledBatch
from telltale.training.counter_random import normal
from telltale.training.objective import LossTerm, Objective, mean_of_batches

KINDS = ("unit", "binary", "numeric", "categorical")


@dataclass(frozen=True)
class Likelihood:
    """How p(x|z) reads a slice of the flattened features.

    kind       unit = numbers in [0, 1] by a Bernoulli's cross-entropy | binary = the same, 0 or 1 |
               numeric = a Gaussian | categorical = a one-hot block by its cross-entropy
    start      first feature of the slice
    stop       first feature after it
    deviation  of the Gaussian
    """

    kind: str
    start: int
    stop: int
    deviation: float = 0.1

    def losses(self, logits: Tensor, records: Tensor) -> Tensor:
        """−log p(x|z) of each record's slice, up to constants: flattened (records, features) each -> (records,)."""
        output, features = logits[:, self.start : self.stop], records[:, self.start : self.stop]
        if self.kind == "numeric":
            return ((output.sigmoid() - features) / self.deviation).square().sum(1) / 2
        if self.kind == "categorical":
            return cross_entropy(output, features, reduction="none")
        return binary_cross_entropy_with_logits(output, features, reduction="none").sum(1)

    def means(self, logits: Tensor) -> Tensor:
        """Return the mean of p(x|z), in [0, 1]: the slice of logits (records, features) -> (records, width)."""
        output = logits[:, self.start : self.stop]
        return output.softmax(1) if self.kind == "categorical" else output.sigmoid()


class Variational(Objective):
    """Trains a VAE by Adam; one code a record and step, its noise drawn from the record's key.

    The options beside those of every objective:

        likelihoods  slices of the features, [kind, start, stop] each, which together take all of them
        beta         β, the weight of the KL
        deviation    of numeric features

    Raises InputError for an option out of range.
    """

    accepts = frozenset({"images", "table"})
    supervised = True  # batches come with labels, which a conditional VAE is told
    stackable = True
    model: VAE

    def __init__(
        self,
        model: nn.Module,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        likelihoods: Sequence[Any],
        beta: float = 1.0,
        deviation: float = 0.1,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        number("defense.vae.beta", beta, above=0)
        number("defense.vae.deviation", deviation, above=0)
        self.beta = beta
        self.likelihoods = [Likelihood(kind, start, stop, deviation) for kind, start, stop in likelihoods]

    def terms(self, batch: LabelledBatch) -> list[LossTerm]:
        """Sum the bound over the batch."""
        total = self.record_losses(batch).sum()
        return [LossTerm(total, torch.full((), float(len(batch.labels)), device=total.device))]

    def record_losses(self, batch: LabelledBatch) -> Tensor:
        """Return each record's negative bound: (records,)."""
        mean, log_variance = self.model.encode(batch.inputs, batch.labels)
        counters = torch.arange(self.model.latent_dim, device=mean.device)
        noise = normal(batch.keys[:, None], "code", counters)
        logits = self.model.decode(mean + (log_variance / 2).exp() * noise, batch.labels)
        return self.reconstruction(logits, batch.inputs) + self.beta * divergence(mean, log_variance)

    def reconstruction(self, logits: Tensor, records: Tensor) -> Tensor:
        """Add up −log p(x|z) over all slices: (records, *shape) each -> (records,)."""
        outputs, features = logits.flatten(1), records.flatten(1)
        return torch.stack([likelihood.losses(outputs, features) for likelihood in self.likelihoods]).sum(0)

    def means(self, logits: Tensor) -> Tensor:
        """Return the mean of p(x|z): logits (records, *shape) -> the same shape, in [0, 1]."""
        outputs = logits.flatten(1)
        return torch.cat([likelihood.means(outputs) for likelihood in self.likelihoods], 1).reshape(logits.shape)

    def success(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return the mean reconstruction loss at the mean code, and the mean KL, in nats a record."""

        def count(batch: LabelledBatch) -> tuple[Tensor, int]:
            mean, log_variance = self.model.encode(batch.inputs, batch.labels)
            losses = self.reconstruction(self.model.decode(mean, batch.labels), batch.inputs)
            return torch.stack([losses.sum().double(), divergence(mean, log_variance).sum().double()]), len(batch)

        loss, kl = mean_of_batches(batches, count)
        return {"reconstruction": loss, "kl": kl}

    def optimizer_over(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Use Adam, in one call for all tensors."""
        return torch.optim.Adam(parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, diag σ²) ‖ N(0, I)) of each record, in nats: (records, n) each -> (records,)."""
    return -(1 + log_variance - mean.square() - log_variance.exp()).sum(1) / 2
