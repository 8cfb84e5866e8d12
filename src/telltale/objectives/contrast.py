"""What contrastive objectives share: two views of each molecule, which are to be told from others' (NT-Xent)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from telltale.data.molecules.batch import MoleculeBatch
from telltale.training.objective import LossTerm, mean_of_batches
from telltale.training.processes import gather_rows


def projection_of(width: int) -> nn.Sequential:
    """Build the network between a molecule's embedding and its view, which stays with the owner."""
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))


def similarity_of(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Hold first views (molecules, width) against the second ones of the global batch: cosines, and which is its own.

    Each (molecules, molecules of all processes).
    """
    others, begin = gather_rows(nn.functional.normalize(second))
    own = begin + torch.arange(len(first), device=others.device)[:, None]
    return nn.functional.normalize(first) @ others.T, torch.arange(len(others), device=others.device) == own


def nt_xent(similarity: Tensor, same: Tensor, temperature: float) -> LossTerm:
    """Sum -log exp(s_ii / T) / Σ_{j ≠ i} exp(s_ij / T) over the molecules, s the cosines of `similarity_of`.

    The own view is not below the line, as in You et al. (2020), equation 3.
    """
    if similarity.shape[1] < 2:  # one molecule alone has nothing to be told from
        return LossTerm(0 * similarity.sum(), similarity.new_zeros(()))
    logits = similarity / temperature
    loss = torch.logsumexp(logits.masked_fill(same, -torch.inf), 1) - logits[same]
    return LossTerm(loss.sum(), loss.new_tensor(float(len(loss))))


def view_retrieval(
    batches: Iterable[MoleculeBatch], similarity: Callable[[MoleculeBatch], tuple[Tensor, Tensor]]
) -> dict[str, float]:
    """Return how often the other view is the nearest of the batch, beside the rate of a guess."""

    def retrieved(batch: MoleculeBatch) -> tuple[Tensor, int]:
        cosines, same = similarity(batch)
        nearest = same.gather(1, cosines.argmax(1, keepdim=True)).sum()
        return torch.stack([nearest, torch.ones_like(nearest)]), len(same)

    accuracy, chance = mean_of_batches(batches, retrieved)
    return {"view_retrieval_accuracy": accuracy, "chance": chance}
