from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from telltale.evaluation.extraction import discordant, leakage, precision_curve, score_extraction
from telltale.evaluation.frechet import frechet_chemnet_distances
from telltale.evaluation.matching import exactly_in
from telltale.evaluation.memory_gain import novel_discordant
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import ExtractedMolecules


def by_hand() -> tuple[ExtractedMolecules, np.ndarray, np.ndarray]:
    """Six candidates of two templates: hit, miss, hit, hit, miss, miss; the first is not novel."""
    evidence = ExtractedMolecules(
        smiles=np.array(["A", "B", "C", "D", "E", "F"]),
        templates=np.array(["r1", "r2", "r1", "r2", "r1", "r2"]),
        scores=np.array([[6.0, 5, 4, 3, 2, 1]]),
        novel=np.array([False, True, True, True, True, True]),
        k=(1, 2, 4, 6, 50),
        mixing=np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]),
        proposed=10,
        valid=8,
    )
    hits = np.array([[True, False, True, True, False, False]])
    return evidence, hits, np.array([[False, False, True, False, False, False]])


def random_case(
    seed: int, victims: int = 1, n: int = 800, templates: int = 20, signal: float = 0.0
) -> tuple[ExtractedMolecules, np.ndarray]:
    rng = np.random.default_rng(seed)
    hits = rng.random((victims, n)) < 0.4
    evidence = ExtractedMolecules(
        smiles=np.array([f"m{i}" for i in range(n)]),
        templates=np.array([f"ring{i % templates:02d}" for i in range(n)]),
        scores=rng.normal(size=(victims, n)) + signal * hits,
        novel=rng.random(n) < 0.8,
        k=(10, 50),
        mixing=rng.random((victims, n)),
    )
    return evidence, hits


def test_a_case_worked_out_by_hand() -> None:
    evidence, hits, exact = by_hand()
    values = {name: e.value for name, e in score_extraction(evidence, hits, exact, Resampling.over(2, seed=0)).items()}
    expected = {
        "precision_at_1": 1,
        "precision_at_2": 1 / 2,
        "precision_at_4": 3 / 4,
        "precision_at_6": 1 / 2,
        "exact_precision_at_1": 0,
        "exact_precision_at_2": 0,
        "exact_precision_at_4": 1 / 4,
        "exact_precision_at_6": 1 / 6,
        "novel_precision_at_1": 0,
        "novel_precision_at_2": 1 / 2,
        "novel_precision_at_4": 2 / 4,
        "auc": 7 / 9,
        "tpr_at_fpr_0.01": 1 / 3,
        "base_rate": 1 / 2,
        "novel_auc": 4 / 6,
        "novel_tpr_at_fpr_0.01": 0,
        "novel_base_rate": 2 / 5,
        "alpha_mean": 0.35,
        "alpha_iqr": 0.5 - 0.2,
        "alpha_q25": 0.2,
        "alpha_q75": 0.5,
        "validity": 0.8,
        "uniqueness": 6 / 8,
        "candidates": 6,
        "novel_candidates": 5,
    }
    assert values == pytest.approx(expected)


def test_order_of_the_candidates_changes_nothing() -> None:
    evidence, hits = random_case(0, victims=2)
    evidence = dataclasses.replace(evidence, scores=np.round(evidence.scores, 1))  # with ties at every border
    plan, order = Resampling.crossed(2, 20, 50, seed=0), np.random.default_rng(1).permutation(800)
    shuffled = dataclasses.replace(
        evidence,
        smiles=evidence.smiles[order],
        templates=evidence.templates[order],
        scores=evidence.scores[:, order],
        novel=evidence.novel[order],
        mixing=evidence.mixing[:, order],
    )
    before = score_extraction(evidence, hits, hits, plan)
    after = score_extraction(shuffled, hits[:, order], hits[:, order], plan)
    for name, estimate in before.items():
        np.testing.assert_allclose(estimate.replicates, after[name].replicates, atol=1e-6)


def test_several_victims_give_the_mean_of_single_victims() -> None:
    evidence, hits = random_case(0, victims=3, signal=0.5)
    both = score_extraction(evidence, hits, hits, Resampling.crossed(3, 20, 20, seed=0))
    plan, singles = Resampling.over(20, 20, seed=0), []
    for v in range(3):
        one = dataclasses.replace(evidence, scores=evidence.scores[[v]], mixing=evidence.mixing[[v]])
        singles.append(score_extraction(one, hits[[v]], hits[[v]], plan))
    for name in ("auc", "precision_at_50", "novel_auc", "alpha_q25"):
        assert both[name].value == pytest.approx(np.mean([s[name].value for s in singles]))


def test_scores_without_signal_are_at_chance_and_those_with_signal_are_not() -> None:
    plan = Resampling.over(20, seed=0)
    for signal, found in ((0.0, False), (1.0, True)):
        evidence, hits = random_case(3, signal=signal)
        metrics = score_extraction(evidence, hits, hits, plan)
        assert (metrics["novel_auc"].low > 0.5) is found


