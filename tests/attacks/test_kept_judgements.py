"""Answers that were judged before are not judged again, and nothing else serves in their place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.attacks.membership.panels import Panels
from telltale.attacks.membership.shadow_classifier import ShadowClassifier
from telltale.attacks.membership.vector_lira import VectorLiRA
from telltale.game.world import World
from telltale.owner.owner import Owner
from telltale.store.store import Store
from tests.attacks.transfer_worlds import FineTuned, made_up

judged: list[str] = []


class Watched(VectorLiRA):
    """LiRA that tells when it judges."""

    __module__ = VectorLiRA.__module__  # judgements of attacks from elsewhere are not kept

    def scores_of_panels(self, panels: Panels) -> np.ndarray:
        judged.append(type(self).__name__)
        return super().scores_of_panels(panels)


class Renamed(Watched):
    """The same under another name."""

    __module__ = VectorLiRA.__module__


class Elsewhere(Watched):
    """The same, as a user's file has it."""

    __module__ = __name__


def kept_in(folder: Path, world: World) -> World:
    return world.with_owner(Owner(Store(folder)))


def times_judged(attack: VectorLiRA, world: World) -> int:
    judged.clear()
    attack.run(world)
    return len(judged)


def test_equal_answers_are_judged_once(tmp_path: Path) -> None:
    """Catches a rerun that judges again, that asks nothing any more, or that says something else."""
    world = made_up(victims=2, models=16, points=20).world
    alone = Watched().run(world)
    first, queries = Watched().run(kept_in(tmp_path, world)), dict(world.queries)
    assert times_judged(Watched(), kept_in(tmp_path, world)) == 0
    again = Watched().run(kept_in(tmp_path, world))
    for evidence in (first, again):
        np.testing.assert_array_equal(evidence.scores, alone.scores)
        np.testing.assert_array_equal(np.asarray(evidence.threshold), np.asarray(alone.threshold))
    assert world.queries["probabilities"] == 2 * queries["probabilities"]  # the third and fourth, after two


def _answers(world: World) -> World:
    first: Any = world.releases[0]
    return world.with_releases((FineTuned(first.key, first.logits + 1e-9), *world.releases[1:]))


def _members(world: World) -> World:
    tables = [world.shadows(victim)[1].copy() for victim in range(2)]
    tables[1][0, 0] ^= True
    return world.with_members(tables)


def _seed(world: World) -> World:
    return replace(world, knowledge=replace(world.knowledge, seed=1))


@pytest.mark.parametrize(
    ("attack", "change"),
    [
        (Watched(variance="pooled"), None),
        (Renamed(), None),
        (Watched(), _answers),
        (Watched(), _members),
        (Watched(), _seed),
    ],
)
def test_what_is_not_equal_is_judged_anew(tmp_path: Path, attack: VectorLiRA, change: Any) -> None:
    """Catches judgements of other options, another attack, other answers, other members or another seed."""
    world = kept_in(tmp_path, made_up(victims=2, models=16, points=20).world)
    Watched().run(world)
    assert times_judged(attack, change(world) if change else world) == 1


def test_attack_networks_are_trained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a rerun that trains the networks of the shadow classifier again."""
    world = kept_in(tmp_path, made_up(victims=2, models=16, points=60).world)
    points = replace(world.knowledge.challenge, labels=np.arange(60) % 10, classes=tuple("abcdefghij"))
    world = replace(world, knowledge=replace(world.knowledge, challenge=points))
    trained = ShadowClassifier(epochs=2).run(world)
    monkeypatch.setattr("telltale.attacks.membership.shadow_classifier.ClassNetworks", None)
    np.testing.assert_array_equal(ShadowClassifier(epochs=2).run(world).scores, trained.scores)


def test_an_attack_from_elsewhere_is_judged_each_time(tmp_path: Path) -> None:
    """Catches a judgement served after a private option, or a file that the attack imports, has changed."""
    world = made_up(victims=2, models=16, points=20).world
    first = times_judged(Elsewhere(), kept_in(tmp_path, world))
    assert first > 0 and times_judged(Elsewhere(), kept_in(tmp_path, world)) == first
