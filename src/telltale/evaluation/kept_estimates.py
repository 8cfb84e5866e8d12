"""Estimates kept in the store: the bootstraps behind them take longer than the model answers they are about."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from typing import Any

import numpy as np

from telltale.data.kept import Kept, content_digest
from telltale.evaluation.estimate import Estimate
from telltale.evaluation.statistics import Band, Resampling
from telltale.evidence import MembershipScores

KIND = "estimates"  # of entries in the store
Estimates = Mapping[str, Estimate]
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Measured:
    """Who measures guesses against membership, (victims, points), by one plan, each once.

    kept: where what was measured before is found; code: the module whose code measures.
    """

    membership: np.ndarray
    plan: Resampling
    kept: Kept
    code: str

    def estimates(self, what: str, guess: MembershipScores, make: Callable[[], Estimates]) -> dict[str, Estimate]:
        """Return the metrics that `make` returns; what: is measured of the guess."""
        return as_estimates(self._arrays(what, guess, lambda: as_arrays(make())))

    def with_curve(
        self, what: str, guess: MembershipScores, make: Callable[[], tuple[Estimates, Band]]
    ) -> tuple[dict[str, Estimate], Band]:
        """Return the metrics and the curve that `make` returns."""

        def arrays() -> dict[str, np.ndarray]:
            estimates, curve = make()
            return as_arrays(estimates) | {"curve": np.stack([curve.x, curve.value, curve.low, curve.high])}

        found = self._arrays(what, guess, arrays)
        return as_estimates(found), Band(*found["curve"])

    def _arrays(self, what: str, guess: MembershipScores, make: Callable[[], Arrays]) -> dict[str, np.ndarray]:
        document = {
            **{"what": what, "evidence": type(guess).__name__, "guess": _digest_of(guess)},
            **{"membership": content_digest(self.membership), "plan": self.plan.key, "scipy": version("scipy")},
        }
        return self.kept.arrays(KIND, document, make, self.code, __name__)


def as_arrays(estimates: Estimates) -> dict[str, np.ndarray]:
    """Write metrics as arrays: `told`, a text in JSON, and `replicates`, one behind the other."""
    told = {
        name: {"shape": estimate.replicates.shape}
        | {field.name: getattr(estimate, field.name) for field in fields(estimate) if field.name != "replicates"}
        for name, estimate in estimates.items()
    }
    replicates = [np.zeros(0), *(estimate.replicates.ravel() for estimate in estimates.values())]
    return {"told": np.frombuffer(json.dumps(told).encode(), np.uint8), "replicates": np.concatenate(replicates)}


def as_estimates(arrays: Mapping[str, np.ndarray]) -> dict[str, Estimate]:
    """Read what `as_arrays` has written.

    >>> as_estimates(as_arrays({"auc": Estimate(0.6, np.linspace(0.5, 0.7, 1001), n=100)}))
    {'auc': Estimate(0.600 [0.505, 0.695], n=100)}
    """
    told, estimates, at = json.loads(arrays["told"].tobytes()), {}, 0
    for name, of in told.items():
        shape, limits = of.pop("shape"), tuple(of.pop("limits"))
        number = int(np.prod(shape))
        estimates[name] = Estimate(
            replicates=arrays["replicates"][at : at + number].reshape(shape), limits=limits, **of
        )
        at += number
    return estimates


def _digest_of(guess: MembershipScores) -> list[Any]:
    """Name all that a guess says; a number stands for itself."""
    said = [getattr(guess, field.name) for field in fields(guess)]
    parts = [[value] if isinstance(value, np.ndarray) else value for value in said]
    return [content_digest(*part) if isinstance(part, list | tuple) else part for part in parts]
