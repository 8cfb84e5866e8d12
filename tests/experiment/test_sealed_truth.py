"""The attack sees a world, the evaluation the truth, and nothing leads from one to the other."""

from __future__ import annotations

import gc
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from telltale.attacks.molextract.attack import Molextract
from telltale.data.molecules.moses import load
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.pools import Pools, PoolSizes, deal
from telltale.evaluation.membership import score_membership
from telltale.evaluation.statistics import Resampling
from telltale.evidence import ExtractedMolecules, MembershipScores
from telltale.game.game import Game
from telltale.game.world import Knowledge, World
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from telltale.truth import Truth
from telltale.worlds.controls import Untrained
from tests.experiment.worlds import GIN, INFOGRAPH, InitialWeights

PLANTED = {"_target_": "tests.planted.PlantedEncoder"}
REMEMBERS = INFOGRAPH | {"_target_": "tests.planted.PlantedObjective"}


@pytest.fixture(scope="module")
def records() -> MoleculeRecords:
    return load(cache="outputs/cache/molecules").records


@pytest.fixture(scope="module")
def pools(records: MoleculeRecords) -> Pools[MoleculeRecords]:
    sizes = PoolSizes(members=100, non_members=100, auxiliary=120, disjoint=100)
    return deal(records, sizes, seed=3)


def recipe(
    folder: Path, kind: type[Owner] = Owner, model: Any = GIN, objective: Any = INFOGRAPH
) -> tuple[Recipe, Owner]:
    return Recipe(model, objective, TrainerOptions(accelerator="cpu")), kind(Store(folder))


def attack() -> Molextract:
    return Molextract("paper", [10], rings=5, motifs=10, largest_motif=6, cuts=2)


def scores(evidence: ExtractedMolecules) -> list[np.ndarray]:
    assert evidence.membership is not None and evidence.mixing is not None
    return [evidence.scores, evidence.membership.scores, evidence.mixing]


def everything_reachable(start: Any) -> list[Any]:
    """Follow every reference from an object, closures included, but not through classes, modules and globals."""
    seen: dict[int, Any] = {}
    waiting = [start]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType):
            continue
        seen[id(one)] = one
        if isinstance(one, FunctionType):
            waiting += [one.__closure__, one.__defaults__]
        else:
            waiting += gc.get_referents(one)
    return list(seen.values())


@pytest.mark.parametrize("victims", [1, 2])
def test_nothing_in_a_world_leads_to_the_game_or_the_truth(
    pools: Pools[MoleculeRecords], tmp_path: Path, victims: int
) -> None:
    """Catches a reference left for convenience, over any number of steps."""
    game = Game(pools, *recipe(tmp_path), victims, seed=0)
    world = game.world(frozenset({"embeddings"}))
    found = everything_reachable(world)
    assert any(isinstance(one, Knowledge) for one in found) and any(isinstance(one, Release) for one in found)
    assert not [one for one in found if isinstance(one, Game | Truth | Pools)]
    assert not [one for one in found if isinstance(one, np.ndarray) and one.base is game._members]


def test_with_one_victim_no_array_in_the_world_tells_its_members(pools: Pools[MoleculeRecords], tmp_path: Path) -> None:
    """Catches the victim's own row kept among the rows of the shadows, where an attack could read it."""
    game = Game(pools, *recipe(tmp_path), 1, seed=0)
    own = [game._members[0], game._members[0, game._shown], np.flatnonzero(game._members[0])]
    arrays = [one for one in everything_reachable(game.world(frozenset({"embeddings"}))) if isinstance(one, np.ndarray)]
    assert len(arrays) >= 4
    for array in (array for array in arrays if array.size):
        rows = array.reshape(-1, array.shape[-1])
        assert not [row for row in rows for truth in own if np.array_equal(row, truth)]
    assert not [one for one in arrays if one.dtype == bool and one.size]


