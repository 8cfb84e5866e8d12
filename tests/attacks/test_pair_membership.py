"""Membership in a dual encoder: it finds what is remembered, nothing of strangers, and asks for what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telltale.attacks.embedding_membership.attack import likeness_to, variants_of
from telltale.attacks.embedding_membership.pairs import PairMembership, contrast_of, cosines_of
from telltale.attacks.membership.thresholds import areas
from telltale.data.captions.pools import deal_by_concept
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.vocabulary import vocabulary_of
from telltale.data.images.records import pixel_digests
from telltale.data.pools import PoolSizes
from telltale.defenses.query_limit import QueryLimit
from telltale.errors import AccessDeniedError, InputError
from telltale.evidence import MembershipScores
from telltale.game.game import Game
from telltale.worlds.controls import Disjoint
from tests.training.captions import pictures
from tests.training.pairs import dual_of, paired

ACCESS = PairMembership.access
RECORDS = pictures(200)


def game_of(folder: Path, defenses: tuple = (), epochs: int = 40) -> Game:
    known = vocabulary_of(RECORDS.references, 1).known
    recipe = paired(
        folder, dual_of(channels=[8, 16], width=16, vocabulary=known), defenses, epochs=epochs, batch_size=12
    )
    pools = deal_by_concept(RECORDS, PoolSizes(members=40, non_members=40, auxiliary=40, disjoint=40), 0)
    return Game(pools, recipe.recipe, recipe.owner, victims=4, seed=0)


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Game:
    return game_of(tmp_path_factory.mktemp("store"))


def attack_named(name: str) -> PairMembership:
    signal = name.removesuffix("_calibrated")
    return PairMembership(signal, signal != name)


def area(evidence: MembershipScores, game: Game) -> float:
    return float(areas(evidence.scores.reshape(1, -1), game.unseal().membership.reshape(1, -1))[0])


@pytest.mark.parametrize(
    "name", ["cosine", "cosine_calibrated", "contrast", "contrast_calibrated", "logistic_calibrated"]
)
def test_pairs_learned_by_heart_are_found(name: str, game: Game) -> None:
    """Catches a cosine with another's caption, and a calibration by the victim itself."""
    assert area(attack_named(name).run(game.world(ACCESS)), game) > 0.8


@pytest.mark.parametrize("name", variants_of(PairMembership.signals))
def test_every_signal_gives_a_finite_score_a_point(name: str, game: Game) -> None:
    """Catches captions of unequal number that leave a hole, and a signal that no rival can ask for."""
    evidence = attack_named(name).run(game.world(ACCESS))
    assert evidence.scores.shape == (4, 80) and np.isfinite(evidence.scores).all()


@pytest.mark.parametrize("name", ["cosine_calibrated", "contrast_calibrated"])
def test_encoders_of_other_records_tell_nothing(name: str, game: Game) -> None:
    """Catches an attack that finds its shadows' members in any release it is given."""
    attack = attack_named(name)
    assert abs(area(attack.run(Disjoint().world(game, attack)), game) - 0.5) < 0.15


@pytest.mark.parametrize("name", ["cosine", "cosine_calibrated", "logistic_calibrated"])
def test_who_is_in_a_victim_reaches_no_score_of_it(name: str, game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a victim's own membership among what its shadows are calibrated or taught by."""
    attack = attack_named(name)
    before = attack.run(game.world(ACCESS))
    members = game._members.copy()
    members[2] = np.random.default_rng(0).permutation(members[2])
    monkeypatch.setattr(game, "_members", members)
    after = attack.run(game.world(ACCESS))
    assert not np.array_equal(game.world(ACCESS).shadows(0)[1], members[:2])
    np.testing.assert_array_equal(before.scores[2], after.scores[2])


def test_it_costs_what_it_says(game: Game) -> None:
    """Catches a price that a query limit is planned by and the attack passes."""
    for signal in PairMembership.signals:
        attack, world = PairMembership(signal, False), game.world(ACCESS)
        price = attack.prices(attack._asked(world.knowledge)).sum() * len(world.releases)
        attack.run(world)
        asked = sum(world.queries.values())
        centre = 4 * len(world.knowledge.auxiliary) * (signal in ("norm", "views", "logistic"))
        assert asked == price + centre, signal


def test_a_query_limit_leaves_points_unasked(tmp_path: Path) -> None:
    """Catches a limit that ends in a refusal in the middle of the attack."""
    limited = game_of(tmp_path, (QueryLimit(100),), epochs=1)
    scores = PairMembership("cosine").run(limited.world(ACCESS)).scores
    assert all(len(np.unique(row[60:])) == 1 and len(np.unique(row[:30])) > 10 for row in scores)


def test_the_contrast_takes_captions_off(game: Game) -> None:
    """Catches a caption that is held against its own picture among the others: a shift of captions must fall out."""

    class Shifts:
        """Adds to each cosine what depends on the caption alone."""

        def caption_cosines(self, shown: CaptionedImages, texts: list[str]) -> np.ndarray:
            own = np.array([int.from_bytes(one[:2], "little") for one in pixel_digests(shown.images).tolist()]) / 2**20
            return own + np.array([len(text) for text in texts])

    points = game.knowledge.challenge
    found = contrast_of(Shifts(), points, 0)  # type: ignore[arg-type]
    raw = np.nanmean(cosines_of(Shifts(), points), 1)  # type: ignore[arg-type]
    assert np.ptp(raw) > 1 and np.ptp(found) < 0.2


def test_likeness_is_of_words_in_common() -> None:
    """Catches a blind control that compares a record with itself, or captions in another order."""
    found = likeness_to(RECORDS.take(np.arange(4)), RECORDS.take(np.arange(2, 6)))
    assert found is not None and found.tolist()[2:] == [1.0, 1.0] and (found[:2] < 1).all()


def test_bad_input_and_narrower_threat_models_are_refused(game: Game) -> None:
    """Catches a signal of molecules that captions do not have, and cosines asked of who may not ask."""
    with pytest.raises(InputError, match=r"attack\.signal=part_whole"):
        PairMembership("part_whole")
    with pytest.raises(InputError, match=r"attack\.rivals=part_whole"):
        PairMembership(rivals=["part_whole"])
    release = game.world(ACCESS).releases[0].restricted(frozenset({"embeddings"}))
    with pytest.raises(AccessDeniedError, match="caption_cosines"):
        release.caption_cosines(RECORDS, [texts[0] for texts in RECORDS.references])
