"""Where there is nothing to find, the intervals say so: scores that do not depend on who was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from telltale.attacks.molextract.attack import Molextract
from telltale.attacks.molextract.candidates import Candidates, VocabularyOptions, enumerate_candidates
from telltale.data.molecules.moses import load
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.pools import Pools, PoolSizes, deal
from telltale.evaluation.extraction import discordant
from telltale.evaluation.membership import score_membership
from telltale.evaluation.score import evaluate
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import ExtractedMolecules, MembershipScores
from telltale.game.game import Game
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from telltale.worlds.controls import Disjoint
from tests.experiment.worlds import GIN, INFOGRAPH, InitialWeights

SEEDS, NEEDED = range(20), 17
SIZES = PoolSizes(members=200, non_members=200, auxiliary=150, disjoint=200)


@pytest.fixture(scope="module")
def records() -> MoleculeRecords:
    return load(cache="outputs/cache/molecules").records


@pytest.fixture(scope="module")
def pools(records: MoleculeRecords) -> Pools[MoleculeRecords]:
    return deal(records, SIZES, seed=1)


def game_of(pools: Pools[MoleculeRecords], folder: Path, seed: int) -> Game:
    recipe = Recipe(GIN, INFOGRAPH, TrainerOptions(accelerator="cpu"))
    return Game(pools, recipe, InitialWeights(Store(folder)), 1, seed)


def covered(estimates: list[Estimate]) -> int:
    return sum(one.low <= 0.5 <= one.high for one in estimates)


def test_membership_of_an_untrained_target_covers_chance(pools: Pools[MoleculeRecords], tmp_path: Path) -> None:
    """Catches intervals that are too narrow, and a challenge whose members differ from its non-members."""
    attack = Molextract("fixed", [5], rings=4, motifs=8, largest_motif=6, cuts=2)
    found = []
    evidence: MembershipScores | None = None
    for seed in SEEDS:
        game = game_of(pools, tmp_path, seed)
        if evidence is None:  # no record plays a part: one release does for all games on these points
            game._shown = np.arange(len(pools.challenge))
            evidence = attack.run(game.world(attack.access)).membership
            assert evidence is not None
        truth = game._members
        found.append(score_membership(evidence, truth, Resampling.over(truth.shape[1], 200, seed=seed))["auc"])
    assert covered(found) >= NEEDED


def contained(candidates: Candidates, molecules: MoleculeRecords) -> np.ndarray:
    """Tell for each candidate which molecules contain it: (candidates, molecules) bool."""
    parsed = [Chem.MolFromSmiles(smiles) for smiles in molecules.smiles]
    queries = [Chem.MolFromSmiles(smiles) for smiles in candidates.smiles]
    return np.array([[molecule.HasSubstructMatch(query) for molecule in parsed] for query in queries])


def test_the_discordant_area_of_scores_without_memory_covers_chance(records: MoleculeRecords) -> None:
    """Catches a preference for G built into the question, and clusters (rings) taken for independent candidates."""
    pools = deal(records, SIZES, seed=2)
    candidates = enumerate_candidates(pools.auxiliary, VocabularyOptions(rings=20, motifs=15, largest_motif=6))
    matrix = contained(candidates, pools.challenge)
    names = candidates.ring_molecules.smiles[candidates.ring]
    found = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        halves = np.array_split(rng.permutation(len(pools.challenge)), 2)
        in_g, in_g_prime = (matrix[:, half].any(1)[None] for half in halves)
        sides = rng.normal(size=len(np.unique(names)))[np.unique(names, return_inverse=True)[1]]  # rings differ
        target, disjoint = (
            ExtractedMolecules(candidates.smiles, names, score[None], ~candidates.in_auxiliary, (10,))
            for score in (sides + rng.normal(size=len(names)), np.zeros(len(names)))
        )
        plan = Resampling.over(len(np.unique(names)), 200, seed=seed)
        found.append(discordant(target, disjoint, in_g, in_g_prime, plan))
    assert covered(found) >= NEEDED


@pytest.mark.slow
def test_the_whole_game_on_untrained_targets_covers_chance(records: MoleculeRecords, tmp_path: Path) -> None:
    """The same for whole games: other pools, candidates, targets and controls for each seed."""
    attack = Molextract("paper", [10], rings=20, motifs=15, largest_motif=6, cuts=4)
    membership, only_in_g, gain = [], [], []
    for seed in SEEDS:
        game = game_of(deal(records, SIZES, seed), tmp_path, seed)
        evidence = {
            "target": attack.run(game.world(attack.access)),
            "disjoint": attack.run(Disjoint().world(game, attack)),
            "zero_query": attack.blind(game.world(attack.access).knowledge),
        }
        metrics = evaluate(evidence, game.unseal(), ("disjoint",), 300, seed).metrics["target"]
        membership.append(metrics["exact_membership_auc"])
        only_in_g.append(metrics["discordant_auc"])
        gain.append(metrics["mirrored_memory_gain_auc"])
    assert covered(membership) >= NEEDED
    assert covered(only_in_g) >= NEEDED
    assert sum(estimate.low <= 0 <= estimate.high for estimate in gain) >= NEEDED