def test_the_shadows_of_a_victim_are_the_other_victims_and_never_itself(
    pools: Pools[MoleculeRecords], tmp_path: Path
) -> None:
    """Catches a victim or its complement among its own shadows, and rows that belong to another model."""
    game = Game(pools, *recipe(tmp_path, InitialWeights), 5, seed=0)
    world = game.world(frozenset({"embeddings"}))
    for victim, others in enumerate([[2, 3, 4], [2, 3, 4], [0, 1, 4], [0, 1, 4], [0, 1, 2, 3]]):
        releases, rows = world.shadows(victim)
        assert [release.key for release in releases] == [game._releases[other].key for other in others]
        assert np.array_equal(rows, game._members[others][:, game._shown])
        own = game._members[victim, game._shown]
        assert not (rows == own).all(1).any() and not (rows == ~own).all(1).any()
        with pytest.raises(ValueError, match="read-only"):
            rows[0, 0] = True


def test_a_control_replaces_the_victims_and_leaves_the_shadows(pools: Pools[MoleculeRecords], tmp_path: Path) -> None:
    """Catches shadows swapped for models that were not trained on the rows they come with."""
    game = Game(pools, *recipe(tmp_path, InitialWeights), 2, seed=0)
    target, control = game.world(frozenset({"embeddings"})), Untrained().world(game, attack())
    for victim in range(2):
        assert control.releases[victim].key != target.releases[victim].key
        assert [one.key for one in control.shadows(victim)[0]] == [one.key for one in target.shadows(victim)[0]]


def test_a_shadow_costs_no_query_and_a_rival_starts_at_zero(pools: Pools[MoleculeRecords], tmp_path: Path) -> None:
    """Catches an attacker charged for asking its own models, and a rival for the attack's questions."""
    game = Game(pools, *recipe(tmp_path, InitialWeights), 3, seed=0)
    world = game.world(frozenset({"embeddings"}))
    points = world.knowledge.challenge.take(np.arange(7))
    world.shadows(0)[0][0].embeddings(points)
    assert not world.queries
    for _ in range(2):
        world.releases[0].embeddings(points)
    assert (world.queries, game.world(frozenset({"embeddings"})).queries) == ({"embeddings": 14}, {})


@pytest.mark.parametrize("victims", [1, 2])
def test_changing_the_truth_after_training_changes_no_score(
    pools: Pools[MoleculeRecords], tmp_path: Path, victims: int
) -> None:
    """Catches an attack that reads who is a member from anywhere in the game."""
    game = Game(pools, *recipe(tmp_path), victims, seed=0)
    before = scores(attack().run(game.world(attack().access)))
    truth = game.unseal()
    game._members[:] = np.random.default_rng(0).permuted(~game._members, axis=1)
    after = scores(attack().run(game.world(attack().access)))
    assert not np.array_equal(truth.membership, game.unseal().membership)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_flipping_a_victims_row_changes_no_score_of_that_victim(pools: Pools[MoleculeRecords], tmp_path: Path) -> None:
    """Catches a victim's row used against itself; that of another victim may be."""

    def distance_to_shadows(world: World, victim: int) -> np.ndarray:
        releases, rows = world.shadows(victim)
        challenge = world.knowledge.challenge
        return world.releases[victim].embeddings(challenge)[:, 0] + (rows * releases[0].embeddings(challenge)[:, 0])[0]

    game = Game(pools, *recipe(tmp_path, InitialWeights), 4, seed=0)
    before = [distance_to_shadows(game.world(frozenset({"embeddings"})), victim) for victim in range(4)]
    game._members[:2] = ~game._members[:2]  # a victim and its complement
    after = [distance_to_shadows(game.world(frozenset({"embeddings"})), victim) for victim in range(4)]
    np.testing.assert_array_equal(before[:2], after[:2])
    assert not np.array_equal(before[2:], after[2:])


