"""Scorers of candidates from embeddings: Eq. (1) as it stands, and the learned one in its two readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from telltale.attacks.molextract.scoring import Parts, part_whole_score


@dataclass(frozen=True)
class Scored:
    """scores: (candidates,) higher = more likely in the training data; mixing: (candidates,) α, or None."""

    scores: np.ndarray
    mixing: np.ndarray | None = None


@dataclass(frozen=True)
class ScorerOptions:
    """Options of the scorers; the learned ones keep to the settings of paper or code.

    alpha, size_weighted: the constant mix of Eq. (1), for the fixed scorer and for whole molecules.
    """

    alpha: float = 0.5
    size_weighted: bool = True


def fixed(parts: Parts, labels: np.ndarray, seed: int, options: ScorerOptions) -> Scored:
    """Eq. (1) with constant α; nothing is learned."""
    return Scored(part_whole_score(parts, options.alpha, options.size_weighted))


def paper(parts: Parts, labels: np.ndarray, seed: int, options: ScorerOptions) -> Scored:
    """The scorer the paper describes (eqs. 2 and 3, appendix A.3).

    Score = cos( g(f(Ĝ)), α g(f(R)) + (1 - α) g(f(M)) ), α = sigmoid(h([f(R); f(M); f(Ĝ)])), one shared two-layer g
    of width 300, h linear; cross-entropy of sigmoid(Score) with the auxiliary label; Adam 0.005, 100 steps.
    """
    with _seeded(seed):
        model = _PaperScorer(parts.whole.shape[1])
    return _trained(model, parts, labels, cross_entropy, steps=100, learning_rate=0.005, weight_decay=0.0)


def released_code(parts: Parts, labels: np.ndarray, seed: int, options: ScorerOptions) -> Scored:
    """The scorer of the released code: three linear maps to 100, size weights, signed cosine loss, α penalty.

    Score = cos( T_G f(Ĝ), ( α |R| T_R f(R) + (1 - α) |M| T_M f(M) ) / (|R| + |M|) ), α linear and unbounded;
    loss = Σ_hits -Score + w Σ_misses Score + 50 Σ_{α outside (0, 1]} |α|, w = share of hits; Adam 0.001, weight
    decay 0.0005, 200 steps.
    """
    with _seeded(seed):
        model = _ReleasedCodeScorer(parts.whole.shape[1])
    return _trained(model, parts, labels, signed_cosine, steps=200, learning_rate=0.001, weight_decay=0.0005)


Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # of scores, mixing weights and labels, each (candidates,)
Scorer = Callable[[Parts, np.ndarray, int, ScorerOptions], Scored]
SCORERS: dict[str, Scorer] = {"paper": paper, "released_code": released_code, "fixed": fixed}


def cross_entropy(score: Tensor, alpha: Tensor, hits: Tensor) -> Tensor:
    """Eq. (3): cross-entropy of sigmoid(score) with the auxiliary label; all (candidates,)."""
    return nn.functional.binary_cross_entropy_with_logits(score, hits.to(score.dtype))


def signed_cosine(score: Tensor, alpha: Tensor, hits: Tensor) -> Tensor:
    """The released code's loss: w Σ_misses Score - Σ_hits Score + 50 Σ_{α outside (0, 1]} |α|, w = share of hits."""
    share, outside = hits.double().mean().to(score.dtype), (alpha <= 0) | (alpha > 1)
    return share * score[~hits].sum() - score[hits].sum() + 50 * alpha[outside].abs().sum()


class _PaperScorer(nn.Module):
    def __init__(self, width: int, hidden: int = 300) -> None:
        super().__init__()
        self.adapter = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.mixing = nn.Linear(3 * width, 1)

    def forward(self, ring: Tensor, motif: Tensor, whole: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self.mixing(torch.cat([ring, motif, whole], 1)).sigmoid()
        mix = alpha * self.adapter(ring) + (1 - alpha) * self.adapter(motif)
        return nn.functional.cosine_similarity(self.adapter(whole), mix), alpha[:, 0]


class _ReleasedCodeScorer(nn.Module):
    def __init__(self, width: int, hidden: int = 100) -> None:
        super().__init__()
        self.ring, self.motif, self.whole = (nn.Linear(width, hidden) for _ in range(3))
        self.mixing = nn.Linear(3 * width, 1)

    def forward(self, ring: Tensor, motif: Tensor, whole: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self.mixing(torch.cat([ring, motif, whole], 1))
        mix = alpha * sizes[:, :1] * self.ring(ring) + (1 - alpha) * sizes[:, 1:] * self.motif(motif)
        mix = mix / sizes.sum(1, keepdim=True)
        return nn.functional.cosine_similarity(self.whole(whole), mix), alpha[:, 0]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _trained(
    model: nn.Module,
    parts: Parts,
    labels: np.ndarray,
    loss: Loss,
    *,
    steps: int,
    learning_rate: float,
    weight_decay: float,
) -> Scored:
    inputs = [torch.from_numpy(array) for array in (parts.ring, parts.motif, parts.whole)]
    sizes = torch.from_numpy(np.stack([parts.ring_size, parts.motif_size], 1).astype(np.float32))
    hits = torch.from_numpy(labels.astype(bool))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    for _ in range(steps):
        optimizer.zero_grad()
        score, alpha = model(*inputs, sizes)
        loss(score, alpha, hits).backward()
        optimizer.step()
    with torch.no_grad():
        score, alpha = model(*inputs, sizes)
    return Scored(score.numpy(), alpha.numpy())