def test_without_novel_candidates_their_metrics_are_nan_and_not_an_error() -> None:
    evidence, hits, exact = by_hand()
    none_new = dataclasses.replace(evidence, novel=np.zeros(6, dtype=bool))
    metrics = score_extraction(none_new, hits, exact, Resampling.over(2, 20, seed=0))
    assert np.isnan(metrics["novel_auc"].value) and metrics["novel_auc"].n == 0
    assert not any(name.startswith("novel_precision") for name in metrics)


def test_precision_within_rings_is_the_mean_over_rings_large_enough() -> None:
    """Catches lists pooled over rings, and rings of which half or more would be published.

    Ring r1: A hit, C hit, E miss; r2: B miss, D hit, F miss. With F by itself, its ring is too small.
    """
    evidence, hits, exact = by_hand()
    evidence = dataclasses.replace(evidence, k_within_ring=(1, 2), templates=np.array(["r1", "r2"] * 3))
    metrics = score_extraction(evidence, hits, exact, Resampling.over(2, 20, seed=0))
    assert metrics["precision_at_1_within_ring"].value == 1 / 2 and metrics["precision_at_1_within_ring"].n == 2
    assert "precision_at_2_within_ring" not in metrics  # a ring has three candidates
    small = dataclasses.replace(evidence, templates=np.array(["r1", "r2", "r1", "r2", "r1", "r3"]))
    alone = score_extraction(small, hits, exact, Resampling.over(3, 20, seed=0))["precision_at_1_within_ring"]
    assert alone.value == 1 / 2 and alone.n == 2
    found = set(np.round(metrics["precision_at_1_within_ring"].replicates[0], 6))
    assert found == {0, 0.5, 1}  # r2 twice, both, r1 twice


def test_few_misses_are_warned_of_at_low_false_positive_rates() -> None:
    evidence, hits, exact = by_hand()
    metrics = score_extraction(evidence, hits, exact, Resampling.over(2, 20, seed=0))
    assert "fewer than 10" in metrics["tpr_at_fpr_0.01"].note and "fewer than 10" not in metrics["auc"].note


def test_a_plan_over_other_templates_is_refused() -> None:
    evidence, hits, exact = by_hand()
    with pytest.raises(ValueError, match="2 distinct templates, but the plan resamples 3"):
        score_extraction(evidence, hits, exact, Resampling.over(3, seed=0))
    with pytest.raises(ValueError, match="victims, candidates"):
        score_extraction(evidence, hits[0], exact, Resampling.over(2, seed=0))


def test_evidence_that_misses_a_template_pairs_when_told_all_of_them() -> None:
    evidence, hits, exact = by_hand()
    plan, names = Resampling.over(3, 20, seed=0), np.array(["r1", "r2", "r3"])
    assert score_extraction(evidence, hits, exact, plan, names)["auc"].value == pytest.approx(7 / 9)
    with pytest.raises(ValueError, match="not among"):
        score_extraction(evidence, hits, exact, plan, np.array(["r1", "r3", "r4"]))


def test_precision_curve_ends_at_the_base_rate() -> None:
    evidence, hits = random_case(0, signal=1.0)
    curve = precision_curve(evidence, hits, Resampling.over(20, 50, seed=0))
    assert curve.x[-1] == 800 and curve.value[-1] == pytest.approx(hits.mean())
    assert curve.value[0] > curve.value[-1]


# --- candidates that exist in exactly one of the two training sets ---


def two_models(seed: int = 0) -> tuple[ExtractedMolecules, ExtractedMolecules, np.ndarray, np.ndarray]:
    target, hits_g = random_case(seed, signal=0.6)
    other, hits_g_prime = random_case(seed + 1, signal=0.2)
    return target, other, hits_g, hits_g_prime


def test_swapping_models_and_truth_together_changes_nothing() -> None:
    """-d with the classes swapped has the same AUC as d: the measure has no favourite side."""
    target, other, g, g_prime = two_models()
    plan = Resampling.over(20, 100, seed=0)
    one, two = discordant(target, other, g, g_prime, plan), discordant(other, target, g_prime, g, plan)
    assert one.value == pytest.approx(two.value) and one.n == two.n == int((g ^ g_prime).sum())
    np.testing.assert_allclose(one.replicates, two.replicates)


def test_swapping_only_models_or_only_truth_mirrors_the_auc() -> None:
    target, other, g, g_prime = two_models()
    plan = Resampling.over(20, 100, seed=0)
    straight = discordant(target, other, g, g_prime, plan)
    for mirrored in (
        discordant(other, target, g, g_prime, plan),
        discordant(target, other, g_prime, g, plan),
    ):
        assert straight.value + mirrored.value == pytest.approx(1)
    assert straight.low > 0.5


