"""Scorers of candidates from embeddings: Eq. (1) as it stands, and the learned one in its two readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from telltale.attacks.molextract.scoring import Parts, part_whole_score
from telltale.models.alike_states import rows_at
from telltale.threads import one_thread


@dataclass(frozen=True)
class Scored:
    """scores: (candidates,) higher = more likely in the training data; mixing: (candidates,) α, or None."""

    scores: np.ndarray
    mixing: np.ndarray | None = None


Scoring = Callable[[], Scored]


@dataclass(frozen=True)
class ScorerOptions:
    """Options of the scorers; the learned ones keep to the settings of paper or code.

    alpha, size_weighted: the constant mix of Eq. (1), for the fixed scorer and for whole molecules.
    """

    alpha: float = 0.5
    size_weighted: bool = True


def fixed(parts: Parts, labels: np.ndarray, seed: int, options: ScorerOptions) -> Scoring:
    """Eq. (1) with constant α; nothing is learned."""
    return partial(Constant(options).scores, parts)


def paper(parts: Parts, labels: np.ndarray, seed: int, options: ScorerOptions) -> Scoring:
    """The scorer the paper describes (eqs. 2 and 3, appendix A.3).

    Score = cos( g(f(Ĝ)), α g(f(R)) + (1 - α) g(f(M)) ), α = sigmoid(h([f(R); f(M); f(Ĝ)])), one shared two-layer g
    of width 300, h linear; cross-entropy of sigmoid(Score) with the auxiliary label; Adam 0.005, 100 steps.
    """
    return partial(_trained, begun("paper", parts.whole.shape[1], seed, options), parts, labels)


def released_code(parts: Parts, labels: np.ndarray, seed: int, options: ScorerOptions) -> Scoring:
    """The scorer of the released code: three linear maps to 100, size weights, signed cosine loss, α penalty.

    Score = cos( T_G f(Ĝ), ( α |R| T_R f(R) + (1 - α) |M| T_M f(M) ) / (|R| + |M|) ), α linear and unbounded;
    loss = Σ_hits -Score + w Σ_misses Score + 50 Σ_{α outside (0, 1]} |α|, w = share of hits; Adam 0.001, weight
    decay 0.0005, 200 steps.
    """
    return partial(_trained, begun("released_code", parts.whole.shape[1], seed, options), parts, labels)


Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # of scores, mixing weights and labels, each (candidates,)
Scorer = Callable[[Parts, np.ndarray, int, ScorerOptions], Scoring]  # draws initial weights; called, they are trained
SCORERS: dict[str, Scorer] = {"paper": paper, "released_code": released_code, "fixed": fixed}


def cross_entropy(score: Tensor, alpha: Tensor, hits: Tensor) -> Tensor:
    """Eq. (3): cross-entropy of sigmoid(score) with the auxiliary label; all (candidates,)."""
    return nn.functional.binary_cross_entropy_with_logits(score, hits.to(score.dtype))


def signed_cosine(score: Tensor, alpha: Tensor, hits: Tensor) -> Tensor:
    """The released code's loss: w Σ_misses Score - Σ_hits Score + 50 Σ_{α outside (0, 1]} |α|, w = share of hits."""
    share, outside = hits.double().mean().to(score.dtype), (alpha <= 0) | (alpha > 1)
    return share * score[~hits].sum() - score[hits].sum() + 50 * alpha[outside].abs().sum()


class Fragments(NamedTuple):
    """Embeddings of the few rings, or motifs, of all candidates: rows (fragments, width), place (candidates,)."""

    rows: Tensor
    place: Tensor

    @classmethod
    def of(cls, embeddings: np.ndarray) -> Fragments:
        """Find the distinct rows of (candidates, width)."""
        rows, place = np.unique(embeddings, axis=0, return_inverse=True)
        return cls(torch.from_numpy(rows), torch.from_numpy(place.reshape(-1)))


