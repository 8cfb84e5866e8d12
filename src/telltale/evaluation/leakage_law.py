"""A law of leakage over many experiments: how well members are told apart, by what the model and its training are.

Each experiment, a cell, has a separation d′ = √2 Φ⁻¹(AUC) with its standard error. Two families of laws:

    power   d′ = level · exp(Σ slope · factor)    nothing to find stays nothing, whatever the factors
    line    d′ = level + Σ slope · factor

level: one for each group of cells, or one for all; factors: logarithms, 0 at a reference. Cells scatter about the law
by more than their errors: τ of its value (power) or τ (line). All functions are over arrays; batches of data sets are
fitted at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from telltale.evaluation.variance import CONFIDENCE, students_quantile

PRIOR = 2.0  # standard deviation of a slope before anything is known: of cells without leakage it is all there is
ROUNDS, HALVINGS = 15, 24


@dataclass(frozen=True)
class Cells:
    """What was measured: separation and its standard error, (cells,); group: (cells,) from 0; factors: (cells, k)."""

    separation: np.ndarray
    error: np.ndarray
    group: np.ndarray
    factors: np.ndarray

    def __len__(self) -> int:
        return len(self.separation)

    def take(self, rows: np.ndarray) -> Cells:
        """Return some of the cells."""
        return Cells(self.separation[rows], self.error[rows], self.group[rows], self.factors[rows])

    def shaped(self, form: Form) -> Cells:
        """Return the cells as a form sees them."""
        group = self.group if form.grouped else np.zeros_like(self.group)
        return replace(self, group=group, factors=self.factors @ form.mixing(self.factors.shape[1]))


@dataclass(frozen=True)
class Form:
    """A form of the law: its name, whether groups have levels of their own, the family, and what each slope goes with.

    slopes: a row for each, the weights of the factors in it; of two factors ((1, -1),) is one slope for their ratio.
    """

    name: str
    grouped: bool
    slopes: tuple[tuple[float, ...], ...]
    family: str = "power"

    def mixing(self, factors: int) -> np.ndarray:
        """Return the (factors, slopes) matrix."""
        return np.array(self.slopes, float).reshape(-1, factors).T


@dataclass(frozen=True)
class Fit:
    """A law fitted to each of a batch of data sets: levels (batch, groups), slopes (batch, k), scatter τ (batch,)."""

    family: str
    levels: np.ndarray
    slopes: np.ndarray
    scatter: np.ndarray

    def at(self, group: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Return the law's separation: (batch, cells)."""
        levels, moved = self.levels[:, group], self.slopes @ factors.T
        law: np.ndarray = levels * np.exp(moved) if self.family == "power" else levels + moved
        return law

    def spread(self, value: np.ndarray) -> np.ndarray:
        """Return by how much a cell departs from the law's `value` (batch, cells), beside its error."""
        return self.scatter[:, None] * (np.abs(value) if self.family == "power" else np.ones_like(value))


