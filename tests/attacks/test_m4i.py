"""M^4I finds planted memory, finds none where there is none, and knows what its scenario grants and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.attacks.m4i.caption_attack import CaptionAttack
from telltale.attacks.m4i.extractor_training import ExtractorOptions, extractor_of
from telltale.attacks.m4i.feature import FeatureM4I
from telltale.attacks.m4i.metric import MetricM4I, caption_features
from telltale.attacks.m4i.scenarios import SCENARIOS, Scenario
from telltale.data.images.records import pixel_digests
from telltale.evaluation.membership import score_membership
from telltale.evaluation.statistics import Resampling
from telltale.evidence import MembershipScores
from telltale.game.game import Game, drawn
from telltale.store.store import Store
from telltale.training.batches import make_batch
from telltale.worlds.controls import Disjoint, ShuffledShadows
from telltale.worlds.word_for_word import WordForWord
from tests.attacks.caption_worlds import Forgetting, flags, game

SMALL: dict[str, Any] = {"width": 16, "epochs": 15, "batch_size": 32, "channels": (8, 16)}


def success(attack: CaptionAttack, played: Game, evidence: MembershipScores | None = None) -> float:
    evidence = evidence or attack.run(played.world(attack.access))
    truth = played.unseal().membership
    return score_membership(evidence, truth, Resampling.over(truth.shape[1], 10, seed=0))["balanced_accuracy"].value


@pytest.mark.parametrize("decision", ["svm_released", "svm_scaled", "threshold"])
@pytest.mark.parametrize("features", ["rouge", "bleu", "both"])
def test_metrics_find_captions_that_are_repeated(tmp_path: Path, features: str, decision: str) -> None:
    """Catches a decision turned around, features of the wrong caption, and points in another order than the scores."""
    assert success(MetricM4I(features=features, decision=decision), game(tmp_path)) > 0.9


@pytest.mark.parametrize("loss", ["mse", "infonce"])
def test_features_find_captions_that_fit_the_picture(tmp_path: Path, loss: str) -> None:
    """Catches an extractor that does not learn, and pairs of a picture with another's caption."""
    assert success(FeatureM4I(loss=loss, **SMALL), game(tmp_path)) > 0.75


@pytest.mark.parametrize("loss", ["mse", "infonce"])
def test_features_are_normalised_by_the_extractor_as_it_is_in_the_end(tmp_path: Path, loss: str) -> None:
    """Catches output norms that remember the start of a short training: all features would be far off."""
    options = ExtractorOptions(loss, width=16, epochs=2, channels=(8, 16))
    pairs = flags(90)
    extractor = extractor_of(pairs, options, 0, Store(tmp_path), "cpu").extractor
    with torch.no_grad():
        features = extractor.image(make_batch(pairs.arrays(), np.arange(len(pairs)))).numpy()
    np.testing.assert_allclose(features.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(features.std(0), 1, atol=0.05)


@pytest.mark.parametrize("attack", [MetricM4I(), FeatureM4I(**SMALL)], ids=["metric", "feature"])
def test_captioners_without_memory_give_chance(tmp_path: Path, attack: CaptionAttack) -> None:
    """Catches membership that reaches an attack on any other way than through the release."""
    found = [success(attack, game(tmp_path, Forgetting, seed=seed)) for seed in range(4)]
    assert abs(np.mean(found) - 0.5) < 0.09  # four standard errors of 640 points, shared concepts left aside


@pytest.mark.parametrize("attack", [MetricM4I(), FeatureM4I(**SMALL)], ids=["metric", "feature"])
def test_permuted_membership_leaves_the_evidence_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: CaptionAttack
) -> None:
    """Catches membership in the points' order, the shadows, the extractor's pairs or a seed: answers alone tell it.

    The same captioners answer in both games, whose members are others.
    """
    played = game(tmp_path, victims=2)
    order = np.random.default_rng(5).permutation(160)
    monkeypatch.setattr("telltale.game.game.drawn", lambda pools, rng: drawn(pools, rng)[order])
    others = game(tmp_path, victims=2)
    assert (played._members != others._members).sum(1).min() > 40
    one, other = (attack.run(each.world_of(played.released(), attack.access)) for each in (played, others))
    np.testing.assert_array_equal(one.scores, other.scores)
    assert one.scores.shape == (2, 160) and one.captions == other.captions
    blind = [attack.blind(each.knowledge_of(attack.access)).scores for each in (played, others)]
    np.testing.assert_array_equal(*blind)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("nonmember_source", ["same", "other_dataset"])
