"""The shadow-model attack of Shokri et al. (S&P 2017): attack networks trained on what shadows answer."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor, nn

from telltale.attacks.membership.shadow_attack import ShadowAttack, true_labels
from telltale.checks import choice, number, whole_number
from telltale.data.seeds import derive
from telltale.evidence import MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.release import Release
from telltale.threads import one_thread
from telltale.training.seeding import seeded

BETAS, DECAY = (0.9, 0.999), 1e-4
INPUTS = ("log_probabilities", "probabilities")


class ShadowClassifier(ShadowAttack):
    """One small network a class learns "in" from "out" on the shadows' answers (section IV-D).

    inputs          log_probabilities, ours and the stronger: log p, the true class first and the rest from large to
                    small, standardised | probabilities, the paper's: p as it was answered
    shadows         how many of a victim's shadows it learns from, the first ones: most victims share networks
    hidden          units of the hidden layer
    epochs          full-batch steps of Adam; the networks of all classes are trained in one step each time
    learning_rate   of Adam
    """

    uses_true_labels = True
    per_record = False

    def __init__(
        self,
        inputs: str = "log_probabilities",
        shadows: int = 10,
        hidden: int = 64,
        epochs: int = 100,
        learning_rate: float = 0.01,
    ) -> None:
        self.inputs = choice("attack.inputs", inputs, INPUTS)
        for field, value in (("shadows", shadows), ("hidden", hidden), ("epochs", epochs)):
            whole_number(f"attack.{field}", value)
        number("attack.learning_rate", learning_rate, above=0)
        self.shadows, self.hidden, self.epochs, self.learning_rate = shadows, hidden, epochs, learning_rate

    @property
    def most_shadows(self) -> int:
        """Return how many shadows are looked at."""
        return self.shadows

    def run(self, world: World) -> MembershipScores:
        """Score every victim against its own shadows."""
        self._seed = derive(world.knowledge.seed, "attack networks")
        self._trained: dict[bytes, ClassNetworks] = {}
        return super().run(world)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return what the networks read: (points, classes)."""
        probabilities = release.probabilities(knowledge.challenge)
        if self.inputs == "probabilities":
            return probabilities.astype(np.float32)
        is_true = np.arange(probabilities.shape[1]) == true_labels(knowledge)[:, None]
        true = probabilities[is_true][:, None]
        rest = -np.sort(-probabilities[~is_true].reshape(len(true), -1), axis=1)
        return np.log(np.maximum(np.concatenate([true, rest], 1), 1e-12)).astype(np.float32)

    def judge(
        self, targets: Sequence[np.ndarray], shadows: np.ndarray, members: np.ndarray, knowledge: Knowledge
    ) -> tuple[np.ndarray, float]:
        """Train on some shadows; the decision is at even odds."""
        labels, classes = true_labels(knowledge), len(knowledge.challenge.classes)
        shadows, members = shadows[: self.shadows], members[: self.shadows]
        key = blake2b(shadows.tobytes() + members.tobytes()).digest()
        if key not in self._trained:
            with seeded(self._seed), one_thread():
                network = self._trained[key] = ClassNetworks(classes, shadows.shape[2], self.hidden)
                standardised = self.inputs == "log_probabilities"
                network.fit(shadows, members, labels, self.epochs, self.learning_rate, standardised)
        return np.stack([self._trained[key].log_odds(target, labels) for target in targets]), 0.0


class ClassNetworks(nn.Module):
    """One network with a hidden layer for each class, stacked: (classes, points, width) -> (classes, points)."""

    def __init__(self, classes: int, width: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(classes, width, hidden) / width**0.5)
        self.first_bias = nn.Parameter(torch.zeros(classes, 1, hidden))
        self.second = nn.Parameter(torch.randn(classes, hidden, 1) / hidden**0.5)
        self.second_bias = nn.Parameter(torch.zeros(classes, 1, 1))

    def forward(self, points: Tensor) -> Tensor:
        """Compute log-odds of membership."""
        hidden = torch.baddbmm(self.first_bias, points, self.first).relu()
        return torch.baddbmm(self.second_bias, hidden, self.second).squeeze(-1)

    @torch.no_grad()
    def fit(
        self,
        signals: np.ndarray,
        members: np.ndarray,
        labels: np.ndarray,
        epochs: int,
        rate: float,
        standardised: bool = True,
    ) -> None:
        """Learn membership from signals (shadows, points, width) and members (shadows, points), class by class."""
        flat = signals.reshape(-1, signals.shape[-1])
        self.centre = flat.mean(0) if standardised else np.zeros(flat.shape[1], flat.dtype)
        self.spread = flat.std(0) + 1e-6 if standardised else np.ones_like(self.centre)
        table, is_real = places_by_class(np.tile(labels, len(members)), len(self.first))
        points = self._standard(flat)[torch.from_numpy(table)]
        truth, real = torch.from_numpy(np.ravel(members)[table]).float(), torch.from_numpy(is_real).float()
        weight = real / real.sum(1, keepdim=True).clamp_min(1)
        parameters = list(self.parameters())
        moments = [(torch.zeros_like(one), torch.zeros_like(one)) for one in parameters]
        for step in range(1, epochs + 1):
            for one, gradient, of_one in zip(parameters, self._gradients(points, truth, weight), moments, strict=True):
                adam(one, gradient, of_one, step, rate)

    def _gradients(self, points: Tensor, truth: Tensor, weight: Tensor) -> list[Tensor]:
        """Return the gradients of the weighted cross-entropy by hand, in the order of the parameters."""
        hidden = torch.baddbmm(self.first_bias, points, self.first).relu_()
        log_odds = torch.baddbmm(self.second_bias, hidden, self.second)
        slope = (log_odds.sigmoid_() - truth[..., None]).mul_(weight[..., None])  # (classes, points, 1)
        back = torch.ops.aten.threshold_backward(slope * self.second.mT, hidden, 0)  # (classes, points, hidden)
        into_first, into_second = points.mT @ back, hidden.mT @ slope
        return [into_first, back.sum(1, keepdim=True), into_second, slope.sum(1, keepdim=True)]

    @torch.no_grad()
    def log_odds(self, signals: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Judge points (points, width) by the network of their class: (points,)."""
        table, is_real = places_by_class(labels, len(self.first))
        judged = self(self._standard(signals)[torch.from_numpy(table)]).double().numpy()
        found = np.empty(len(labels))
        found[table[is_real]] = judged[is_real]
        return found

    def _standard(self, signals: np.ndarray) -> Tensor:
        return torch.from_numpy((signals - self.centre) / self.spread).float()


def places_by_class(labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the points of each class are, filled up with 0, and what is none of that: (classes, most) twice."""
    places = [np.flatnonzero(labels == label) for label in range(classes)]
    longest = max(len(place) for place in places)
    table = np.stack([np.pad(place, (0, longest - len(place))) for place in places])
    return table, np.arange(longest) < np.array([[len(place)] for place in places])


def adam(parameter: Tensor, gradient: Tensor, moments: tuple[Tensor, Tensor], step: int, rate: float) -> None:
    """Take one step of Adam (Kingma & Ba 2015, algorithm 1) in place, with weight decay added to the gradient.

    Loading torch's own takes more than a second, for its compiler comes with it.
    """
    first, second = moments
    gradient = gradient.add(parameter, alpha=DECAY)
    first.lerp_(gradient, 1 - BETAS[0])
    second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    spread = (second.sqrt() / (1 - BETAS[1] ** step) ** 0.5).add_(1e-8)
    parameter.addcdiv_(first, spread, value=-rate / (1 - BETAS[0] ** step))
