"""Noise, top k and rounding: what they show is a distribution, and no more than they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telltale.defenses.output_noise import OutputNoise, gaussian
from telltale.defenses.rounding import Rounding, rounded
from telltale.defenses.top_dimensions import TopDimensions
from telltale.defenses.top_k_only import TopKOnly, top_k
from telltale.owner.defense import Defense
from tests.defenses.recipes import RECORDS, alone, fleet, recipe_of

DEFENSES = [OutputNoise(1.0), TopKOnly(2), Rounding(1)]
KEYS = np.random.default_rng(0).integers(-(2**62), 2**62, 20_000)


def test_noise_is_standard_normal_and_independent_between_classes() -> None:
    """Catches one draw for all classes, a half-normal, and a scale that is off."""
    from scipy.stats import kstest

    noise = gaussian(KEYS, 3)
    assert all(kstest(column, "norm").pvalue > 1e-3 for column in noise.T)
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.03
    assert np.abs(noise).max() < 5.5


def test_noise_on_log_probabilities_has_the_given_deviation() -> None:
    """Catches noise on probabilities, and noise that the normalisation takes out: a log-ratio has σ √2."""
    asked = np.tile([0.7, 0.2, 0.1], (len(KEYS), 1))
    shown = OutputNoise(0.5).answer("probabilities", asked, KEYS)
    ratio = np.log(shown[:, 0] / shown[:, 1])
    assert ratio.mean() == pytest.approx(np.log(3.5), abs=0.02)
    assert ratio.std() == pytest.approx(0.5 * np.sqrt(2), rel=0.03)
    np.testing.assert_allclose(shown.sum(1), 1)


def test_noise_on_embeddings_is_in_units_of_each_embedding() -> None:
    """Catches one unit for all, which depends on what else was asked for."""
    values = np.random.default_rng(1).normal(size=(2000, 16)).astype(np.float32) * np.linspace(1, 100, 2000)[:, None]
    values = values.astype(np.float32)
    added = OutputNoise(0.3).answer("embeddings", values, KEYS[:2000]) - values
    unit = np.sqrt((values**2).mean(1))
    assert added.dtype == np.float32
    assert (added / unit[:, None]).std() == pytest.approx(0.3, rel=0.03)
    few = OutputNoise(0.3).answer("embeddings", values[:5], KEYS[:5]) - values[:5]
    assert np.array_equal(few, added[:5])


def test_asking_again_or_among_others_gives_the_same_noise(tmp_path: Path) -> None:
    """Catches noise that averages away."""
    release = alone(recipe_of(tmp_path, OutputNoise(1.0)))
    shown = release.probabilities(RECORDS)
    other = alone(recipe_of(tmp_path, OutputNoise(1.0)))  # found in the store, another object
    assert np.array_equal(other.probabilities(RECORDS), shown)
    some = np.array([7, 3, 300])
    np.testing.assert_allclose(other.probabilities(RECORDS.take(some)), shown[some], rtol=1e-5)


def test_two_models_share_no_noise(tmp_path: Path) -> None:
    """Catches keys without the release's own: the difference of two models would be free of noise."""
    plain, noisy = fleet(recipe_of(tmp_path)), fleet(recipe_of(tmp_path, OutputNoise(1.0)))
    noise = []
    for before, after in zip(plain, noisy, strict=True):
        assert before.key == after.key
        log_ratio = np.log(after.probabilities(RECORDS)) - np.log(before.probabilities(RECORDS))
        noise.append((log_ratio - log_ratio.mean(1, keepdims=True)).ravel())
    assert np.abs(np.corrcoef(noise) - np.eye(len(noise))).max() < 0.08


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9])
def test_top_k_shows_the_k_largest_and_shares_the_rest(k: int) -> None:
    """Catches a rest that is dropped, and fewer classes than k; compared with a loop over the records."""
    asked = np.random.default_rng(k).dirichlet(np.ones(4) / 2, 50)
    for row, shown in zip(asked, top_k(asked, k), strict=True):
        largest = sorted(range(4), key=lambda c: -row[c])[:k]
        rest = [c for c in range(4) if c not in largest]
        assert np.array_equal(shown[largest], row[largest])
        assert len(set(shown[rest])) <= 1 and shown.sum() == pytest.approx(1)
    assert np.array_equal(top_k(asked, k).argmax(1), asked.argmax(1))


