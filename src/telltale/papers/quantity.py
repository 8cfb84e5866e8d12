"""What a claim is about: one number for each seed, made of figures of that seed's runs."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from telltale.papers.results import Measured, Results


@dataclass(frozen=True)
class Quantity:
    """Mean over `experiments` and `metrics` of `of`'s metric, minus that of `minus` where it is given.

    A difference is of the metrics that both have: a list too short for some K is compared at the other K.

    metrics             names, or patterns such as precision_at_*
    experiments         of the paper's file
    of, minus           target, a rival, a control, a variant, or the owner's own success (`owner`)
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

    @property
    def is_difference(self) -> bool:
        """Tell whether something is subtracted."""
        return bool(self.minus or self.minus_experiments or self.less)

    def versus(self, name: str) -> Quantity:
        """Return how much `of` is above `name`, in the same runs."""
        return Quantity(self.metrics, self.experiments, self.of, minus=name)

    def beside(self, experiment: str) -> Quantity:
        """Return how much it is above the same in another experiment."""
        return Quantity(self.metrics, self.experiments, self.of, minus_experiments=[experiment])


def per_seed(quantity: Quantity, results: Results, seed: int, ceiling: Quantity | None = None) -> Measured:
    """Return one seed's number. KeyError names what is missing.

    ceiling: what stands in the place of `of`, so that the number is what a ceiling would reach.
    """
    first = ceiling or quantity
    here = _found(results, seed, first.experiments, first.of, first.metrics)
    if quantity.minus is not None or quantity.minus_experiments:
        places = quantity.minus_experiments or quantity.experiments
        there = _found(results, seed, places, quantity.minus or quantity.of, quantity.metrics)
        if first.metrics == quantity.metrics and places == first.experiments:
            pairs = [_of_both([of], [other]) for of, other in zip(here, there, strict=True)]
            here, there = [of for left, _ in pairs for of in left], [of for _, right in pairs for of in right]
        elif first.metrics == quantity.metrics:
            here, there = _of_both(here, there)
        value, other = _mean(here), _mean(there)
        scale = abs(other.value) if quantity.relative else 1.0
        difference = (value.value - other.value) / scale if scale > 0 else np.nan
        value = Measured(difference, note=_notes([value, other]))
    else:
        value = _mean(here)
    if quantity.less is not None:
        less = per_seed(quantity.less, results, seed)
        value = Measured(value.value - less.value, note=_notes([value, less]))
    return value


def _found(
    results: Results, seed: int, experiments: Sequence[str], name: str, metrics: Sequence[str]
) -> list[dict[str, Measured]]:
    """Return the figures of each experiment, as a run names them; KeyError for a pattern without any."""
    found = []
    for experiment in experiments:
        run, figures = results.get((experiment, seed), {}), dict[str, Measured]()
        for metric in metrics:
            names = fnmatch.filter(run, f"{name}/{metric}")
            if not names:
                raise KeyError(f"{name}/{metric} of {experiment}, seed {seed}")
            figures |= {matching: run[matching] for matching in names}
        found.append(figures)
    return found


def _of_both(
    here: Sequence[Mapping[str, Measured]], there: Sequence[Mapping[str, Measured]]
) -> tuple[list[dict[str, Measured]], list[dict[str, Measured]]]:
    """Keep the metrics that both sides of a difference have in every experiment; KeyError where there is none."""
    shared = set.intersection(*({_metric(name) for name in figures} for figures in [*here, *there]))
    if not shared:
        raise KeyError(f"a metric that both have, of {', '.join(sorted({name for of in here for name in of}))}")
    kept = [[{name: of[name] for name in of if _metric(name) in shared} for of in side] for side in (here, there)]
    return kept[0], kept[1]


def _metric(name: str) -> str:
    return name.rpartition("/")[2]  # what stands before it is one piece of evidence of several, where `of` is a pattern


def _mean(found: Sequence[Mapping[str, Measured]]) -> Measured:
    parts = [figure for figures in found for figure in figures.values()]
    if len(parts) == 1:
        return parts[0]
    return Measured(float(np.mean([part.value for part in parts])), note=_notes(parts))


def _notes(parts: Iterable[Measured]) -> str:
    return "; ".join(dict.fromkeys(part.note for part in parts if part.note))
