"""From features to a decision, learned on shadow models alone: threshold, linear SVM, small network (M^4I, section 2 of
the released mi_attack.py). Higher scores are more like a member's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from telltale.attacks.m4i.hinge import fit_hinge
from telltale.attacks.membership.thresholds import best_threshold
from telltale.checks import number, whole_number
from telltale.data.seeds import derive, generator
from telltale.threads import one_thread
from telltale.training.seeding import seeded

LEARNING_RATE = 1e-3  # of the small network, as all rates of the released code


@dataclass(frozen=True)
class Decision:
    """score: (points, width) features -> (points,); a score of at least `threshold` is called a member."""

    score: Callable[[np.ndarray], np.ndarray]
    threshold: float


def by_threshold(features: np.ndarray, members: np.ndarray) -> Decision:
    """Cut the mean of the features where balanced accuracy on the shadows is best.

    features: (points, width); members: (points,) bool.
    """

    def score(points: np.ndarray) -> np.ndarray:
        return points.mean(1)

    return Decision(score, best_threshold(score(features), members))


def by_linear_svm(features: np.ndarray, members: np.ndarray, penalty: float, scaled: bool) -> Decision:
    """Separate the shadows' points by a plane: min ‖w‖² / 2 + C Σ max(0, 1 − y (w·x + b)), member where w·x + b >= 0.

    penalty: C; scaled: features of mean 0 and deviation 1 over the shadows' points, else as they are (released code).
    """
    centre = features.mean(0) if scaled else np.zeros(features.shape[1])
    spread = features.std(0) + 1e-12 if scaled else np.ones(features.shape[1])
    normal, offset = fit_hinge((features - centre) / spread, members, penalty)

    def score(points: np.ndarray) -> np.ndarray:
        distances: np.ndarray = (points - centre) / spread @ normal + offset
        return distances

    return Decision(score, 0.0)


@dataclass(frozen=True)
class NetworkOptions:
    """A classifier with one hidden layer. Raises InputError out of range.

    hidden         units of that layer
    weight_decay   L2 penalty
    epochs         most of them
    patience       epochs without a better loss on what is held out, after which it stops
    held_out       share of the points that are held out to stop early
    """

    hidden: int = 64
    weight_decay: float = 1e-2
    epochs: int = 200
    patience: int = 20
    held_out: float = 0.25

    def __post_init__(self) -> None:
        whole_number("attack.hidden", self.hidden)
        number("attack.weight_decay", self.weight_decay, least=0)


def by_network(features: np.ndarray, members: np.ndarray, options: NetworkOptions, seed: int) -> Decision:
    """Train width–hidden–1 on part of the shadows' points, and stop where the rest is told apart best.

    The released code ends before its classifier; size and stopping are ours. The decision is at even odds.
    """
    centre, spread = features.mean(0), features.std(0) + 1e-6
    held_out = _held_out(members, options.held_out, generator(seed, "held out"))
    inputs, truth = (torch.from_numpy(part.astype(np.float32)) for part in ((features - centre) / spread, members))
    with seeded(derive(seed, "network")), one_thread():
        network = nn.Sequential(
            nn.Linear(features.shape[1], options.hidden), nn.ReLU(), nn.Linear(options.hidden, 1), nn.Flatten(0)
        )
        _fit(network, inputs, truth, torch.from_numpy(held_out), options)

    @torch.no_grad()
    def score(points: np.ndarray) -> np.ndarray:
        scaled = torch.from_numpy(((points - centre) / spread).astype(np.float32))
        odds: np.ndarray = network(scaled).double().numpy()
        return odds

    return Decision(score, 0.0)


def _fit(network: nn.Module, points: Tensor, members: Tensor, held_out: Tensor, options: NetworkOptions) -> None:
    """Take full-batch steps of Adam; keep the weights with the lowest loss on what is held out."""
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=options.weight_decay)
    best, since, kept = float("inf"), 0, network.state_dict()
    for _ in range(options.epochs):
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(network(points[~held_out]), members[~held_out]).backward()
        optimizer.step()
        with torch.no_grad():
            loss = float(binary_cross_entropy_with_logits(network(points[held_out]), members[held_out]))
        if loss < best:
            best, since, kept = loss, 0, {name: value.clone() for name, value in network.state_dict().items()}
        elif (since := since + 1) >= options.patience:
            break
    network.load_state_dict(kept)


def _held_out(members: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Choose a share of the members and of the others, one of each at least: (points,) bool."""
    chosen = np.zeros(len(members), bool)
    for side in (members, ~members):
        places = np.flatnonzero(side)
        chosen[rng.permutation(places)[: max(1, round(share * len(places)))]] = True
    return chosen
