"""Lists that hold different molecules, on one plan: each by its own, and together only what both models judged."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from telltale.data.kept import NOWHERE
from telltale.data.molecules.records import MoleculeRecords
from telltale.evaluation.extraction import score_extraction
from telltale.evaluation.molecule_lists import LISTS_DIFFER, Lists
from telltale.evaluation.statistics import Resampling
from telltale.evidence import ExtractedMolecules

CHAINS = [f"{'C' * length}{end}" for length in range(1, 9) for end in ("O", "N", "F", "Cl")]
TEMPLATES = ["C" * length for length in range(1, 9) for _ in range(4)]


def listed(rows: list[int], seed: int, victims: int = 1, **more: Any) -> ExtractedMolecules:
    rng = np.random.default_rng(seed)
    names, templates = (np.array(texts, object)[rows] for texts in (CHAINS, TEMPLATES))
    scores = rng.normal(size=(victims, len(rows)))
    return ExtractedMolecules(names, templates, scores, rng.random(len(rows)) < 0.7, (3,), k_within_ring=(1,), **more)


def truth() -> Any:
    learned = MoleculeRecords.of(["CCCCO", "CCCCCCCN", "CCF"], "G")
    others = MoleculeRecords.of(["CCCCCO", "CCCCN", "CCl"], "G'")
    return SimpleNamespace(learned=[learned], disjoint=others, beyond=None)


def values(metrics: dict[str, Any]) -> dict[str, float]:
    return {name: estimate.value for name, estimate in metrics.items()}


def test_victims_with_lists_of_their_own_give_the_mean_of_single_lists() -> None:
    """Catches candidates of one victim that are ranked for another, and NaN scores that are ranked at all."""
    both = listed(list(range(32)), 0, victims=2)
    mask = np.random.default_rng(1).random((2, 32)) < 0.7
    hits = np.random.default_rng(2).random((2, 32)) < 0.4
    whole = dataclasses.replace(both, scores=np.where(mask, both.scores, np.nan), listed=mask)
    names = np.unique(both.templates)
    together = values(score_extraction(whole, hits, hits, Resampling.crossed(2, 8, 20, seed=0), names))
    singles = []
    for victim, of in enumerate(mask):
        own = {name: getattr(both, name)[of] for name in ("smiles", "templates", "novel")}
        alone = dataclasses.replace(both, **own, scores=both.scores[[victim]][:, of])
        true = hits[[victim]][:, of]
        singles.append(values(score_extraction(alone, true, true, Resampling.over(8, 20, seed=0), names)))
    for name in ("precision_at_3", "auc", "novel_auc", "base_rate", "precision_at_1_within_ring", "candidates"):
        assert together[name] == pytest.approx(np.mean([single[name] for single in singles])), name


def test_lists_of_different_templates_are_compared_on_one_plan() -> None:
    """Catches a list without some template that is refused, or resampled otherwise than what it is compared with."""
    evidence = {"target": listed([*range(12)], 3), "disjoint": listed([*range(8, 32)], 4)}
    lists = Lists.of(evidence, truth(), True, NOWHERE)
    assert lists.clusters.tolist() == sorted(set(TEMPLATES))
    metrics = lists.metrics(Resampling.over(len(lists.clusters), 50, seed=0))
    difference = metrics["target"]["auc"] - metrics["disjoint"]["auc"]
    assert difference.value == pytest.approx(metrics["target"]["auc"].value - metrics["disjoint"]["auc"].value)
    assert lists.matched["target"].parts.shape == (1, 12) and lists.matched["disjoint"].parts.shape == (1, 24)


def test_models_that_judged_different_molecules_are_not_compared() -> None:
    """Catches scores of two lists that are subtracted place by place."""
    evidence = {"target": listed([*range(12)], 3), "disjoint": listed([*range(1, 13)], 4)}
    lists = Lists.of(evidence, truth(), True, NOWHERE)
    found = lists.memory(Resampling.over(len(lists.clusters), 20, seed=0))
    assert found["discordant_auc"].note == LISTS_DIFFER and np.isnan(found["discordant_auc"].value)


def test_what_both_judged_is_asked_of_the_union() -> None:
    """Catches a question about the target's own list, on which only its own molecules stand."""
    union, seeds = [*range(32)], {"target": 5, "disjoint": 6, "zero_query": 7}
    judged = {name: listed(union, seed) for name, seed in seeds.items()}
    own = {name: dataclasses.replace(listed([*range(3, 9)], 8), common=judged[name]) for name in judged}
    plan = Resampling.over(8, 20, seed=0)
    found = Lists.of(own, truth(), True, NOWHERE).memory(plan)
    expected = Lists.of(judged, truth(), True, NOWHERE).memory(plan)
    assert values(found) == pytest.approx(values(expected)) and found["discordant_auc"].n > 3
