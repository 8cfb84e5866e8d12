"""What an encoder is still good for: a linear probe on its frozen embeddings, all defences of the release included."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from telltale.data.kept import Kept, content_digest
from telltale.data.molecules.given_molecules import scaffolds
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.owner.release import Release

SPLITS, TEST = 5, 0.2
T_OF_SPLITS = 2.7764451051977987  # 97.5 % quantile of Student's t with SPLITS - 1 degrees of freedom
PROBED = 2  # releases that are probed at most: of a recipe they differ little, and each takes seconds
EMBEDDINGS = frozenset({"embeddings"})


@dataclass(frozen=True, eq=False)
class Probe:
    """A task of two classes, and the splits that a probe of it is measured on.

    records  molecules with their class
    splits   (SPLITS, molecules) bool, the test part of each; the others are trained on
    """

    name: str
    records: MoleculeRecords
    splits: np.ndarray

    def measured(self, releases: Sequence[Release]) -> dict[str, float]:
        """Return the probe's AUC, mean over splits and releases, with the ends of an interval over splits.

        The interval is Student's, mean ± t s / √SPLITS: it says how much the split matters. Splits share molecules,
        so it says nothing of other molecules.
        """
        areas, labels = [], np.asarray(self.records.labels)
        for release in releases:
            embeddings = release.restricted(EMBEDDINGS).embeddings(self.records).astype(np.float64)
            areas.append([probe_auc(embeddings, labels, test) for test in self.splits])
        of_splits = np.mean(areas, 0)
        half = T_OF_SPLITS * of_splits.std(ddof=1) / np.sqrt(len(of_splits))
        mean, name = float(of_splits.mean()), f"probe_auc_{self.name}"
        return {name: mean, f"{name}_low": mean - float(half), f"{name}_high": mean + float(half)}


def probe_of(name: str, records: Any, kept: Kept) -> Probe:
    """Return the probe of a data set, scaffolds found in the store where they are known.

    Raises InputError for what is no molecules of two classes, and for a split with one class in a part.
    """
    field = f"probes.{name}"
    if not isinstance(records, MoleculeRecords):
        raise InputError(field, getattr(records, "source", name), "molecules as graphs, e.g. b3db with view=graph")
    if records.labels is None or len(np.unique(records.labels)) != 2 or len(records.classes) != 2:
        count = 0 if records.labels is None else len(np.unique(records.labels))
        raise InputError(field, records.source, f"a probe tells two classes apart, its molecules have {count}")
    smiles = records.smiles.tolist()
    document = {"molecules": content_digest(smiles)}
    groups = kept.arrays("scaffolds", document, lambda: {"group": groups_of(scaffolds(smiles))}, __name__)["group"]
    splits = np.stack([scaffold_split(groups, seed) for seed in range(SPLITS)])
    for number, test in enumerate(splits, 1):
        for part, rows in (("test", test), ("training", ~test)):
            if len(classes := np.unique(records.labels[rows])) < 2:
                has = f"only {records.classes[classes[0]]}" if len(classes) else "no molecule"
                expected = f"molecules of both classes in every part: scaffold split {number} has {has} to {_use(part)}"
                raise InputError(field, records.source, expected)
    return Probe(name, records, splits)


def _use(part: str) -> str:
    return "test on" if part == "test" else "learn from"


def measured(probes: Mapping[str, Probe], releases: Sequence[Release]) -> dict[str, float]:
    """Measure every probe on the first PROBED releases: name -> AUC, its interval under `…_low` and `…_high`."""
    figures: dict[str, float] = {}
    for probe in probes.values():
        figures |= probe.measured(releases[:PROBED])
    return figures


def groups_of(texts: Sequence[str]) -> np.ndarray:
    """Number equal texts alike: (n,) int64; molecules without a ring have one scaffold, as in MoleculeNet."""
    return np.unique(np.asarray(texts, object).astype(str), return_inverse=True)[1].reshape(-1)


def scaffold_split(groups: np.ndarray, seed: int) -> np.ndarray:
    """Choose the test part, a fifth of the molecules: (molecules,) bool. No scaffold is in both parts.

    As MoleculeNet's split, which is one alone, large scaffolds are trained on: here those that have more than half of
    the test part's size. The others come in an order drawn by the seed, as many as fit.
    """
    size = round(TEST * len(groups))
    counts = np.bincount(groups)
    order = generator(seed, "scaffold split").permutation(len(counts))
    chosen, taken = np.zeros(len(counts), bool), 0
    for group in order:
        if 0 < counts[group] <= size / 2 and taken + counts[group] <= size:
            chosen[group], taken = True, taken + int(counts[group])
    return chosen[groups]


def probe_auc(embeddings: np.ndarray, labels: np.ndarray, test: np.ndarray) -> float:
    """Return the AUC on the test part of a logistic regression (L2, C = 1) trained on the others.

    embeddings (molecules, width), in units of the training part's spread; labels (molecules,) 0 and 1; test
    (molecules,) bool. One half = the embeddings say nothing, by a straight line.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    learned = embeddings[~test]
    spread = learned.std(0)
    scaled = (embeddings - learned.mean(0)) / np.where(spread > 0, spread, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a last digit that has not converged moves no rank that matters
        model = LogisticRegression(max_iter=300).fit(scaled[~test], labels[~test])
    return float(roc_auc_score(labels[test], scaled[test] @ model.coef_[0]))
