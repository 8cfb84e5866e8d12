"""Quantile regression on held-out records (Bertran, Tang, Roth, Kearns, Morgenstern & Wu, NeurIPS 2023).

A model learns, on records the release never saw, how the signal s is distributed given the record alone. Their
Gaussian variant (section 3.2), by gradient-boosted trees in place of a neural network:

    s | x ~ N(μ(x), σ(x)²),   score(x) = (s(x) − μ(x)) / σ(x)

so that one threshold is the same false-alarm rate for easy and for hard records. μ is fitted to s, then log σ² to the
squared deviations of records that μ was not fitted to (five folds).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.attacks.membership.by_record import ByRecord
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.game.world import Knowledge
from telltale.owner.release import Release

FOLDS = 5
LEAST = 50  # held-out records: ten a fold
FLOOR = 0.1  # of σ against its root mean square: a record cannot be surer than the trees can know


class QuantileRegression(ByRecord):
    """How far a record's signal lies above what the record alone lets expect. See the module.

    signal: logit, as theirs, of class probabilities | log_error, of real values | another of `ByRecord`. On the scale
    of logarithms |e| = σ(x) |ε| is μ(x) plus a deviation that knows nothing of x, which is what is fitted.
    """

    needs_population = True

    def __init__(self, signal: str = "logit") -> None:
        super().__init__(signal)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse, by InputError, records of which nothing but answers is known, and too few held-out ones."""
        super().check(knowledge)
        if any(known_of(records) is None for records in (knowledge.population, knowledge.challenge)):
            raise InputError("scores.features", "null", "quantile regression learns from the records themselves")
        if (number := len(knowledge.population)) < LEAST:
            raise InputError("target.population", number, f"quantile regression learns from {LEAST} records at least")

    def judge(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the standardised signal of each point."""
        points, others = knowledge.challenge, knowledge.population
        signal, held = self.read(release, points), self.read(release, others)
        seed = derive(knowledge.seed, "quantile regression") % 2**32
        inputs, inputs_held = known_of(points), known_of(others)
        assert inputs is not None and inputs_held is not None
        return standardised(signal, inputs, held, inputs_held, seed)


def known_of(records: Any) -> np.ndarray | None:
    """Return records as numbers, features or pixels, then the label: (records, width); None where they are neither."""
    of = getattr(records, "features", getattr(records, "pixels", None))
    if of is None:
        return None
    labels = () if records.labels is None else (records.labels[:, None],)
    return np.concatenate([np.reshape(of, (len(of), -1)), *labels], 1, dtype=np.float32, casting="unsafe")


def standardised(
    signal: np.ndarray, inputs: np.ndarray, held: np.ndarray, held_inputs: np.ndarray, seed: int
) -> np.ndarray:
    """Fit s | x on held-out records and standardise the points' signal: (points,).

    signal, held: (points,) and (others,); inputs: (points, width) and (others, width).
    """
    from sklearn.model_selection import KFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    with threadpool_limits(1):  # so few records are split in no time; threads that wait for each other take minutes
        away = (held - cross_val_predict(_trees(seed), held_inputs, held, cv=folds)) ** 2
        usual = max(float(away.mean()), np.finfo(float).tiny)
        logs = np.log(np.maximum(away / usual, FLOOR**2))
        centre = _trees(seed).fit(held_inputs, held).predict(inputs)
        spread = _trees(seed).fit(held_inputs, logs).predict(inputs)
    return np.asarray((signal - centre) / np.sqrt(usual * np.maximum(np.exp(spread), FLOOR**2)))


def _trees(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=15, min_samples_leaf=10, random_state=seed)