class _PaperScorer(nn.Module):
    def __init__(self, width: int, hidden: int = 300) -> None:
        super().__init__()
        self.adapter = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, hidden))
        self.mixing = nn.Linear(3 * width, 1)

    def forward(self, ring: Fragments, motif: Fragments, whole: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        alpha = _mixed(self.mixing, ring, motif, whole).sigmoid()
        of_ring, of_motif = (Fragments(self.adapter(part.rows), part.place) for part in (ring, motif))
        return cosine_of_mix(self.adapter(whole), of_ring, of_motif, alpha[:, 0], 1 - alpha[:, 0]), alpha[:, 0]


class _ReleasedCodeScorer(nn.Module):
    def __init__(self, width: int, hidden: int = 100) -> None:
        super().__init__()
        self.ring, self.motif, self.whole = (nn.Linear(width, hidden) for _ in range(3))
        self.mixing = nn.Linear(3 * width, 1)

    def forward(self, ring: Fragments, motif: Fragments, whole: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        alpha = _mixed(self.mixing, ring, motif, whole)
        weights = torch.cat([alpha, 1 - alpha], 1) * sizes / sizes.sum(1, keepdim=True)
        of_ring = Fragments(self.ring(ring.rows), ring.place)
        of_motif = Fragments(self.motif(motif.rows), motif.place)
        return cosine_of_mix(self.whole(whole), of_ring, of_motif, weights[:, 0], weights[:, 1]), alpha[:, 0]


def cosine_of_mix(
    whole: Tensor, ring: Fragments, motif: Fragments, ring_weight: Tensor, motif_weight: Tensor, least: float = 1e-8
) -> Tensor:
    """Return cos(whole, w_R ring + w_M motif) of each candidate by the products of its three vectors: (candidates,).

    whole (candidates, width), weights (candidates,); no mix is formed. Lengths are at least `least`.
    """
    rows, rings = torch.cat([ring.rows, motif.rows]), len(ring.rows)
    at_motif = motif.place + rings
    products, among = whole @ rows.T, rows @ rows.T
    along = ring_weight * _picked(products, ring.place) + motif_weight * _picked(products, at_motif)
    squares = among.diagonal()
    mixed = ring_weight.square() * squares.index_select(0, ring.place)
    mixed = mixed + motif_weight.square() * squares.index_select(0, at_motif)
    both = among.flatten().index_select(0, ring.place * len(rows) + at_motif)
    mixed = (mixed + 2 * ring_weight * motif_weight * both).clamp_min(least**2).sqrt()
    return along / (torch.linalg.vector_norm(whole, dim=1).clamp_min(least) * mixed)


def _picked(table: Tensor, column: Tensor) -> Tensor:
    return table.gather(1, column[:, None])[:, 0]


def _mixed(mixing: nn.Linear, ring: Fragments, motif: Fragments, whole: Tensor) -> Tensor:
    """Compute the linear map of [f(R); f(M); f(Ĝ)], the parts one by one: (candidates, 1)."""
    of_ring, of_motif, of_whole = mixing.weight.split(whole.shape[1], 1)
    ring_part, motif_part = ring.rows @ of_ring.T, motif.rows @ of_motif.T
    return rows_at(ring_part, ring.place) + rows_at(motif_part, motif.place) + whole @ of_whole.T + mixing.bias


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


class Judge(Protocol):
    """A scorer that scores any parts, and may be learned."""

    def learn(self, parts: Parts, labels: np.ndarray, steps: int | None = None) -> None:
        """Go on learning by Eq. (3) for so many steps, those of the warm-up if None; labels: (candidates,) bool."""
        ...

    def scores(self, parts: Parts) -> Scored:
        """Score (candidates,) triples of parts and whole."""
        ...


@dataclass(frozen=True)
class Constant:
    """Eq. (1) with constant α."""

    options: ScorerOptions

    def learn(self, parts: Parts, labels: np.ndarray, steps: int | None = None) -> None:
        """Learn nothing: there is nothing to learn."""

    def scores(self, parts: Parts) -> Scored:
        """Score by Eq. (1) as it stands."""
        return Scored(part_whole_score(parts, self.options.alpha, self.options.size_weighted))


@dataclass(frozen=True)
class Learned:
    """A network that scores, and how it is learned: its loss, and Adam's settings."""

    model: nn.Module
    loss: Loss
    steps: int
    learning_rate: float
    weight_decay: float

    def learn(self, parts: Parts, labels: np.ndarray, steps: int | None = None) -> None:
        """Take full-batch steps of Adam on one thread: on several, the digits would depend on their number."""
        inputs, hits = _inputs(parts), torch.from_numpy(labels.astype(bool))
        rate, decay = self.learning_rate, self.weight_decay
        optimizer = torch.optim.Adam(self.model.parameters(), lr=rate, weight_decay=decay, fused=True)
        with one_thread():
            for _ in range(self.steps if steps is None else steps):
                optimizer.zero_grad()
                score, alpha = self.model(*inputs)
                self.loss(score, alpha, hits).backward()
                optimizer.step()

    def scores(self, parts: Parts) -> Scored:
        """Score all at once: memory goes with the number of candidates times that of distinct parts."""
        inputs = _inputs(parts)
        with one_thread(), torch.no_grad():
            score, alpha = self.model(*inputs)
        return Scored(score.numpy(), alpha.numpy())


def begun(name: str, width: int, seed: int, options: ScorerOptions) -> Judge:
    """Return the named scorer of embeddings so wide before it has learned anything, its weights drawn."""
    with _seeded(seed):
        if name == "paper":
            return Learned(_PaperScorer(width), cross_entropy, steps=100, learning_rate=0.005, weight_decay=0.0)
        if name == "released_code":
            return Learned(_ReleasedCodeScorer(width), signed_cosine, 200, learning_rate=0.001, weight_decay=0.0005)
    return Constant(options)


def _trained(judge: Judge, parts: Parts, labels: np.ndarray) -> Scored:
    judge.learn(parts, labels)
    return judge.scores(parts)


def _inputs(parts: Parts) -> tuple[Fragments, Fragments, Tensor, Tensor]:
    sizes = np.stack([parts.ring_size, parts.motif_size], 1).astype(np.float32)
    rings, motifs = Fragments.of(parts.ring), Fragments.of(parts.motif)
    return rings, motifs, torch.from_numpy(parts.whole), torch.from_numpy(sizes)
