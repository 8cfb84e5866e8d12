"""What the released script of M^4I lends its attacker: each rung gives what it says, and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telltale.attacks.m4i.feature import FeatureM4I
from telltale.attacks.m4i.metric import MetricM4I
from telltale.attacks.m4i.probabilities import CaptionPerplexity
from telltale.data.images.records import pixel_digests
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.game.world import Given, Knowledge
from tests.attacks.caption_worlds import Forgetting, game

RUNGS = {
    "nothing": {},
    "non-members": {"shadow_nonmembers": "target"},
    "overlap": {"shadow_nonmembers": "target", "shadow_members": "overlapping"},
    "target": {"shadow_nonmembers": "target", "shadow_members": "target"},
}


def known_to(played: Game, attack: MetricM4I) -> Knowledge:
    return played.knowledge_of(attack.access)


def of(records: object) -> set[bytes]:
    return set() if records is None else set(pixel_digests(records.images).tolist())  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", RUNGS)
def test_the_game_tells_what_a_rung_gives_and_no_more(tmp_path: Path, name: str) -> None:
    """Catches an attacker that is told of points which its rung does not give, or wrongly."""
    played, attack = game(tmp_path), MetricM4I(**RUNGS[name])
    known, truth = known_to(played, attack), played.unseal().membership[0]
    members, others = (of(known.challenge.take(side)) for side in (truth, ~truth))
    assert of(known.given.non_members) == (others if name != "nothing" else set())
    assert of(known.given.members) <= members
    assert len(of(known.given.members)) == (40 if name in ("overlap", "target") else 0)


@pytest.mark.parametrize("name", RUNGS)
def test_a_rung_teaches_by_what_it_says(tmp_path: Path, name: str) -> None:
    """Catches a shadow that learns of the target what it should not, or nothing where it should."""
    played, attack = game(tmp_path), MetricM4I(**RUNGS[name])
    known, truth = known_to(played, attack), played.unseal().membership[0]
    members, others = (of(known.challenge.take(side)) for side in (truth, ~truth))
    data = attack.scenario.data(known)
    learned = of(data.records.take(data.members[0]))
    inside, outside = (data.records.take(data.points[0][data.membership[0] == side]) for side in (True, False))
    shared = {"nothing": 0, "non-members": 0, "overlap": 40, "target": 40}[name]
    assert len(learned & members) == len(of(inside) & members) == shared and not learned & others
    assert len(learned) == (40 if name == "target" else 80) and of(inside) <= learned
    assert len(of(outside) & others) == (0 if name == "nothing" else len(outside)) and len(inside) == len(outside)


@pytest.mark.parametrize("name", RUNGS)
def test_a_run_says_what_the_attacker_was_given(tmp_path: Path, name: str) -> None:
    """Catches a figure that rests on the truth without a word of it."""
    attack = MetricM4I(**RUNGS[name])
    lines = [line for line in attack.notes(known_to(game(tmp_path), attack)) if "given" in line]
    assert len(lines) == len(RUNGS[name])


def test_without_a_rung_other_membership_leaves_all_that_is_known_as_it_is(tmp_path: Path) -> None:
    """Catches truth that leaks to an attacker who is given nothing; and one who is given something sees it change."""
    played = game(tmp_path)
    for name, changes in (("nothing", False), ("non-members", True), ("overlap", True)):
        attack, swapped = MetricM4I(**RUNGS[name]), game(tmp_path)
        swapped._members = ~swapped._members
        before, after = known_to(played, attack), known_to(swapped, attack)
        assert of(before.challenge) == of(after.challenge)
        data, other = attack.scenario.data(before), attack.scenario.data(after)
        assert (of(data.records) != of(other.records)) == changes
        assert np.array_equal(attack.blind(before).scores, attack.blind(after).scores) == (not changes)


def test_the_target_as_its_own_shadow_is_what_the_truth_itself_would_teach(tmp_path: Path) -> None:
    """Catches a last rung that trains a shadow after all, or tells its points apart otherwise than the truth does."""
    played, attack = game(tmp_path), MetricM4I(**RUNGS["target"], decision="threshold")
    world, truth = played.world(attack.access), played.unseal().membership[0]
    data = attack.scenario.data(world.knowledge)
    rows = {digest: row for row, digest in enumerate(pixel_digests(world.knowledge.challenge.images).tolist())}
    asked = [rows[digest] for digest in pixel_digests(data.records.take(data.points[0]).images).tolist()]
    np.testing.assert_array_equal(data.membership[0], truth[asked])
    look = attack.look(world.knowledge, data)
    features = look(world.releases[0], world.knowledge.challenge)
    decision = attack.decide(features[asked], truth[asked], world.knowledge)
    evidence = attack.run(world)
    np.testing.assert_allclose(evidence.scores[0], decision.score(features))
    assert evidence.threshold == decision.threshold


def test_a_detector_that_asks_nothing_is_given_what_the_rung_gives(tmp_path: Path) -> None:
    """Catches a row without a model that knows less than the attack: it would pass the lent truth off as memory."""
    played = game(tmp_path)
    truth = played.unseal().membership[0]
    right = {}
    for name, options in RUNGS.items():
        attack = MetricM4I(**options)
        right[name] = ((attack.blind(known_to(played, attack)).scores[0] >= 0) == truth).mean()
    assert 0.4 < right["nothing"] < 0.6 and right["non-members"] > 0.65


def test_a_captioner_without_memory_is_told_apart_by_what_was_lent_alone(tmp_path: Path) -> None:
    """Catches a null that stays at chance where the decision was taught by the very points it judges."""
    played = game(tmp_path, Forgetting)
    truth = played.unseal().membership[0]
    for name in RUNGS:
        attack = FeatureM4I(**RUNGS[name], epochs=1)
        evidence = attack.run(played.world(attack.access))
        right = ((evidence.scores[0] >= evidence.threshold) == truth).mean()
        assert (right > 0.6) == (name == "target"), (name, right)


def test_what_cannot_be_lent_is_refused_by_name(tmp_path: Path) -> None:
    """Catches several shadows or victims where the one target is meant."""
    for options, field in (
        ({"shadow_members": "all"}, "attack.shadow_members"),
        ({"shadow_nonmembers": "all"}, "attack.shadow_nonmembers"),
        ({"shadow_members": "target", "shadows": 2}, "attack.shadows"),
        ({"shadow_members": "target", "scenario": "data_only"}, "attack.scenario"),
    ):
        with pytest.raises(InputError, match=field):
            MetricM4I(**options)
    with pytest.raises(InputError, match="victims"):
        known_to(game(tmp_path, victims=2), CaptionPerplexity(shadow_nonmembers="target"))  # type: ignore[arg-type]


def test_rivals_of_other_features_are_lent_the_same(tmp_path: Path) -> None:
    """Catches rivals that stand beside an attack and know less than it."""
    attack = MetricM4I(**RUNGS["overlap"])
    assert {rival.access for rival in attack.rivals().values()} == {attack.access}
    known = replace(known_to(game(tmp_path), attack), given=Given())
    assert known.given.members is None