def test_members_and_non_members_are_balanced_over_the_models_and_more_models_change_no_row(
    pools: Pools[MoleculeRecords], tmp_path: Path
) -> None:
    """Catches points that are in more models than others, and shadows that doubling would train anew."""
    few, many = (Game(pools, *recipe(tmp_path, InitialWeights), victims, seed=0)._members for victims in (4, 8))
    assert (many.sum(0) == 4).all() and (many.sum(1) == pools.member_count).all()
    np.testing.assert_array_equal(many[:4], few)


def test_the_challenge_is_in_an_order_that_says_nothing(pools: Pools[MoleculeRecords], tmp_path: Path) -> None:
    """Catches members listed first, or as many as chance would not give among the first half."""
    shares = []
    for seed in range(40):
        game = Game(pools, *recipe(tmp_path), 1, seed)
        order = game._members[0, game._shown]
        shares.append(order[: len(order) // 2].mean())
        assert order.mean() == 0.5
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)


def swapped(game: Game) -> Game:
    other = Game(game.pools, game.recipe, game.owner, game.victims, game.seed)
    other._members[:] = ~game._members
    return other


def membership_auc(evidence: MembershipScores | None, truth: np.ndarray) -> float:
    assert evidence is not None
    return score_membership(evidence, truth, Resampling.over(truth.shape[1], 10, seed=0))["auc"].value


def test_training_on_the_non_members_instead_mirrors_the_result(pools: Pools[MoleculeRecords], tmp_path: Path) -> None:
    """Catches a signal that is a property of the molecules and not of having been trained on."""
    game = Game(pools, *recipe(tmp_path, model=PLANTED, objective=REMEMBERS), 1, seed=0)
    mirrored = swapped(game)
    # `_shown` is drawn from the members: the same points in the same order for both
    mirrored._shown = game._shown
    evidence = attack().run(game.world(attack().access)), attack().run(mirrored.world(attack().access))
    auc, mirrored_auc = (membership_auc(one.membership, game.unseal().membership) for one in evidence)
    assert auc > 0.95 and mirrored_auc < 0.05
    assert membership_auc(evidence[1].membership, mirrored.unseal().membership) > 0.95


def test_exchanging_members_and_non_members_in_the_truth_mirrors_the_area_exactly() -> None:
    """Catches an evaluation that treats the two classes differently."""
    rng = np.random.default_rng(0)
    guesses, members = MembershipScores(rng.normal(size=(1, 80))), rng.random((1, 80)) < 0.5
    assert membership_auc(guesses, members) + membership_auc(guesses, ~members) == pytest.approx(1)


def test_a_release_answers_only_what_the_threat_model_grants(pools: Pools[MoleculeRecords], tmp_path: Path) -> None:
    """Catches weights handed to an attack that declares embeddings."""
    from telltale.errors import AccessDeniedError

    world = Game(pools, *recipe(tmp_path, InitialWeights), 1, seed=0).world(attack().access)
    with pytest.raises(AccessDeniedError, match="weights: this threat model grants embeddings"):
        world.releases[0].weights()
    assert torch.is_grad_enabled()


def test_shadow_models_are_shown_with_their_rows_and_never_attacked(
    tmp_path: Path, pools: Pools[MoleculeRecords]
) -> None:
    """Catches a shadow model that is scored, a victim's row among the shadows', a point missing on one side."""
    game = Game(pools, *recipe(tmp_path, InitialWeights), 2, seed=0, shadow_models=4)
    world, all_six = game.world(frozenset({"embeddings"})), Game(pools, game.recipe, game.owner, 6, seed=0)
    assert len(world.releases) == 2 and len(game.unseal().membership) == 2
    releases, rows = world.shadows(0)
    assert len(releases) == len(rows) == 4  # not the victim, not its complement
    assert np.array_equal(rows, all_six.world(frozenset({"embeddings"})).shadows(0)[1])
    assert not {one.key for one in releases} & {one.key for one in world.releases}