def separation(auc: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return d′ and its standard error from AUC and its own; an AUC is taken as at most 1 - 10⁻⁴, at least 10⁻⁴.

    >>> [round(float(x), 3) for x in separation(0.76, 0.01)]
    [0.999, 0.045]
    """
    from scipy.special import ndtri

    quantile = ndtri(np.clip(auc, 1e-4, 1 - 1e-4))
    density = np.exp(-(quantile**2) / 2) / math.sqrt(2 * math.pi)
    return math.sqrt(2) * quantile, math.sqrt(2) * np.asarray(error) / density


def expected_error(auc: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the standard error of an AUC of so many members and as many others, all apart (Hanley & McNeil 1982).

    >>> round(float(expected_error(0.5, 300)), 4)
    0.0236
    """
    area, number = np.asarray(auc, float), np.asarray(members, float)
    more = area / (2 - area) + 2 * area**2 / (1 + area) - 2 * area**2
    root: np.ndarray = np.sqrt((area * (1 - area) + (number - 1) * more) / number**2)
    return root


def steadied(error: np.ndarray, expected: np.ndarray, degrees: float = 2.0, weight: float = 8.0) -> np.ndarray:
    """Draw standard errors of few degrees of freedom towards what is expected, times what they are of it on average.

    error, expected: (cells,). Of three pairs of encoders an error has two degrees: a cell with a small one by luck
    would outweigh all others. error² and ratio² · expected² count as `degrees` and `weight` say; ratio² = mean error² /
    expected².
    """
    ratio = np.mean(error**2 / expected**2)
    root: np.ndarray = np.sqrt((degrees * error**2 + weight * ratio * expected**2) / (degrees + weight))
    return root


def as_auc(separation: np.ndarray) -> np.ndarray:
    """Return the AUC of a separation.

    >>> round(float(as_auc(1.0)), 3)
    0.76
    """
    from scipy.special import ndtr

    area: np.ndarray = ndtr(np.asarray(separation) / math.sqrt(2))
    return area


def fitted(cells: Cells, family: str, values: np.ndarray | None = None, used: np.ndarray | None = None) -> Fit:
    """Fit a law by weighted least squares, the scatter by moments (Paule & Mandel 1982).

    values: (batch, cells) in place of the separations, for bootstraps; used: (batch, cells) bool, for leaving out.
    A group without a cell has level 0. Weights are 1 / (error² + scatter²); τ solves Σ weight · residual² = degrees.
    """
    data = cells.separation[None] if values is None else values
    keep = np.ones_like(data) if used is None else np.asarray(used, float)
    data, keep = np.broadcast_arrays(data, keep)
    groups, slopes = int(cells.group.max()) + 1, cells.factors.shape[1]
    one_hot = np.eye(groups)[cells.group]
    weights = keep / cells.error**2
    counts = weights @ one_hot
    start = np.divide((weights * data) @ one_hot, counts, out=np.zeros_like(counts), where=counts > 0)
    fit = Fit(family, start, np.zeros((len(data), slopes)), np.zeros(len(data)))
    parameters = (keep @ one_hot > 0).sum(1) + slopes
    degrees = np.maximum(keep.sum(1) - parameters, 1)
    for _ in range(ROUNDS):
        value = fit.at(cells.group, cells.factors)
        variance = cells.error**2 + fit.spread(value) ** 2
        fit = _stepped(fit, cells, one_hot, data, keep / variance)
        fit = replace(fit, scatter=_scatter(fit, cells, data, keep, degrees))
    return fit


def _stepped(fit: Fit, cells: Cells, one_hot: np.ndarray, data: np.ndarray, weights: np.ndarray) -> Fit:
    """Take a Gauss-Newton step, halved until the weighted sum of squares does not grow."""
    value = fit.at(cells.group, cells.factors)
    if fit.family == "power":
        growth = np.exp(fit.slopes @ cells.factors.T)
        by_level, by_slope = growth[..., None] * one_hot, value[..., None] * cells.factors
    else:
        by_level = np.broadcast_to(one_hot, (*value.shape, one_hot.shape[1]))
        by_slope = np.broadcast_to(cells.factors, (*value.shape, cells.factors.shape[1]))
    gradient = np.concatenate([by_level, by_slope], 2)
    groups = one_hot.shape[1]
    prior = np.concatenate([np.full(groups, 1e-9), np.full(cells.factors.shape[1], PRIOR**-2)])
    curvature = np.einsum("bcp,bc,bcq->bpq", gradient, weights, gradient, optimize=True) + np.diag(prior)
    pull = np.einsum("bcp,bc->bp", gradient, weights * (data - value))
    pull[:, groups:] -= fit.slopes / PRIOR**2
    step = np.linalg.solve(curvature, pull[..., None])[..., 0]

    def loss(at: Fit) -> np.ndarray:
        squares = weights * (data - at.at(cells.group, cells.factors)) ** 2
        total: np.ndarray = squares.sum(1) + (at.slopes**2).sum(1) / PRIOR**2
        return total

    before, size = loss(fit), np.ones(len(data))
    for _ in range(6):
        moved = replace(
            fit,
            levels=fit.levels + size[:, None] * step[:, :groups],
            slopes=np.clip(fit.slopes + size[:, None] * step[:, groups:], -8, 8),
        )
        worse = ~(loss(moved) <= before * (1 + 1e-9) + 1e-12)
        if not worse.any():
            return moved
        size = np.where(worse, size / 4, size)
    return replace(
        moved,
        levels=np.where(worse[:, None], fit.levels, moved.levels),
        slopes=np.where(worse[:, None], fit.slopes, moved.slopes),
    )


def _scatter(fit: Fit, cells: Cells, data: np.ndarray, keep: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Return τ (batch,) by bisection; 0 where errors alone explain the residuals."""
    value = fit.at(cells.group, cells.factors)
    unit = value**2 if fit.family == "power" else np.ones_like(value)
    squares = keep * (data - value) ** 2
    low, high = np.zeros(len(data)), np.full(len(data), 4.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = (squares / (cells.error**2 + middle[:, None] ** 2 * unit)).sum(1) > degrees
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(high < 1e-6, 0.0, (low + high) / 2)


@dataclass(frozen=True)
class Law:
    """A fitted law with what a bootstrap says of it.

    draws    the same law fitted to worlds in which it holds, cells off it anew by τ and by their own errors
    degrees  of freedom left by the cells
    """

    form: Form
    best: Fit
    draws: Fit
    degrees: int

    @classmethod
    def of(cls, cells: Cells, form: Form, replicates: int = 1000, seed: int = 0) -> Law:
        """Fit it, and anew to worlds drawn from it. ValueError for too few cells."""
        seen = cells.shaped(form)
        degrees = len(cells) - len(np.unique(seen.group)) - seen.factors.shape[1]
        if degrees < 1:
            raise ValueError(f"{len(cells)} cells are too few for the law `{form.name}`")
        rng, best = np.random.default_rng(seed), fitted(seen, form.family)
        value, shape = best.at(seen.group, seen.factors), (replicates, len(cells))
        spread = np.abs(best.spread(value))
        worlds = value + spread * rng.standard_normal(shape) + seen.error * rng.standard_normal(shape)
        return cls(form, best, fitted(seen, form.family, worlds), degrees)

    def slope(self, *places: int) -> tuple[float, float, float]:
        """Return a slope, or the sum of several, with its 95 % interval, Student's: 0 where only their ratio counts."""
        return _interval(self.best.slopes[0, [*places]].sum(), self.draws.slopes[:, [*places]].sum(1), self.degrees)

    def level(self, group: int) -> tuple[float, float, float]:
        """Return a group's level, its separation at the reference, with its 95 % interval, Student's."""
        place = group if self.form.grouped else 0
        return _interval(self.best.levels[0, place], self.draws.levels[:, place], self.degrees)

    def predicted(
        self, group: np.ndarray, factors: np.ndarray, error: np.ndarray | float = 0.0, scattered: bool = True
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the separation at other places, (places,), with the 95 % interval of a further cell there.

        error: of the separation to be measured; scattered: False = the interval of the law itself, not of a cell. All
        places share their draws: what one is told does not hang on the others.
        """
        from scipy.special import stdtrit

        group = np.asarray(group) if self.form.grouped else np.zeros(len(group), int)
        factors = np.atleast_2d(factors) @ self.form.mixing(np.atleast_2d(factors).shape[1])
        value, around = self.best.at(group, factors)[0], self.draws.at(group, factors)
        if scattered:
            student = stdtrit(self.degrees, (np.arange(len(around)) + 0.5) / len(around))  # by its quantiles
            of_cell, of_error = (np.random.default_rng(role).permutation(student)[:, None] for role in (1, 2))
            around = around + self.draws.spread(around) * of_cell + error * of_error
        ends = np.quantile(around, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
        return value, ends[0], ends[1]


def left_out(cells: Cells, form: Form) -> np.ndarray:
    """Predict each cell by the law of all others: (cells,) separations; a group's only cell is predicted to leak 0."""
    seen = cells.shaped(form)
    others = ~np.eye(len(cells), dtype=bool)
    law = fitted(seen, form.family, used=others)
    return np.asarray(np.diagonal(law.at(seen.group, seen.factors)))


def weighted_error(cells: Cells, predicted: np.ndarray) -> float:
    """Return the root mean square error of predicted separations beyond what the cells' own errors explain.

    Never below 0: √max(0, Σ w (r² - error²) / Σ w), w = 1 / (error² + median error²).
    """
    weights = 1 / (cells.error**2 + np.median(cells.error) ** 2)
    beyond = (weights * ((cells.separation - predicted) ** 2 - cells.error**2)).sum() / weights.sum()
    return math.sqrt(max(0.0, float(beyond)))


def covered(cells: Cells, low: np.ndarray, high: np.ndarray) -> int:
    """Count the cells whose separation lies in its interval."""
    return int(((cells.separation >= low) & (cells.separation <= high)).sum())


def _interval(value: float, draws: np.ndarray, degrees: int) -> tuple[float, float, float]:
    reach = students_quantile(degrees) * float(draws.std(ddof=1))
    return float(value), float(value) - reach, float(value) + reach


def chosen(errors: Sequence[float]) -> int:
    """Return the place of the smallest error, the first of equal ones: forms are listed simplest first."""
    return int(np.argmin(np.round(errors, 6)))
