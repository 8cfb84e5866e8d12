"""Membership from embeddings: it finds what is there, nothing where there is nothing, and never sees the truth."""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem

from telltale.attacks.embedding_membership.attack import VARIANTS, EmbeddingMembership, likeness_to
from telltale.attacks.membership.thresholds import areas
from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import InputError
from telltale.evaluation.membership import score_membership
from telltale.evaluation.statistics import Resampling
from telltale.evidence import MembershipScores
from telltale.game.game import Game
from telltale.owner.release import Release
from telltale.worlds.controls import Disjoint
from tests.attacks.remembering import Remembers, game_of
from tests.experiment.commands import command, read
from tests.experiment.test_next_steps import planned
from tests.training.small import molecules

EMBEDDINGS = frozenset({"embeddings"})
SEEDS, NEEDED = range(10), 8  # of ten 95 % intervals


def attack_named(name: str) -> EmbeddingMembership:
    signal = name.removesuffix("_calibrated")
    return EmbeddingMembership(signal, signal != name)


def area(evidence: MembershipScores, game: Game) -> float:
    return float(areas(evidence.scores.reshape(1, -1), game.unseal().membership.reshape(1, -1))[0])


@pytest.mark.parametrize("name", VARIANTS)
def test_an_encoder_that_remembers_is_found_by_every_signal(name: str, tmp_path: Path) -> None:
    """Catches a signal with a wrong sign, of other molecules than the challenge's, or in another order."""
    game = game_of(tmp_path)
    assert area(attack_named(name).run(game.world(EMBEDDINGS)), game) > 0.8


@pytest.mark.parametrize("name", ["norm", "norm_calibrated", "logistic_calibrated"])
def test_members_that_lie_nearer_than_others_are_found_too(name: str, tmp_path: Path) -> None:
    """Catches a fixed direction: in edge prediction members score lower."""
    game = game_of(tmp_path, inverted=True)
    assert area(attack_named(name).run(game.world(EMBEDDINGS)), game) > 0.8


@pytest.mark.parametrize("members", [60, 40])
@pytest.mark.parametrize("name", ["norm_calibrated", "logistic_calibrated", "part_whole"])
def test_an_encoder_without_memory_covers_chance(name: str, members: int, tmp_path: Path) -> None:
    """Catches shadows whose rows tell the victim's, with complements among the victims and without."""
    covered = 0
    for seed in SEEDS:
        game = game_of(tmp_path, seed=seed, members=members, strength=0.0)
        evidence = attack_named(name).run(game.world(EMBEDDINGS))
        plan = Resampling.crossed(*evidence.scores.shape, 200, seed=seed)
        found = score_membership(evidence, game.unseal().membership, plan)["auc"]
        covered += found.low <= 0.5 <= found.high
    assert covered >= NEEDED


def test_encoders_of_other_records_cover_chance(tmp_path: Path) -> None:
    """Catches an attack that finds its shadows' members in any release it is given."""
    game = game_of(tmp_path)
    attack = attack_named("logistic_calibrated")
    evidence = attack.run(Disjoint().world(game, attack))
    plan = Resampling.crossed(*evidence.scores.shape, 200, seed=0)
    found = score_membership(evidence, game.unseal().membership, plan)["auc"]
    assert found.low <= 0.5 <= found.high


@pytest.mark.parametrize("name", ["norm_calibrated", "logistic_calibrated", "views"])
def test_the_victims_own_row_changes_neither_its_scores_nor_its_threshold(name: str, tmp_path: Path) -> None:
    """Catches an attack that reads the truth of the model it judges; to the other victims the row is a shadow's."""
    game, attack = game_of(tmp_path, strength=1.0), attack_named(name)
    world = game.world(EMBEDDINGS)
    before = attack.run(world)
    game._members[2] = np.random.default_rng(0).permutation(~game._members[2])
    changed = game.world(EMBEDDINGS)
    assert not np.array_equal(changed.shadows(0)[1], world.shadows(0)[1])
    after = attack.run(changed)
    np.testing.assert_array_equal(before.scores[2], after.scores[2])
    assert np.array_equal(before.thresholds(6)[2], after.thresholds(6)[2])