def test_the_extractor_never_sees_a_challenge_point(tmp_path: Path, scenario: str, nonmember_source: str) -> None:
    """Catches pairs of the target's members, or their concepts drawn by the other vendor, among the extractor's."""
    played = game(tmp_path, nonmember_source=nonmember_source)
    pairs = FeatureM4I(scenario, nonmember_source).pairs(played.knowledge)
    points = played.pools.challenge
    assert len(pairs) > 20
    assert not set(pixel_digests(pairs.images).tolist()) & set(pixel_digests(points.images).tolist())
    assert not set(pairs.concepts.tolist()) & set(points.concepts.tolist())
    assert (0 in pairs.sources) == (not Scenario(scenario).other_data)


def test_the_network_learns_from_concepts_that_the_extractor_does_not_know(tmp_path: Path) -> None:
    """Catches shadow pairs that the extractor knows by heart beside target pairs that it has never seen."""
    attack, known = FeatureM4I(nonmember_source="other_dataset"), game(tmp_path).knowledge
    data = attack.scenario.data(known)
    learned = data.records.take(data.points.ravel()).concepts
    assert len(learned) == 160 and not set(learned.tolist()) & set(attack.pairs(known).concepts.tolist())


def test_captions_of_the_points_are_withheld_from_the_feature_based_attack(tmp_path: Path) -> None:
    """Catches an image-only attack that could read the true captions, or the vendor that gives a non-member away."""
    played = game(tmp_path)
    open_, closed = (played.world(one.access).knowledge.challenge for one in (MetricM4I, FeatureM4I))
    assert all(open_.references) and not any(closed.references)
    np.testing.assert_array_equal(closed.images, open_.images)
    assert not closed.sources.any() and closed.concepts.tolist() == list(range(160)) and closed.names[0] == "picture 1"


def test_two_groups_of_non_members_are_not_told_apart(tmp_path: Path) -> None:
    """Catches a null that finds something: the target's members, in front of a model that was trained on others."""
    attack, played = MetricM4I(), game(tmp_path)
    assert abs(success(attack, played, attack.run(Disjoint().world(played, attack))) - 0.5) < 0.16


def test_captions_repeated_word_for_word_are_what_an_attack_can_find_at_most(tmp_path: Path) -> None:
    """Catches a ceiling that says members' captions of others, and one that the attack does not meet as a release."""
    attack, played = MetricM4I(), game(tmp_path, Forgetting)
    releases = WordForWord().releases(played)["word_for_word"]
    world = played.world_of(releases, attack.access)
    told, points = world.releases[0].captions(played.knowledge.challenge), played.knowledge.challenge
    own = np.array([text == texts[0] for text, texts in zip(told, points.references, strict=True)])
    members = played.unseal().membership[0]
    assert own[members].all() and own[~members].mean() < 0.3


MISLED = [(MetricM4I(decision="svm_scaled"), 40), (FeatureM4I(loss="infonce", **SMALL), 12)]


@pytest.mark.parametrize(("attack", "games"), MISLED, ids=["svm", "network"])
def test_shadows_that_are_told_apart_at_random_teach_nothing(tmp_path: Path, attack: CaptionAttack, games: int) -> None:
    """Catches a control that leaves the shadows' membership as it is, and an attack that does not go by what is told.

    Both learn which way a member differs: misled, each game's decision points somewhere, and their mean nowhere.
    """
    found = []
    for seed in range(games):
        played = game(tmp_path, seed=seed)
        found.append(success(attack, played, attack.run(ShuffledShadows().world(played, attack))))
    assert success(attack, played) > 0.85
    assert abs(np.mean(found) - 0.5) < 0.12 and min(found) < 0.4


def test_without_a_model_two_vendors_are_told_apart_and_one_is_not(tmp_path: Path) -> None:
    """Catches a detector too weak to see that non-members come from another data set."""
    for nonmember_source, low, high in (("same", 0.3, 0.7), ("other_dataset", 0.9, 1.0)):
        played = game(tmp_path, nonmember_source=nonmember_source)
        attack = FeatureM4I(nonmember_source=nonmember_source)
        assert low < success(attack, played, attack.blind(played.knowledge_of(attack.access))) <= high


def test_an_empty_caption_has_features_of_zero() -> None:
    """Catches a division by the words of a caption that has none."""
    features = caption_features(["", "red flag"], [["red flag"], ["red flag", "a flag"]], "both", 4)
    assert features.shape == (2, 7) and not features[0].any()
    np.testing.assert_allclose(features[1, :3], [3 / 4, 1 / 2, 3 / 4])


def test_ngrams_may_be_counted_once_as_the_released_package_does() -> None:
    """Catches an option that reaches no metric, and one that the rivals of the same attack do not share."""
    said, true = ["red red red flag"], [["red flag flag flag"]]
    often, once = (caption_features(said, true, "rouge", 3, counting)[0] for counting in ("counts", "sets"))
    np.testing.assert_allclose((often[0], once[0]), (2 * 2 / 8, 2 * 2 / 4))
    assert all(one.counting == "sets" for one in MetricM4I(counting="sets").rivals().values())  # type: ignore[attr-defined]
