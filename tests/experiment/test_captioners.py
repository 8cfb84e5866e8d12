"""Captioners in the game: targets, shadows and controls are trained by one recipe and asked for captions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from telltale.attacks.base import Attack
from telltale.configuration.command_line import register_resolvers
from telltale.configuration.compatibility import require_answers
from telltale.configuration.parts import recipe_of
from telltale.data.captions.emoji import load
from telltale.data.captions.pools import deal_by_concept
from telltale.data.captions.vocabulary import MARKS
from telltale.data.captions.words import words
from telltale.data.pools import PoolSizes
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.worlds.controls import Disjoint, Untrained
from tests.experiment.commands import ROOT

WORDS = ("scale=smoke", "dataset=emoji_captions", "model=captioner", "objective=captioning", "trainer=cpu")


class Asking(Attack):
    """What the controls need to know of an attack."""

    access = frozenset({"captions"})


def composed(folder: Path, *words: str) -> tuple[Any, Recipe]:
    GlobalHydra.instance().clear()
    register_resolvers()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", [*WORDS, f"paths.store={folder}", *words])
    OmegaConf.resolve(cfg)
    records = load().records
    return records, recipe_of(cfg, records)


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Game:
    folder = tmp_path_factory.mktemp("store")
    records, recipe = composed(folder, "objective.epochs=12")
    pools = deal_by_concept(records, PoolSizes(members=24, non_members=24, auxiliary=24, disjoint=24, test=12), 0)
    return Game(pools, recipe, Owner(Store(folder)), victims=1, seed=0, shadow_models=2)


def test_victims_shadows_and_controls_write_captions(game: Game) -> None:
    """Catches a recipe of captioners that some part of the game cannot train or ask."""
    world, asked = game.world(Asking.access), game.knowledge.challenge
    (victim,), (shadows, rows) = world.releases, world.shadows(0)
    others = [control.world(game, Asking()).releases[0] for control in (Untrained(), Disjoint())]  # type: ignore[abstract]
    told = [one.captions(asked) for one in (victim, *shadows, *others)]
    assert all(len(one) == len(asked) for one in told) and rows.shape == (len(shadows), len(asked))
    assert len({tuple(one) for one in told}) == len(told)
    assert world.queries == {"captions": len(asked)}


def test_the_utility_is_told_of_test_records_and_of_members(game: Game) -> None:
    """Catches a utility that leaves out how much better own pictures are captioned."""
    found = game.utility()
    assert set(found) == {"rouge_l", "cross_entropy", "train_rouge_l", "train_cross_entropy"}
    assert found["train_cross_entropy"] < found["cross_entropy"]


def test_the_words_a_captioner_knows_tell_nothing_of_its_members(game: Game) -> None:
    """Catches a vocabulary made of one model's records, or of less than the data set: it would tell who is a member."""
    captions = set(load().records.references)
    counts = Counter(word for texts in captions for text in texts for word in words(text))
    often = {word for word, count in counts.items() if count >= game.recipe.model["least_count"]}
    members = [game.pools.challenge.take(row).references for row in game._members]
    assert all(often - {word for texts in told for text in texts for word in words(text)} for told in members)
    assert set(game.recipe.model["vocabulary"].split()) == often
    assert {one.weights()["decoder.output.weight"].shape[0] for one in game._releases} == {len(often) + len(MARKS)}


def test_another_encoder_is_one_word_of_the_recipe(game: Game) -> None:
    """Catches a shadow of another encoder that is found in the store as the target."""
    other = game.recipe.replace(model={**game.recipe.model, "encoder": "vgg"})
    rows = np.arange(24)
    one, two = (game.owner.train(recipe, game.pools.auxiliary, rows, 0) for recipe in (game.recipe, other))
    assert one.key != two.key and one.weights().keys() != two.weights().keys()


@pytest.mark.parametrize(("access", "other"), [("probabilities", "classification"), ("captions", None)])
def test_a_captioner_answers_with_captions_only(game: Game, access: str, other: str | None) -> None:
    """Catches features of a picture that are taken for class probabilities."""
    asking: Any = SimpleNamespace(access=frozenset({access}), before_transfer=False, uses_true_labels=False)
    if other is None:
        return require_answers("attack", "a test", asking, game.recipe)
    with pytest.raises(
        InputError, match=f"asks for {access}, which this recipe does not release; try objective={other}"
    ):
        require_answers("attack", "a test", asking, game.recipe)
