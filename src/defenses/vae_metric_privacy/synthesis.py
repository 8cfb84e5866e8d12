"""What a synthetic data set gives away about one record at most, and the bound on any attack that follows.

Two records that differ in one row can be told apart with TPR - FPR ≤ (e^e - 1 + 2 δ) / (e^e + 1) by any test on the
release, and so with balanced accuracy ≤ e^e / (1 + e^e) where δ = 0 (Kairouz, Oh, Viswanath 2015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from src.defenses.vae_metric_privacy.euclidean import Gaussian
from src.defenses.vae_metric_privacy.gaussian_trade_off import advantage
from src.defenses.vae_metric_privacy.labels import Labels
from src.defenses.vae_metric_privacy.mechanism import Mechanism
from src.errors import InputError

TRAIN_ON = ("public", "private", "private_dpsgd")


@dataclass(frozen=True)
class Synthesis:
    """Everything that the guarantee of a synthetic data set rests on.

    width: n, the latent dimension; classes: K; copies: synthetic rows per record; train_on: the records that encoder
    and decoder were trained on, `public` (disjoint from the protected ones), `private` (the protected ones) or
    `private_dpsgd` (those, by DP-SGD that spent `vae` = (ε, δ) for one record added or removed).
    """

    mechanism: Mechanism
    labels: Labels
    width: int
    classes: int
    copies: int = 1
    train_on: str = "public"
    vae: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.train_on not in TRAIN_ON:
            raise InputError("defense.train_on", self.train_on, f"one of {', '.join(TRAIN_ON)}")
        if isinstance(self.copies, bool) or not isinstance(self.copies, int) or self.copies < 1:
            raise InputError("defense.copies", self.copies, "a whole number from 1")
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
        return 2 * epsilon, (1 + math.exp(epsilon)) * delta

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
        """Whether anything is guaranteed."""
        return math.isfinite(self.total[0])

    @property
    def bound(self) -> float:
        """Bound any attack's balanced accuracy, exactly for Gaussian noise and networks from public records."""
        if isinstance(self.mechanism, Gaussian) and self.holds and self.train_on == "public":
            ratios = self.labels.ratios(self.classes, self.copies)
            return (1 + advantage(self.mechanism.mu(self.width, self.copies), *ratios)) / 2
        return balanced_accuracy_bound(*self.total)


def balanced_accuracy_bound(e: float, delta: float = 0.0) -> float:
    """(1 + TPR - FPR) / 2 ≤ (e^e + δ) / (1 + e^e)."""
    return min(1.0, (1 + delta * math.exp(-e)) / (1 + math.exp(-e)))


def require_within(budget: float | None, synthesis: Synthesis) -> None:
    """Refuse, by InputError, copies that together spend more than `budget`, the most e allowed a record."""
    if budget is None:
        return
    e = synthesis.total[0]
    if e > budget:
        one = Synthesis(synthesis.mechanism, synthesis.labels, synthesis.width, synthesis.classes).total[0]
        expected = f"within defense.budget={budget:g}: {synthesis.copies} copies spend {e:.4g}, one {one:.4g}"
        raise InputError("defense.copies", synthesis.copies, expected)