def test_the_largest_coordinates_stay_whatever_their_sign() -> None:
    """Catches the largest in place of those farthest from zero, and a coordinate of all records at once."""
    asked = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    shown = TopDimensions(3).answer("embeddings", asked, KEYS[:50])
    for row, kept in zip(asked, shown, strict=True):
        farthest = sorted(range(8), key=lambda c: -abs(row[c]))[:3]
        assert np.flatnonzero(kept).tolist() == sorted(farthest) and np.array_equal(kept[farthest], row[farthest])
    assert shown.dtype == np.float32 and np.array_equal(TopDimensions(8).answer("embeddings", asked, KEYS[:50]), asked)


def test_noise_drawn_anew_averages_away_and_that_of_the_record_does_not() -> None:
    """Catches noise that an attacker takes out by asking again: of 100 fresh draws a tenth is left, of ours all."""
    asked = np.random.default_rng(0).normal(size=(500, 16))
    unit = np.sqrt(np.square(asked).mean(1, keepdims=True))

    def left(answers: list[np.ndarray]) -> float:
        return float(((np.mean(answers, 0) - asked) / unit).std())

    noise = OutputNoise(0.5)
    assert left([noise.answer("embeddings", asked, KEYS[:500]) for _ in range(100)]) == pytest.approx(0.5, rel=0.03)
    anew = [noise.answer("embeddings", asked, KEYS[500 * (k % 40) : 500 * (k % 40) + 500] + k) for k in range(100)]
    assert left(anew) == pytest.approx(0.05, rel=0.05)


def test_of_equal_probabilities_exactly_k_are_shown() -> None:
    """Catches a threshold in the place of a count."""
    np.testing.assert_allclose(top_k(np.array([[0.4, 0.3, 0.3, 0.0]]), 2), [[0.4, 0.3, 0.15, 0.15]])


def test_rounded_answers_are_distributions_also_where_all_is_rounded_away() -> None:
    """Catches a division by zero and answers that do not sum to one."""
    asked = np.array([[0.74, 0.17, 0.09], [0.34, 0.33, 0.33]])
    np.testing.assert_allclose(rounded(asked, 1), [[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(rounded(np.array([[0.4, 0.3, 0.3]]), 0), [[1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(rounded(np.array([[0.98, 0.02]]), 1), [[1.0, 0.0]])
    assert np.array_equal(Rounding(1).answer("embeddings", np.array([[0.25, -1.36]]), KEYS[:1]), [[0.2, -1.4]])


@pytest.mark.parametrize("defense", DEFENSES, ids=lambda one: type(one).__name__)
def test_labels_are_the_largest_of_defended_probabilities_and_other_calls_pass(
    defense: Defense, tmp_path: Path
) -> None:
    """Catches a label that tells what the probabilities hide, and captions that are rounded."""
    release = alone(recipe_of(tmp_path, defense))
    labels, shown = release.labels(RECORDS), release.probabilities(RECORDS)
    if not isinstance(defense, OutputNoise):  # whose labels have a draw of their own
        assert np.array_equal(labels, shown.argmax(1))
    else:
        plain = alone(recipe_of(tmp_path)).labels(RECORDS)
        assert 0.02 < (labels != plain).mean() < 0.9
    texts = np.array(["a house"])
    assert defense.answer("captions", texts, KEYS[:1]) is texts


@pytest.mark.parametrize("defense", [TopKOnly(1), Rounding(1), OutputNoise(0.2)], ids=lambda one: type(one).__name__)
def test_the_owner_keeps_most_of_the_accuracy(defense: Defense, tmp_path: Path) -> None:
    """Catches a defence that answers noise only."""
    options = {"epochs": 20, "learning_rate": 0.1}
    plain, shown = (alone(recipe_of(tmp_path, *defenses, **options)) for defenses in ((), (defense,)))
    before, after = ((one.labels(RECORDS) == RECORDS.labels).mean() for one in (plain, shown))
    assert before > 0.7 and after > before - 0.05
