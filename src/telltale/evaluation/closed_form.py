"""Worlds whose best attack is known: its ROC curve, to which every attack is held.

Worlds: `gaussian_mean` (a released mean: Homer et al. 2008; Sankararaman et al. 2009) and `canaries` (independent
records). Both are a linear head that takes one full-batch step on softmax cross-entropy, learning rate η, n members
out of a challenge pool of 2n.

The step. Two classes, s = ±1 for the label, p the initial probability of the true class: the gradient of the loss by
the difference W_1 − W_0 is (1/n) Σ_members −s (1 − p) (x, 1) for each of the two rows, 1 standing for the bias. After
the step, with u = s (x, 1), a point's scaled logit φ = s (W_1 − W_0)·(x, 1) is

    φ = φ_0 + (2η/n) Σ_{j member} (1 − p_j) ⟨u, u_j⟩;   from a zero head, p_j = 1/2:  φ = η ⟨u, mean of members' u⟩

What an attack may use: here the optimum is that of attacks that judge each point by the target's answer on that point,
as all attacks of this project do (RMIA also reads answers on points that are nobody's). Answers on all points
together hold more: with d ≥ 2n one could solve φ = U Uᵀ b for the membership b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NODES = 40


@dataclass(frozen=True)
class ScoreLaw:
    """A score that is normal given the point, pooled over points whose weights add up to 1; each (points,).

    mean_in, sd_in    of the score of a point that is a member
    mean_out, sd_out  of one that is not
    weights           of the points
    """

    mean_in: np.ndarray
    sd_in: np.ndarray
    mean_out: np.ndarray
    sd_out: np.ndarray
    weights: np.ndarray

    def auc(self) -> float:
        """P(score of a member > score of a non-member) = E Φ((m_in − m_out) / √(sd_in² + sd_out²)), over pairs."""
        return float(self.weights @ _cdf(self._standardised(-1)) @ self.weights)

    def magnitude_auc(self) -> float:
        """AUC of |score|, for signals that see no label (entropy, largest probability), where sd_in = sd_out.

        |A| > |B| iff A − B and A + B have one sign; they are independent: p q + (1 − p)(1 − q).
        """
        difference, total = _cdf(self._standardised(-1)), _cdf(self._standardised(1))
        return float(self.weights @ (difference * total + (1 - difference) * (1 - total)) @ self.weights)

    def sign_auc(self) -> float:
        """AUC of the decision score > 0 (the gap attack, from φ): (1 + TPR − FPR) / 2."""
        return (1 + self._above(0.0, self.mean_in, self.sd_in) - self._above(0.0, self.mean_out, self.sd_out)) / 2

    def tpr(self, fpr: float) -> float:
        """TPR at the threshold that gives this FPR in (0, 1)."""
        from scipy.optimize import brentq

        reach = 40 * np.max(self.sd_out)
        ends = np.min(self.mean_out) - reach, np.max(self.mean_out) + reach
        threshold = brentq(lambda t: self._above(t, self.mean_out, self.sd_out) - fpr, *ends, xtol=1e-14)
        return self._above(float(threshold), self.mean_in, self.sd_in)

    def _above(self, threshold: float, mean: np.ndarray, sd: np.ndarray) -> float:
        return float(self.weights @ _cdf((mean - threshold) / sd))

    def _standardised(self, sign: int) -> np.ndarray:
        spread = np.sqrt(np.square(self.sd_in)[:, None] + np.square(self.sd_out))
        return (self.mean_in[:, None] + sign * self.mean_out) / spread


def likelihood_ratio(separation: np.ndarray, weights: np.ndarray | None = None) -> ScoreLaw:
    """Law of the best attack, where a point's φ has equal deviations in and out, δ = (μ_in − μ_out) / σ: (points,).

    Neyman & Pearson 1933: log Λ = δ (φ − μ_out)/σ − δ²/2 ~ N(±δ²/2, δ²), pooled over points. One δ for all gives
    TPR = Φ(Φ⁻¹(FPR) + δ) and AUC = Φ(δ/√2); several give AUC = E Φ(√(δ² + δ'²)/2), δ and δ' those of a pair.

    >>> best = likelihood_ratio(np.array([1.3]))
    >>> round(best.auc(), 3), round(best.tpr(fpr=0.01), 3)
    (0.821, 0.152)
    """
    separation = np.asarray(separation, float)
    return ScoreLaw(separation**2 / 2, separation, -(separation**2) / 2, separation, _weights(separation, weights))


def gaussian_mean_separation(member_count: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return δ of `gaussian_mean` to an attacker who knows the pool, over its distribution: nodes and weights.

    Fix the pool's u_1 … u_2n and point i. The other 2n − 1 products g_j = ⟨u_i, u_j⟩ are N(0, |u_i|²), their mean ḡ
    and variance S² (divisor 2n − 2) known. φ_i/η is (|u_i|² + sum of n − 1 of them)/n for a member, else the sum of n
    of them / n, both drawn without replacement, so that (Cochran 1977, theorem 2.2)

        μ_in − μ_out = (|u_i|² − ḡ)/n,      σ²_in = σ²_out = S² (n − 1) / (n (2n − 1))

    About half of |u_i|²/n: the factor 1/2 of a finite population. With ḡ = 0 and S² = |u_i|² for the pool's own
    (both off by a share of 1/√n, which the AUC feels at order 1/n) δ² = |u_i|² (2n − 1)/(n (n − 1)) ≈ 2d/n, where
    |u_i|² − 1 ~ χ²_d. `pool_separation` takes a pool's own. The normal law is that of large n (Hájek 1960).
    """
    squares, weights = _squared_norms(dimensions)
    return np.sqrt(squares * (2 * member_count - 1) / (member_count * (member_count - 1))), weights


def pool_separation(directions: np.ndarray, member_count: int) -> np.ndarray:
    """Return δ of each point of a given pool: directions u (2n, d + 1) -> (2n,), n = member_count; as derived above."""
    products = directions @ directions.T
    squares, others = np.diag(products).copy(), len(products) - 1
    np.fill_diagonal(products, 0.0)
    mean = products.sum(1) / others
    variance = (np.square(products).sum(1) - others * mean**2) / (others - 1)
    return (squares - mean) / member_count / np.sqrt(variance * (member_count - 1) / (member_count * others))


def gaussian_mean_signal(member_count: int, dimensions: int) -> ScoreLaw:
    """Law of φ/η itself in `gaussian_mean`: what one threshold for all points can use.

    To one who does not know the pool, its other points are fresh draws and no finite population helps: given |u|,
    φ/η ~ N(0, |u|²/n) for a non-member and N(|u|²/n, |u|² (n − 1)/n²) for a member; AUC ≈ Φ(√(d/2n)) instead of
    Φ(√(d/n)).
    """
    squares, weights = _squared_norms(dimensions)
    out = np.sqrt(squares / member_count)
    return ScoreLaw(squares / member_count, out * np.sqrt(1 - 1 / member_count), np.zeros_like(out), out, weights)


def gaussian_mean_population(member_count: int, dimensions: int) -> ScoreLaw:
    """Law of the best score of one who knows the population and all answers, but not the pool, in `gaussian_mean`.

    The mean m of the members' u is N(0, I/n), or N(u/n, I (n − 1)/n²) where u is among them, so that
    log Λ = (n/(n − 1)) (⟨u, m⟩ − |u|²/2n − |m|²/2) + const. |m|², the same for all points of a target and for all
    targets up to a share of √(2/d), is left out.
    """
    raw = gaussian_mean_signal(member_count, dimensions)
    half = raw.mean_in / 2
    return ScoreLaw(half, raw.sd_in, -half, raw.sd_out, raw.weights)


def canary_separation(member_count: int, scale: float, learning_rate: float, head_init: float) -> float:
    """Return δ = μ/s of `canaries`: φ_in − φ_out = μ = η a²/n against the initial logit's s = √2 σ a.

    Canary x = a e_i meets no other: φ = s_i (W_1i − W_0i) a is N(0, 2σ²a²) before the step, independent over points
    and unknown to any attacker, since victim and shadows draw their own. The step adds (2η/n)(1 − p) a² to a member's,
    where 2 (1 − p) = 1 − tanh(φ_0/2): μ = ηa²/n, up to a share of φ_0/2. The bias moves all points of a class alike,
    by about η/√(2n), which is η/(2 σ a √n) of s. Both are small where s ≪ 1 and η ≪ σ a √n.
    """
    return learning_rate * scale / (np.sqrt(2) * head_init * member_count)


def with_finite_shadows(separation: np.ndarray, shadows: int, weights: np.ndarray | None = None) -> ScoreLaw:
    """Law of LiRA with a shared, known σ and K shadows a point, half of them with it: what the estimated means cost.

    In units of σ: score D (φ − M), D ~ N(δ, 4/K) the estimated difference of means, M their estimated midpoint,
    off by N(0, 1/K), independent of D. K → ∞ gives `likelihood_ratio`.
    """
    separation = np.asarray(separation, float)
    nodes, masses = np.polynomial.hermite_e.hermegauss(NODES)
    slope = separation[:, None] + nodes * 2 / np.sqrt(shadows)
    half = slope * separation[:, None] / 2
    sd = np.abs(slope) * np.sqrt(1 + 1 / shadows)
    joint = _weights(separation, weights)[:, None] * masses / masses.sum()
    return ScoreLaw(*(part.ravel() for part in (half, sd, -half, sd, joint)))


def one_sided(separation: np.ndarray, shadows: float = np.inf, weights: np.ndarray | None = None) -> ScoreLaw:
    """Law of LiRA offline with a known σ: (φ − μ_out)/σ, μ_out estimated from half of K shadows.

    N(δ, 1 + 2/K) for members, N(0, 1 + 2/K) for others: the best attack where δ is one number for all points.
    """
    separation = np.asarray(separation, float)
    sd = np.full_like(separation, np.sqrt(1 + 2 / shadows))
    return ScoreLaw(separation, sd, np.zeros_like(separation), sd, _weights(separation, weights))


def against_midpoint(separation: np.ndarray, shadows: float = np.inf, weights: np.ndarray | None = None) -> ScoreLaw:
    """Law of φ/σ minus the estimated midpoint of its means in and out: N(±δ/2, 1 + 1/K).

    RMIA online comes to this where logits are small: log p ≈ φ/2 − log 2 is linear in them, and so is the mean p(x).
    """
    separation = np.asarray(separation, float)
    sd = np.full_like(separation, np.sqrt(1 + 1 / shadows))
    return ScoreLaw(separation / 2, sd, -separation / 2, sd, _weights(separation, weights))


def _squared_norms(dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights over |u|² = |x|² + 1, |x|² ~ χ²_d: Gauss-Legendre on its quantiles."""
    from scipy.stats import chi2

    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return chi2.ppf((1 + nodes) / 2, dimensions) + 1, weights / 2


def _weights(separation: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    return np.full(len(separation), 1 / len(separation)) if weights is None else weights


def _cdf(values: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(values)
