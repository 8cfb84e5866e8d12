"""A paper's claims against our runs: the verdict follows from the rule and the interval, from nothing else."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from typing import Any

import numpy as np

from telltale.errors import InputError
from telltale.evaluation.statistics import ratio_or_nan

# (experiment, seed) -> "name/metric" -> (1 + replicates,): the value, then its bootstrap replicates
Results = Mapping[tuple[str, int], Mapping[str, np.ndarray]]


class Verdict(StrEnum):
    """What a claim comes to here."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNKNOWN = "cannot tell at this scale"


@dataclass(frozen=True)
class Quantity:
    """Mean over `experiments` and `metrics` of `of`'s metric, minus that of `minus` where it is given.

    All pairs come from the same run and the same bootstrap replicate.

    metrics             names, or patterns such as precision_at_*
    experiments         of the paper's file
    of, minus           target, a rival or a control
    minus_experiments   subtract the same metric there instead
    relative            divide the difference by what is subtracted
    less                another quantity, subtracted from all this
    """

    metrics: Sequence[str]
    experiments: Sequence[str]
    of: str = "target"
    minus: str | None = None
    minus_experiments: Sequence[str] = ()
    relative: bool = False
    less: Quantity | None = None

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Quantity:
        """Read a quantity, and what is subtracted from it, from its YAML entry. Raises TypeError as a call does."""
        less = cls.read(entry["less"]) if entry.get("less") else None
        return cls(**{**entry, "less": less})


@dataclass(frozen=True)
class Claim:
    """One claim: what the paper says and where, its figure or None, and how we test it.

    text, source    what the paper says, and where
    paper           its figure; None: not available
    quantity        what we measure
    above, below    the bound that the whole interval must pass for the claim to hold; on its other side the claim fails
    controls        names that `quantity` must exceed as well, each by a paired difference above 0
    cannot_tell     why no verdict is possible here, if so
    name            by which other claims require this one
    requires        names of claims that must hold, or this one cannot be told
    """

    text: str
    source: str
    paper: str | None = None
    quantity: Quantity | None = None
    above: float | None = None
    below: float | None = None
    controls: Sequence[str] = ()
    cannot_tell: str | None = None
    name: str | None = None
    requires: Sequence[str] = ()

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Claim:
        """Read a claim from its YAML entry. Raises InputError where fields are missing or unknown."""
        try:
            quantity = Quantity.read(entry["quantity"]) if entry.get("quantity") else None
            if isinstance(entry.get("requires", ()), str):
                raise InputError("claims.requires", entry["requires"], "a list of claims' names")
            claim = cls(**{**entry, "quantity": quantity})
        except TypeError as error:
            raise InputError("claims", entry.get("text", "?"), str(error)) from error
        if claim.quantity is None and not claim.cannot_tell:
            raise InputError("claims", claim.text, "needs a quantity, or cannot_tell with the reason")
        return claim


@dataclass(frozen=True)
class Tested:
    """A claim with what we measured.

    value, low, high  of its quantity, with the 95 % interval
    verdict, reason   what follows, and why where there is more to say
    seeds             runs it rests on
    rows              what the quantity is above each control: value, low, high
    """

    claim: Claim
    value: float
    low: float
    high: float
    verdict: Verdict
    reason: str = ""
    seeds: int = 0
    rows: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


def judge_all(claims: Sequence[Claim], results: Results) -> list[Tested]:
    """Test each claim, then hold back the verdicts whose requirements do not hold. InputError for an unknown one."""
    names = [claim.name for claim in claims if claim.name]
    required = [name for claim in claims for name in claim.requires]
    for field_, wrong, expected in (
        ("name", [name for name in names if names.count(name) > 1], "a name of one claim alone"),
        ("requires", [name for name in required if name not in names], f"one of {names}"),
    ):
        if wrong:
            raise InputError(f"claims.{field_}", wrong[0], expected)
    tested = [judge(claim, results) for claim in claims]
    for _ in claims:  # what is held back holds others back
        named = {test.claim.name: test for test in tested}
        tested = [_held_back(test, [named[name] for name in test.claim.requires]) for test in tested]
    return tested


def judge(claim: Claim, results: Results, seed: int = 0) -> Tested:
    """Test one claim by itself; results that are missing give "cannot tell"."""
    if claim.quantity is None:
        return Tested(claim, np.nan, np.nan, np.nan, Verdict.UNKNOWN, claim.cannot_tell or "")
    seeds = sorted({number for _, number in results}) or [0]
    try:
        main = over_seeds([per_seed(claim.quantity, results, number) for number in seeds], seed)
        beyond = {
            control: over_seeds([per_seed(_versus(claim.quantity, control), results, number) for number in seeds], seed)
            for control in claim.controls
        }
    except KeyError as missing:
        return Tested(claim, np.nan, np.nan, np.nan, Verdict.UNKNOWN, f"no result for {missing.args[0]}")
    value, low, high = interval(main)
    rows = {control: interval(difference) for control, difference in beyond.items()}
    verdict, reason = _verdict(claim, (value, low, high), rows)
    if len(seeds) < 3 and verdict is not Verdict.UNKNOWN:
        verdict, reason = Verdict.UNKNOWN, f"{len(seeds)} seeds, 3 needed"
    return Tested(claim, value, low, high, verdict, reason, len(seeds), rows)