def test_few_discordant_candidates_cannot_tell() -> None:
    target, other, g, _ = two_models()
    almost = g.copy()
    almost[0, :5] ^= True
    plan = Resampling.over(20, 50, seed=0)
    few = discordant(target, other, g, almost, plan)
    assert few.n == 5 and few.note == "cannot tell: 5 discordant candidates, 300 needed"
    assert np.isnan(discordant(target, other, g, np.zeros_like(g), plan).value)


def test_models_that_scored_other_candidates_are_refused() -> None:
    target, other, g, g_prime = two_models()
    renamed = dataclasses.replace(other, smiles=other.smiles[::-1])
    with pytest.raises(ValueError, match="same candidates"):
        discordant(target, renamed, g, g_prime, Resampling.over(20, 10, seed=0))


# --- leakage ---


def test_leakage_is_told_against_the_control_with_the_smallest_lower_end() -> None:
    noise = np.linspace(-0.1, 0.1, 101)
    steady = Estimate(0.8, 0.8 + noise, 50, plan="p")
    controls = {
        "weak": {"auc": Estimate(0.5, np.full(101, 0.5), 50, plan="p")},
        "steady": {"auc": Estimate(0.6, 0.6 + noise, 50, plan="p")},  # paired: the noise cancels, low = 0.2
        "wild": {"auc": Estimate(0.55, 0.55 - 3 * noise, 50, plan="p")},  # smaller value, but uncertain
        "undefined": {"auc": Estimate(float("nan"), np.full(101, np.nan), 0, plan="p")},
        "silent": {},
    }
    found = leakage({"auc": steady}, controls, ["auc", "absent"])
    assert set(found) == {"auc"} and found["auc"].control == "wild"
    assert found["auc"].value == pytest.approx(0.25) and found["auc"].low == pytest.approx(0.25 - 0.38)
    assert set(found["auc"].to_json()) == {"value", "low", "high", "n", "control"}


def test_a_target_compared_with_itself_leaks_exactly_nothing() -> None:
    evidence, hits = random_case(0, signal=1.0)
    metrics = score_extraction(evidence, hits, hits, Resampling.over(20, 50, seed=0))
    found = leakage(metrics, {"same": metrics}, ["auc", "novel_precision_at_50"])
    assert all((e.value, e.low, e.high) == (0, 0, 0) for e in found.values()) and len(found) == 2


def test_whole_molecules_are_recognised_in_any_spelling() -> None:
    """Catches a candidate that is compared as it is written."""
    sets = [np.array(["CCO", "c1ccccc1"]), np.array([], dtype=str)]
    found = exactly_in(np.array(["OCC", "C", "C1=CC=CC=C1"]), sets)
    assert found.tolist() == [[True, False, True], [False] * 3]
    assert exactly_in(np.array([], dtype=str), sets).shape == (2, 0)


def test_frechet_distance_is_zero_for_equal_sets_and_grows() -> None:
    pytest.importorskip("fcd_torch")
    alcohols = ["CCO", "CCCO", "CC(C)O", "CCCCO", "OCCO"]
    rings = ["c1ccccc1", "c1ccncc1", "Cc1ccccc1", "c1ccc2ccccc2c1", "c1ccoc1"]
    same, other = frechet_chemnet_distances([alcohols], alcohols)[0], frechet_chemnet_distances([alcohols], rings)[0]
    assert same is not None and other is not None and same < 0.01 < other
    assert frechet_chemnet_distances([["CCO"]], rings) == [None]


def test_an_interval_of_one_ring_is_not_one_of_no_width() -> None:
    """Catches a small search that grew one ring, and whose precision looks certain."""
    evidence, hits = random_case(0, n=200)
    plan = Resampling.over(20, 50, seed=0)
    for rings, known in ((1, False), (3, True), (20, True)):
        listed = np.isin(evidence.templates, [f"ring{ring:02d}" for ring in range(rings)])[None]
        found = score_extraction(dataclasses.replace(evidence, listed=listed, k=(5,)), hits, hits & False, plan)
        estimate = found["precision_at_5"]
        assert np.isfinite(estimate.value) and np.isfinite(estimate.low) == known
        assert ("cannot tell" in estimate.note) is not known
        assert ("alone, and intervals resample templates" in estimate.note) == (rings < 5)


def test_no_leak_is_read_off_candidates_of_few_rings() -> None:
    """Catches one ring's candidates whose interval has no width, so that a coin's AUC above one half is a leak."""
    evidence, hits = random_case(0, n=8000)
    plan, other = Resampling.over(20, 50, seed=0), dataclasses.replace(evidence, scores=-evidence.scores)
    for rings, known in ((1, False), (3, True), (20, True)):
        few = np.isin(evidence.templates, [f"ring{ring:02d}" for ring in range(rings)])
        inside, outside = hits & few, ~hits & few
        found = (
            discordant(evidence, other, inside, outside, plan),
            novel_discordant(evidence, inside, outside, plan, novel=False),
        )
        for estimate in found:
            assert np.isfinite(estimate.low) == known
            assert estimate.note.startswith("cannot tell: the candidates are of") == (rings < 5)