def test_thresholds_are_fixed_on_shadows(tmp_path: Path) -> None:
    """Catches a threshold chosen on the victim's own scores: another victim in its place leaves it as it was."""
    game, attack = game_of(tmp_path), attack_named("norm_calibrated")
    target = attack.run(game.world(EMBEDDINGS))
    control = attack.run(Disjoint().world(game, attack))
    assert not np.array_equal(target.scores, control.scores)
    np.testing.assert_array_equal(target.threshold, control.threshold)
    plan = Resampling.crossed(*target.scores.shape, 10, seed=0)
    assert score_membership(target, game.unseal().membership, plan)["balanced_accuracy"].value > 0.8


def test_scores_of_several_victims_compare_whatever_their_scale(tmp_path: Path) -> None:
    """Catches one victim's large embeddings at the head of the ranking that all victims share."""

    class Large(Remembers):
        def forward(self, batch: MoleculeBatch) -> torch.Tensor:
            return 100 * super().forward(batch)

    world, nothing = game_of(tmp_path).world(EMBEDDINGS), torch.zeros(0, dtype=torch.int64)
    pair = tuple(Release(lambda kind=kind: kind(nothing, 5, 0.0), kind.__name__) for kind in (Remembers, Large))
    scores = attack_named("views").run(world.with_releases((*pair, *world.releases[2:]))).scores
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)
    np.testing.assert_allclose([scores.mean(1), scores.std(1)], [[0] * 6, [1] * 6], atol=1e-9)


def test_each_question_counts_for_whoever_asks_it(tmp_path: Path) -> None:
    """Catches free questions: those of shadows are free, a rival pays for its own world, cached or not."""
    game = game_of(tmp_path)
    attack = EmbeddingMembership("norm", True, rivals=VARIANTS)
    world = game.world(EMBEDDINGS)
    attack.run(world)
    assert world.queries == {"embeddings": 6 * (120 + 60)}
    rivals = attack.rivals()
    assert set(rivals) == set(VARIANTS) - {"norm_calibrated"}
    for name, more in (("norm", 0), ("views", 8 * 120)):
        asked = game.world(EMBEDDINGS)
        rivals[name].run(asked)
        assert asked.queries == {"embeddings": 6 * (120 + 60 + more)}


@pytest.mark.parametrize("victims", [1, 2, 3])
def test_too_few_victims_are_refused_before_anything_is_trained(victims: int, tmp_path: Path) -> None:
    """Catches a calibration by nobody: a victim's complement is no shadow of it."""
    game = game_of(tmp_path, victims=victims)
    with pytest.raises(InputError, match=f"victims={victims}: .* needs at least 2 shadow encoders"):
        attack_named("norm_calibrated").check(game.knowledge)


METALS = [Chem.GetPeriodicTable().GetElementSymbol(number) for number in range(21, 43)]
ATOMS = [f"[{one}].[{other}]" for one, other in combinations_with_replacement(METALS, 2)][:240]  # no bond at all


def test_where_no_molecule_has_a_bond_to_cut_the_rest_of_the_signals_judges(tmp_path: Path) -> None:
    """Catches a traceback after everything is trained, and a signal that is left out without a word."""
    game = game_of(tmp_path, records=MoleculeRecords.of(ATOMS, "atoms"))
    attack = attack_named("logistic_calibrated")
    attack.check(game.knowledge)
    assert area(attack.run(game.world(EMBEDDINGS)), game) > 0.8
    (note,) = attack.notes(game.knowledge)
    assert note.startswith("120 of 120 challenge molecules have no bond to cut; part_whole is left out")
    alone = attack_named("part_whole")
    assert not alone.applies(game.knowledge) and attack_named("views").applies(game.knowledge)
    with pytest.raises(InputError, match=r"^attack\.signal=part_whole: .* none of 120 challenge molecules"):
        alone.check(game.knowledge)


