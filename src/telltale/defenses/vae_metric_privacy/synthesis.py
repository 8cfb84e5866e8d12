"""What a synthetic data set gives away about one record at most, and the bound on any attack that follows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from telltale.checks import choice, number, whole_number
from telltale.defenses.vae_metric_privacy.euclidean import Gaussian
from telltale.defenses.vae_metric_privacy.labels import Labels
from telltale.defenses.vae_metric_privacy.mechanism import Mechanism
from telltale.defenses.vae_metric_privacy.trade_off import (
    joined,
    randomized_response,
    total_variation,
    total_variation_with_gaussian,
)
from telltale.errors import InputError

LARGEST = 700.0  # whose exponential is still a float
TRAIN_ON = ("public", "private", "private_dpsgd")


@dataclass(frozen=True)
class Synthesis:
    """Everything that the guarantee of a synthetic data set rests on.

    mechanism      noise on the codes
    labels         how labels are released
    width          n, the latent dimension
    classes        K
    copies         synthetic rows a record
    train_on       what encoder and decoder were trained on: public = records disjoint from the protected ones |
                   private = the protected ones | private_dpsgd = those, by DP-SGD
    vae            (ε, δ) that this DP-SGD spent, for one record added or removed; None without it
    counts_public  whether the number of records of each class is taken for public
    """

    mechanism: Mechanism
    labels: Labels
    width: int
    classes: int
    copies: int = 1
    train_on: str = "public"
    vae: tuple[float, float] | None = None
    counts_public: bool = False

    def __post_init__(self) -> None:
        choice("defense.train_on", self.train_on, TRAIN_ON)
        whole_number("defense.copies", self.copies, 1, 1000)
        self.mechanism.check(self.width)

    @property
    def of_codes(self) -> tuple[float, float]:
        """(e, δ) of all copies of a record's code."""
        return self.mechanism.composed(self.width, self.copies)

    @property
    def of_labels(self) -> float:
        """Return e of all copies of a record's label; 0 where labels are copied and the statement leaves them out."""
        return self.copies * self.labels.worst_case if self.labels.covered else 0.0

    @property
    def of_networks(self) -> tuple[float, float]:
        """(e, δ) of encoder and decoder for one record replaced: removed and added (2 ε, (1 + e^ε) δ)."""
        if self.train_on == "public":
            return 0.0, 0.0
        if self.train_on == "private" or self.vae is None:
            return math.inf, 1.0
        epsilon, delta = self.vae
        return 2 * epsilon, (1 + math.exp(min(epsilon, LARGEST))) * delta

    @property
    def of_row(self) -> tuple[float, float]:
        """(e, δ) of a record's synthetic rows, were encoder and decoder public."""
        e, delta = self.of_codes
        return e + self.of_labels, delta

    @property
    def total(self) -> tuple[float, float]:
        """(e, δ) of everything that is released about one record, by basic composition."""
        (e, delta), (networks, failing) = self.of_row, self.of_networks
        return e + networks, delta + failing

    @property
    def holds(self) -> bool:
        """Whether anything is guaranteed: a δ of 1 allows everything."""
        return math.isfinite(self.total[0]) and self.total[1] < 1

    @property
    def bound(self) -> float:
        """Bound any attack's balanced accuracy, where something holds: (1 + TPR - FPR) / 2 of the hardest case.

        Labels and Gaussian noise count exactly, any other code as randomised response with its e. The bound is at
        most what e and δ of the total say, and less where these are sums.
        """
        rest = joined(self.labels.law(self.classes, self.copies), randomized_response(*self.of_networks))
        if isinstance(self.mechanism, Gaussian):
            advantage = total_variation_with_gaussian(self.mechanism.mu(self.width, self.copies), rest)
        else:
            code = randomized_response(self.mechanism.worst_case(self.width), times=self.copies)
            advantage = total_variation(joined(code, rest))
        return (1 + advantage) / 2


def balanced_accuracy_bound(e: float, delta: float = 0.0) -> float:
    """(1 + TPR - FPR) / 2 ≤ (e^e + δ) / (1 + e^e): any test of two (e, δ)-indistinguishable releases."""
    return min(1.0, (1 + delta * math.exp(-e)) / (1 + math.exp(-e)))


def require_within(budget: float | None, synthesis: Synthesis) -> None:
    """Refuse, by InputError, copies that together spend more than `budget`, the most e allowed a record."""
    if budget is None:
        return
    number("defense.budget", budget, above=0, expected="above 0, or null for any")
    if not synthesis.holds:
        raise InputError("defense.budget", budget, "null: with these options nothing is guaranteed, so none is kept to")
    e, e_of_one_copy = synthesis.total[0], replace(synthesis, copies=1).total[0]
    if e > budget:
        expected = f"within defense.budget={budget:g}: {synthesis.copies} copies spend {e:.4g}, one {e_of_one_copy:.4g}"
        raise InputError("defense.copies", synthesis.copies, expected)
