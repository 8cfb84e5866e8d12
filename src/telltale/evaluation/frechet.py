"""Fréchet ChemNet distance: how far two sets of molecules lie apart in a trained network's activations."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import rdkit

from telltale.data.kept import NOWHERE, Kept, content_digest
from telltale.evaluation.chemnet import activations_of
from telltale.evaluation.statistics import Estimate
from telltale.evidence import ExtractedMolecules
from telltale.truth import Truth

KIND = "chemnet"  # of entries in the store
WORTH = 2000  # molecules: some 4 s on a core, beside 3 s until another process begins


class Gaussian(NamedTuple):
    """The Gaussian of a set's activations: mean (width,) and a factor R with covariance R'R: (rank, width)."""

    mean: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, activations: np.ndarray) -> Gaussian:
        """Fit it to (molecules, width), two molecules or more."""
        values = activations.astype(np.float64)
        mean = values.mean(axis=0)
        factor: np.ndarray = np.linalg.qr((values - mean) / np.sqrt(len(values) - 1), mode="r")  # type: ignore[assignment]
        return cls(mean, factor)

    def distance(self, other: Gaussian) -> float:
        """|μ - μ'|² + tr(C + C' - 2 sqrt(C C')), whose last trace is the sum of the singular values of R R''.

        >>> unit = Gaussian(np.zeros(2), np.eye(2))
        >>> unit.distance(Gaussian(np.array([3.0, 4.0]), 2 * np.eye(2)))
        27.0
        """
        apart = np.square(self.mean - other.mean).sum()
        spread = np.square(self.factor).sum() + np.square(other.factor).sum()
        common = np.linalg.svd(self.factor @ other.factor.T, compute_uv=False).sum()
        return max(0.0, float(apart + spread - 2 * common))


def distances_to(
    evidence: Mapping[str, ExtractedMolecules], truth: Truth, kept: Kept = NOWHERE
) -> dict[str, dict[str, Estimate]]:
    """Measure each longest published list against the training molecules, by name; nothing where weights are missing.

    The mean over victims, whose lists `evidence` all has.
    """
    longest = {name: max(guess.k) for name, guess in evidence.items()}
    distances: list[list[float | None]] = []
    for victim, records in enumerate(truth.learned):
        lists = [_best(guess, victim, longest[name]) for name, guess in evidence.items()]
        molecules: np.ndarray = records.smiles  # type: ignore[attr-defined]
        distances.append(frechet_chemnet_distances(lists, molecules.tolist(), kept))
    metrics: dict[str, dict[str, Estimate]] = {}
    for name, of_victims in zip(evidence, zip(*distances, strict=True), strict=True):
        known = [distance for distance in of_victims if distance is not None]
        figure = f"fcd_at_{longest[name]}"
        metrics[name] = {figure: Estimate.exact(float(np.mean(known)), longest[name])} if known else {}
    return metrics


def _best(guess: ExtractedMolecules, victim: int, k: int) -> list[str]:
    scores, smiles = (of[guess.listed_for(victim)] for of in (guess.scores[victim], guess.smiles))
    best: list[str] = smiles[np.argsort(-scores, kind="stable")[:k]].tolist()
    return best


def frechet_chemnet_distances(
    lists: Sequence[Sequence[str]], molecules: Sequence[str], kept: Kept = NOWHERE
) -> list[float | None]:
    """Return the distance of each list to the molecules (Preuer et al. 2018, doi 10.1021/acs.jcim.8b00234), 0 if equal.

    None without the optional package `fcd_torch`, or where a set has fewer than two molecules. Distances of sets of
    different size are not comparable: they are biased upwards for small ones. What was computed before is in the store.
    """
    known = [number for number, smiles in enumerate(lists) if len(smiles) > 1]
    distances: list[float | None] = [None] * len(lists)
    if not known or len(molecules) < 2 or importlib.util.find_spec("fcd_torch") is None:
        return distances
    of_molecules = _named(molecules)

    def make() -> dict[str, np.ndarray]:
        goal = Gaussian(**kept.arrays(KIND, of_molecules, lambda: _fitted(molecules), __name__))
        rows = {smiles: row for row, smiles in enumerate(dict.fromkeys(text for k in known for text in lists[k]))}
        activations = activations_of(list(rows))
        of_lists = [Gaussian.of(activations[[rows[text] for text in lists[k]]]) for k in known]
        return {"distances": np.array([of_list.distance(goal) for of_list in of_lists])}

    named = {**of_molecules, "lists": [content_digest(lists[k]) for k in known]}
    found = kept.arrays(KIND, named, make, __name__)["distances"]
    for number, distance in zip(known, found.tolist(), strict=True):
        distances[number] = distance
    return distances


def begin_distances(truth: Truth, kept: Kept) -> None:
    """Have another core begin what distances to the training molecules need."""
    for records in truth.learned if importlib.util.find_spec("fcd_torch") else ():
        molecules = records.smiles.tolist()  # type: ignore[attr-defined]
        if len(molecules) >= WORTH:
            kept.begin(KIND, _named(molecules), partial(_fitted, molecules), __name__)


def _named(molecules: Sequence[str]) -> dict[str, str]:
    packages = {"rdkit": rdkit.__version__, "torch": version("torch"), "fcd_torch": version("fcd_torch")}
    return {**packages, "molecules": content_digest(molecules)}


def _fitted(molecules: Sequence[str]) -> dict[str, np.ndarray]:
    return Gaussian.of(activations_of(molecules))._asdict()
