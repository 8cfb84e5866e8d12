"""LiRA and RMIA on releases that predict a real value y of a record: shadow models' errors in place of probabilities.

LiRA (Carlini et al., S&P 2022, algorithm 1) asks of its signal only that it is near to normal over models trained
alike. A class has the logit for that; a real value has the signed residual, r = f_θ(x) − y:

    Λ = log N(r; μ_in, σ²_in) − log N(r; μ_out, σ²_out)

An absolute error would fold the two sides of y together and be far from normal.

RMIA (Zarifzadeh, Liu & Shokri, ICML 2024, eqs. 2 and 4) asks for p(x|θ). Of a real value it is the normal density of y
around the prediction, as least squares assumes; σ is the root mean square error of θ over the population:

    p(x|θ) = exp(−r² / 2σ²)

The factor before it is the same for x and z and drops out of ratio(x) / ratio(z). Without it p is at most 1, as the
offline marginal of eq. 10 asks.
"""

from __future__ import annotations

import numpy as np

from telltale.attacks.membership.lira import LiRA
from telltale.attacks.membership.rmia import RMIA
from telltale.game.world import Knowledge
from telltale.owner.release import Release

LEAST = 1e-12  # of a deviation


class ResidualLiRA(LiRA):
    """LiRA whose φ is the signed residual of a real-valued prediction, online. See the module.

    variance, centre: of the residual over shadows, as in `gaussians`.
    """

    access = frozenset({"values"})

    def __init__(self, variance: str = "per_point", centre: str = "mean") -> None:
        super().__init__(True, variance, centre)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the residual of every point: (points, 1)."""
        return residuals(release, knowledge.challenge)[:, None]

    def alone(self, signal: np.ndarray, knowledge: Knowledge) -> np.ndarray:
        """Return minus the absolute error."""
        return -np.abs(signal[:, 0])


class GaussianRMIA(RMIA):
    """RMIA whose p(x|θ) is the normal density of a real value around its prediction. See the module.

    online, gamma: as in `RMIA`.
    """

    access = frozenset({"values"})

    def __init__(self, online: bool = True, gamma: float = 1.0) -> None:
        super().__init__(online, gamma)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return p(·|θ) of all points, then of the population: (points + population,)."""
        held = residuals(release, knowledge.population)
        spread = max(float(np.sqrt(np.mean(held**2))), LEAST)
        both = np.concatenate([residuals(release, knowledge.challenge), held]) / spread
        return np.exp(np.maximum(-(both**2) / 2, -700.0))  # never 0

    def alone(self, signal: np.ndarray, knowledge: Knowledge) -> np.ndarray:
        """Return the points' log p(y|θ)."""
        return np.log(signal[: len(knowledge.challenge)])


def residuals(release: Release, records: object) -> np.ndarray:
    """Return predictions minus true values: (records,)."""
    labels: np.ndarray = records.labels  # type: ignore[attr-defined]
    return release.values(records) - labels  # type: ignore[arg-type]
