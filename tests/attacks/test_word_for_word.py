"""The ceiling of attacks on captions: victims, and where asked for the attacker's own shadows, that repeat by heart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telltale.attacks.m4i.caption_attack import own_shadows
from telltale.attacks.m4i.feature import FeatureM4I
from telltale.attacks.m4i.metric import MetricM4I
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.worlds.word_for_word import ALIKE, Repeating, WordForWord
from tests.attacks.caption_worlds import Forgetting, game


@pytest.mark.parametrize("name", [ALIKE, "word_for_word"])
def test_shadows_repeat_where_the_decision_is_made_for_such_models(tmp_path: Path, name: str) -> None:
    """Catches a ceiling whose decision was learned on captioners that forget, and one that teaches unasked."""
    attack, played, ceiling = MetricM4I(), game(tmp_path, Forgetting), WordForWord()
    known = ceiling.worlds("word_for_word", played, attack)[name].knowledge
    data = attack.scenario.data(known)
    told = own_shadows(known.owner, known.recipe, data, attack.access, known.seed)[0].captions(data.records)
    own = np.array([text == texts[0] for text, texts in zip(told, data.records.references, strict=True)])
    assert own[data.members[0]].all() == (name == ALIKE) and own[~data.members[0]].mean() < 0.3


def test_repeating_shadows_keep_the_recipe_that_a_scenario_changes(tmp_path: Path) -> None:
    """Catches a scenario's other encoder turning the shadows back into trained ones."""
    played = game(tmp_path)
    known = WordForWord().worlds("word_for_word", played, MetricM4I())[ALIKE].knowledge
    assert isinstance(known.owner, Repeating) and known.recipe == played.recipe
    other = known.recipe.replace(model={"encoder": "vgg"})
    assert other != known.recipe and other.objective == played.recipe.objective


@pytest.mark.parametrize("share", [0.005, 0.999])
def test_a_share_that_leaves_too_few_to_learn_from_is_refused(tmp_path: Path, share: float) -> None:
    """Catches a traceback out of BatchNorm or an empty hold-out, after captioners were trained."""
    with pytest.raises(InputError, match=r"attack\.shadow_share.*leaves"):
        FeatureM4I(shadow_share=share).check(game(tmp_path, sources=1).knowledge)


def test_models_that_all_have_the_same_members_are_not_shown_to_each_other(tmp_path: Path) -> None:
    """Catches shadow models whose rows tell the victim's members where non-members are of another source."""
    played = game(tmp_path, nonmember_source="other_dataset")
    for victims, shadow_models in ((2, 0), (1, 1)):
        with pytest.raises(InputError, match="one victim alone"):
            Game(played.pools, played.recipe, played.owner, victims, 0, shadow_models)
    assert np.array_equal(played.unseal().membership.sum(1), [80])