def _held_back(tested: Tested, required: Sequence[Tested]) -> Tested:
    missing = [other for other in required if other.verdict is not Verdict.HOLDS]
    if not missing or tested.verdict is Verdict.UNKNOWN:
        return tested
    what = "; ".join(f"{other.claim.name} ({other.verdict})" for other in missing)
    return replace(tested, verdict=Verdict.UNKNOWN, reason=f"it would be {tested.verdict}, but requires {what}")


def per_seed(quantity: Quantity, results: Results, seed: int) -> np.ndarray:
    """Return one seed's value and replicates, (1 + replicates,); KeyError names what is missing."""

    def mean(experiments: Sequence[str], name: str) -> np.ndarray:
        parts = []
        for experiment, metric in product(experiments, quantity.metrics):
            run = results.get((experiment, seed), {})
            names = fnmatch.filter(run, f"{name}/{metric}")
            if not names:
                raise KeyError(f"{name}/{metric} of {experiment}, seed {seed}")
            parts += [run[matching] for matching in names]
        shortest = min(len(part) for part in parts)
        return np.mean([part[:shortest] if len(part) > 1 else part for part in parts], axis=0)

    value = mean(quantity.experiments, quantity.of)
    if quantity.less is not None:
        return per_seed(replace(quantity, less=None), results, seed) - per_seed(quantity.less, results, seed)
    if quantity.minus is None and not quantity.minus_experiments:
        return value
    other = mean(quantity.minus_experiments or quantity.experiments, quantity.minus or quantity.of)
    return ratio_or_nan(value - other, np.abs(other)) if quantity.relative else value - other


def over_seeds(values: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Average over seeds; each replicate draws seeds with replacement, and for each draw one of its replicates.

    A number that comes without replicates (a distance, say) has the spread between seeds alone: drawing three
    seeds anew would give too short an interval, so its replicates are mean + t s / sqrt(seeds), Student's t.
    """
    rng = np.random.default_rng(seed)
    if all(len(value) == 1 for value in values):
        return _student(np.array([value[0] for value in values]), rng)
    replicates = max(len(value) for value in values) - 1
    drawn = rng.integers(len(values), size=(replicates, len(values)))
    total = np.zeros(replicates)
    for place, value in enumerate(values):
        pool = value[1:] if len(value) > 1 else value
        chosen = pool[rng.integers(len(pool), size=drawn.shape)]
        total += np.where(drawn == place, chosen, 0.0).sum(1)
    return np.concatenate([[np.mean([value[0] for value in values])], total / len(values)])


def _student(values: np.ndarray, rng: np.random.Generator, replicates: int = 100_000) -> np.ndarray:
    if len(values) < 2:
        return np.array([values[0], np.nan])
    error = values.std(ddof=1) / np.sqrt(len(values))
    return np.concatenate([[values.mean()], values.mean() + error * rng.standard_t(len(values) - 1, replicates)])


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return value, low and high of the 95 % percentile interval: (1 + replicates,) -> three numbers."""
    finite = values[1:][np.isfinite(values[1:])]
    if not len(finite):
        return float(values[0]), np.nan, np.nan
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(values[0]), float(low), float(high)


def _versus(quantity: Quantity, control: str) -> Quantity:
    return Quantity(quantity.metrics, quantity.experiments, quantity.of, minus=control)


def _verdict(
    claim: Claim, main: tuple[float, float, float], rows: Mapping[str, tuple[float, float, float]]
) -> tuple[Verdict, str]:
    if claim.cannot_tell:
        return Verdict.UNKNOWN, claim.cannot_tell
    conditions = {f"over {control}": (low, high) for control, (_, low, high) in rows.items()}
    _, low, high = main
    if claim.above is not None:
        conditions[f"above {claim.above}"] = low - claim.above, high - claim.above
    if claim.below is not None:
        conditions[f"below {claim.below}"] = claim.below - high, claim.below - low
    if not conditions or not all(np.isfinite(ends).all() for ends in conditions.values()):
        return Verdict.UNKNOWN, "no interval"
    failed = [name for name, (_, upper) in conditions.items() if upper <= 0]
    if failed:
        return Verdict.FAILS, f"not {', not '.join(failed)}"
    open_ends = [name for name, (lower, _) in conditions.items() if lower <= 0]
    if open_ends:
        return Verdict.UNKNOWN, f"the interval does not decide: {', '.join(open_ends)}"
    return Verdict.HOLDS, ""
