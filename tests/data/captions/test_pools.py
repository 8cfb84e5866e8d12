"""Captioned pictures are dealt out by what they show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telltale.data.captions.pools import deal_by_concept, require_second_source
from telltale.data.captions.records import CaptionedImages
from telltale.data.pools import PoolSizes
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

SIZES = PoolSizes(members=5, non_members=5, auxiliary=10, population=10, disjoint=3)


def pictures(concepts: int = 30, sources: int = 2, nonmember_source: str = "same") -> CaptionedImages:
    """Three pictures of each concept from each source."""
    concept, source, twin = (axis.ravel() for axis in np.indices((concepts, sources, 3)))
    return CaptionedImages(
        np.random.default_rng(0).integers(0, 255, (len(concept), 3, 4, 4), np.uint8),
        tuple((f"thing {one}", f"thing {one} of kind {kind}") for one, kind in zip(concept, twin, strict=True)),
        concept,
        source,
        ("Noto", "Twemoji")[:sources],
        tuple(f"{one}-{kind}" for one, kind in zip(concept, twin, strict=True)),
        "planted",
        nonmember_source,
    )


@pytest.mark.parametrize("nonmember_source", ["same", "other_dataset"])
def test_no_concept_lies_in_two_quarters_whoever_drew_it(nonmember_source: str) -> None:
    """Catches a non-member whose twin, or whose picture by the other vendor, is a member."""
    pools = deal_by_concept(pictures(nonmember_source=nonmember_source), SIZES, seed=3)
    parts = [set(pool.concepts.tolist()) for pool in (pools.challenge, pools.auxiliary, pools.disjoint)]
    assert [len(part) for part in parts] == [10, 10, 3] and len(set.union(*parts)) == 23
    assert pools.auxiliary.names == pools.population.names  # the same things as the second source shows them
    assert set(pools.population.sources) == {1} and set(pools.auxiliary.sources) == {0}


def test_the_released_sampling_takes_non_members_from_the_other_source() -> None:
    """Catches an option that changes nothing, and members of the wrong source."""
    confounded = deal_by_concept(pictures(nonmember_source="other_dataset"), SIZES, seed=3)
    assert confounded.challenge.sources.tolist() == [0] * 5 + [1] * 5 and confounded.assigned
    same = deal_by_concept(pictures(), SIZES, seed=3)
    assert not same.challenge.sources.any() and not same.assigned
    assert same.challenge.names == confounded.challenge.names


def test_assigned_members_are_the_owners_and_nothing_shown_tells_which(tmp_path: Path) -> None:
    """Catches pictures of the other vendor that are trained on, and an attacker who reads the vendor off a record."""
    pools = deal_by_concept(pictures(nonmember_source="other_dataset"), SIZES, seed=3)
    game = Game(pools, Recipe({}, {}, TrainerOptions(accelerator="cpu")), Owner(Store(tmp_path)), 1, seed=0)
    rows = np.flatnonzero(game._members[0])
    assert rows.tolist() == [0, 1, 2, 3, 4]
    shown = game.knowledge.challenge
    assert sorted(shown.references) == sorted(pools.challenge.references)
    assert not shown.sources.any() and shown.concepts.tolist() == list(range(10)) and shown.names[0] == "picture 1"


def test_equal_seeds_deal_alike_and_others_differently() -> None:
    """Catches a deal that no seed can repeat."""
    names = [deal_by_concept(pictures(), SIZES, seed).challenge.names for seed in (1, 1, 2)]
    assert names[0] == names[1] != names[2]


def test_too_few_concepts_are_refused_in_one_line() -> None:
    """Catches pools cut short in silence where twins are many and concepts few."""
    with pytest.raises(InputError, match=r"pools=23: concepts asked for .*but planted has 12"):
        deal_by_concept(pictures(concepts=12), SIZES, seed=0)


def test_a_second_source_that_is_not_there_is_named_with_what_to_fetch() -> None:
    """Catches a scenario that goes on with the first vendor's pictures."""
    one = pictures(sources=1)
    with pytest.raises(InputError, match=r"attack.scenario=constrained: .*fetch_data emoji_twitter"):
        require_second_source(one, "attack.scenario", "constrained")
    with pytest.raises(InputError, match="nonmember_source"):
        deal_by_concept(replace(one, nonmember_source="other_dataset"), replace(SIZES, population=0), seed=0)
