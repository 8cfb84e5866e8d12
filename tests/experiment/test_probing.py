"""The linear probe: what it says of features whose AUC is known, its splits, and what it refuses."""

from __future__ import annotations

from statistics import NormalDist
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from telltale.data.kept import NOWHERE
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import InputError
from telltale.game.probing import SPLITS, Probe, measured, probe_auc, probe_of, scaffold_split

CHAINS = ["C" * length + end for length in range(1, 9) for end in ("O", "N")]
CYCLES = ("c1ccccc1", "c1ccncc1", "C1CCCCC1", "c1ccoc1", "c1ccsc1", "C1CCC1", "C1CC1", "C1CCOCC1", "C1CCNC1", "C1CCSC1")
RINGS = [f"{end}{ring}" for ring in CYCLES for end in ("CO", "CN")]


def molecules(smiles: list[str], labels: list[int]) -> MoleculeRecords:
    plain = MoleculeRecords.of(smiles, "made up")
    return MoleculeRecords(plain.smiles, "made up", labels=np.array(labels), classes=("no", "yes"))


def planted(shift: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of which one differs by `shift` between two classes, the labels, and a random half to test on."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=8000)
    features = rng.normal(size=(8000, 12))
    features[:, 3] += shift * labels
    return features, labels, rng.random(8000) < 0.5


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
def test_the_probe_reaches_the_auc_that_is_known(shift: float) -> None:
    """Catches a probe that is tested on what it learned, or scaled by labels: Φ(Δ / √2), at no shift one half."""
    expected = NormalDist().cdf(shift / np.sqrt(2))
    assert probe_auc(*planted(shift, 0)) == pytest.approx(expected, abs=0.03)


def test_permuted_labels_give_one_half_on_both_sides() -> None:
    """Catches a probe that finds what is not there, or turns its answer round where it finds nothing."""
    features, labels, test = planted(1.5, 1)
    rng = np.random.default_rng(2)
    areas = [probe_auc(features[:800], rng.permutation(labels[:800]), test[:800]) for _ in range(30)]
    assert abs(np.mean(areas) - 0.5) < 0.02 and min(areas) < 0.49 and max(areas) > 0.51


def test_units_and_constant_coordinates_change_nothing() -> None:
    """Catches a penalty that depends on an encoder's scale, and a division by a spread of zero."""
    features, labels, test = planted(0.5, 3)
    other = np.concatenate([1000 * features + 7, np.zeros((len(features), 2))], 1)
    assert probe_auc(other, labels, test) == pytest.approx(probe_auc(features, labels, test), abs=1e-6)


def test_no_scaffold_is_on_both_sides_and_large_ones_are_trained_on() -> None:
    """Catches a random split by another name, a test part of another size, and seeds that all split alike."""
    groups = np.repeat(np.arange(60), [30, 25, *[3] * 58])
    splits = [scaffold_split(groups, seed) for seed in range(SPLITS)]
    for test in splits:
        assert not set(groups[test]) & set(groups[~test])
        assert not test[groups < 2].any()
        assert 0.18 < test.mean() <= 0.2
    assert len({test.tobytes() for test in splits}) == SPLITS
    assert np.array_equal(splits[0], scaffold_split(groups, 0))


def test_figures_are_means_over_splits_with_their_interval() -> None:
    """Catches an interval over something else than splits: Student's, with four degrees of freedom."""
    records = molecules(RINGS, [row % 2 for row in range(len(RINGS))])
    embeddings = np.random.default_rng(0).normal(size=(len(records), 3)).astype(np.float32)
    embeddings[:, 0] += records.labels
    splits = np.random.default_rng(1).random((SPLITS, len(records))) < 0.5
    release: Any = SimpleNamespace(restricted=lambda _: SimpleNamespace(embeddings=lambda _: embeddings))
    areas = [probe_auc(embeddings.astype(float), records.labels, test) for test in splits]
    found = measured({"one": Probe("one", records, splits)}, [release])
    assert found["probe_auc_one"] == pytest.approx(np.mean(areas))
    from scipy.stats import t

    low, high = t.interval(0.95, SPLITS - 1, np.mean(areas), np.std(areas, ddof=1) / np.sqrt(SPLITS))
    assert (found["probe_auc_one_low"], found["probe_auc_one_high"]) == pytest.approx((low, high))


def test_a_probe_is_of_two_classes_that_every_part_has() -> None:
    """Catches a traceback from a split with one class, or an AUC of nothing."""
    assert probe_of("x", molecules(RINGS, [row % 2 for row in range(20)]), NOWHERE).splits.shape == (SPLITS, 20)
    with pytest.raises(InputError, match=r"^probes\.x=made up: a probe tells two classes apart, .* have 1$"):
        probe_of("x", molecules(RINGS, [1] * 20), NOWHERE)
    with pytest.raises(InputError, match=r"both classes in every part: scaffold split \d has only no to test on"):
        probe_of("x", molecules(RINGS, [0] * 19 + [1]), NOWHERE)
    with pytest.raises(InputError, match=r"scaffold split 1 has no molecule to test on"):
        probe_of("x", molecules(CHAINS, [row % 2 for row in range(16)]), NOWHERE)
    with pytest.raises(InputError, match=r"molecules as graphs"):
        probe_of("x", SimpleNamespace(source="a table"), NOWHERE)