def test_a_plan_leaves_out_rivals_that_find_no_part_and_refuses_an_attack_that_does(tmp_path: Path) -> None:
    """Catches a rival that is trained for and ends in a traceback, and one left out of a run that has parts."""
    (tmp_path / "atoms.smi").write_text("\n".join(ATOMS))
    sizes = [f"pools.{name}=30" for name in ("members", "auxiliary", "test")]
    words = ["attack=embedding_membership", "dataset=smiles", "dataset.cache=null", "controls=none", *sizes]
    rivals = planned(*words, f"dataset.root={tmp_path}/atoms.smi", folder=tmp_path).rivals
    assert set(rivals) == {"norm", "norm_calibrated", "views", "views_calibrated", "logistic"}
    with pytest.raises(InputError, match=r"^attack\.signal=part_whole: .* none of 60 challenge molecules"):
        planned(*words, f"dataset.root={tmp_path}/atoms.smi", "attack.signal=part_whole", folder=tmp_path)
    (tmp_path / "cuts.smi").write_text("\n".join([*ATOMS[:-1], *molecules(200).smiles]))
    rivals = planned(*words, f"dataset.root={tmp_path}/cuts.smi", folder=tmp_path).rivals
    assert {"part_whole", "part_whole_calibrated"} <= set(rivals)


def test_molecules_without_a_bond_to_cut_among_others_are_counted(tmp_path: Path) -> None:
    """Catches medians that stand for a molecule without a word."""
    mixed = MoleculeRecords.of([*molecules(120).smiles, *ATOMS[:120]], "mixed")
    game = game_of(tmp_path, records=mixed)
    bare = sum("].[" in smiles for smiles in game.knowledge.challenge.smiles)
    (note,) = attack_named("logistic").notes(game.knowledge)
    assert note.startswith(f"{bare} of 120 challenge") and note.endswith("they get the medians of the others")
    assert attack_named("part_whole").applies(game.knowledge)


def test_four_victims_are_enough(tmp_path: Path) -> None:
    """Catches the smallest scale refused, where a shadow can be calibrated by its complement only."""
    game = game_of(tmp_path, victims=4)
    attack_named("norm_calibrated").check(game.knowledge)
    assert area(attack_named("norm_calibrated").run(game.world(EMBEDDINGS)), game) > 0.8


def test_the_blind_guess_is_the_likeness_to_the_nearest_auxiliary_molecule() -> None:
    """Catches a blind guess that asks something, and one of other molecules."""
    one, other = (MoleculeRecords.of(smiles, "mine") for smiles in (["CCO", "c1ccccc1CCN"], ["CCCO", "c1ccccc1CCN"]))
    likeness = likeness_to(one, other)
    assert likeness is not None and likeness[1] == 1 and 0 < likeness[0] < 1


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"signal": "nrom"}, "attack.signal"),
        ({"views": 0}, "attack.views"),
        ({"cuts": True}, "attack.cuts"),
        ({"share": 0.0}, "attack.share"),
        ({"ridge": 0.0}, "attack.ridge"),
        ({"rivals": ["norm", "nrom"]}, "attack.rivals"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], field: str) -> None:
    """Catches an option that fails after hours of training."""
    with pytest.raises(InputError) as refused:
        EmbeddingMembership(**options)
    assert refused.value.field == field


def test_the_command_runs_with_its_controls_and_rivals(tmp_path: Path) -> None:
    """Catches a configuration or evidence that the rest of the project cannot take."""
    ended = command(
        *("attack=embedding_membership", "objective=random_labels", "scale=smoke", "logger=none", "trainer=cpu"),
        *("objective.epochs=1", "pools.members=40", "pools.auxiliary=40", "pools.test=10", "evaluation.replicates=50"),
        *("attack.rivals=[norm,views_calibrated]", f"hydra.run.dir={tmp_path}/run", f"paths.store={tmp_path}/store"),
    )
    assert ended.code == 0, ended.err
    document = read(tmp_path / "run" / "metrics.json")
    assert {"auc", "balanced_accuracy"} <= set(document["metrics"])
    assert set(document["controls"]) == {"zero_query", "untrained", "disjoint"}
    assert {"norm", "views_calibrated"} <= set(document["rivals"])
    assert 0 <= document["target"]["training_label_accuracy"] <= 1
