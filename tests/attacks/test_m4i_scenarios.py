"""What M^4I's attacker knows of data and encoder: each scenario, what is printed of it, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telltale.attacks.m4i.calibrated_perplexity import CalibratedPerplexity
from telltale.attacks.m4i.decisions import NetworkOptions, by_linear_svm, by_network, by_threshold
from telltale.attacks.m4i.feature import FeatureM4I
from telltale.attacks.m4i.metric import MetricM4I
from telltale.attacks.m4i.probabilities import MaxRenyi, largest_mean, mean_log_prob, renyi_entropy
from telltale.attacks.m4i.scenarios import Scenario
from telltale.errors import InputError
from tests.attacks.caption_worlds import game
from tests.training.trunks import weights_of

VENDORS = {"unrestricted": 0, "data_only": 0, "model_only": 1, "constrained": 1}
ENCODERS = {"unrestricted": "residual", "data_only": "vgg", "model_only": "residual", "constrained": "vgg"}


@pytest.mark.parametrize("name", VENDORS)
def test_a_scenario_changes_the_shadow_and_says_so(tmp_path: Path, name: str) -> None:
    """Catches a shadow that differs from the target in silence, and one that does not differ where it is said to."""
    known, scenario = game(tmp_path).knowledge, Scenario(name)
    data, lines = scenario.data(known), " ".join(scenario.differences(known))
    assert set(data.records.sources[data.members[0]]) == {VENDORS[name]}
    assert scenario.recipe(known.recipe).model["encoder"] == ENCODERS[name]
    assert ("vgg instead of the target's residual" in lines) == (ENCODERS[name] == "vgg")
    assert ("second vendor instead of the target's first vendor" in lines) == (VENDORS[name] == 1)


@pytest.mark.parametrize("name", VENDORS)
def test_the_released_sampling_takes_non_members_of_the_other_vendor(tmp_path: Path, name: str) -> None:
    """Catches a shadow whose non-members are its members' twins, or of its own vendor."""
    data = Scenario(name, "other_dataset", shadows=3).data(game(tmp_path, nonmember_source="other_dataset").knowledge)
    for row, points in zip(data.members, data.points, strict=True):
        inside, outside = (data.records.take(points[row[points] == side]) for side in (True, False))
        assert set(inside.sources) == {VENDORS[name]} and set(outside.sources) == {1 - VENDORS[name]}
        assert len(inside) == len(outside) == 80 and not set(inside.concepts) & set(outside.concepts)
    np.testing.assert_array_equal(data.membership[0], ~data.membership[1])


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("nonmember_source", ["same", "other_dataset"])
def test_a_detector_that_learned_the_reverse_is_explained_where_it_did(
    tmp_path: Path, name: str, nonmember_source: str
) -> None:
    """Catches a success rate of 0.1 without a word, and the word where it is not so."""
    played, attack = game(tmp_path, nonmember_source=nonmember_source), FeatureM4I(name, nonmember_source)
    known = played.knowledge_of(attack.access)
    right = (attack.blind(known).scores[0] >= 0) == played.unseal().membership[0]
    told = [line for line in attack.notes(known) if "zero_query below 0.5" in line]
    assert (right.mean() < 0.3) == (len(told) == 1) == (nonmember_source != "same" and VENDORS[name] == 1)


def test_sources_that_share_their_captions_are_said_to_shift_pictures_alone(tmp_path: Path) -> None:
    """Catches the released sampling told of as a shift of both, where it is not, and the word where it is."""
    known = game(tmp_path, nonmember_source="other_dataset").knowledge
    told = tuple((f"{texts[0]} indeed", *texts[1:]) for texts in known.population.references)
    others = replace(known, population=replace(known.population, references=told))
    for source, knowledge, said in (("other_dataset", known, 1), ("other_dataset", others, 0), ("same", known, 0)):
        lines = Scenario("unrestricted", source).differences(knowledge)
        assert sum("pictures alone" in line for line in lines) == said


def test_a_second_vendor_is_asked_for_where_there_is_none(tmp_path: Path) -> None:
    """Catches a scenario that is played on other data than it says."""
    known = game(tmp_path, sources=1).knowledge
    for attack in (MetricM4I("constrained"), FeatureM4I(nonmember_source="other_dataset")):
        with pytest.raises(InputError, match=r"second source.*fetch"):
            attack.check(known)
    with pytest.raises(InputError, match=r"pools\.population"):
        Scenario("model_only").check(replace(game(tmp_path).knowledge, population=known.population))


def test_a_model_with_one_encoder_has_no_other(tmp_path: Path) -> None:
    """Catches a shadow with the target's encoder where another is promised."""
    known = game(tmp_path).knowledge
    with pytest.raises(InputError, match="another encoder"):
        Scenario("data_only").check(replace(known, recipe=known.recipe.replace(model={"_target_": "?"})))


def test_another_encoder_is_not_the_same_trunk_by_another_name(tmp_path: Path) -> None:
    """Catches a scenario of another encoder that is played with the target's."""
    known, name = game(tmp_path).knowledge, "efficientnet_lite0"
    files = {encoder: weights_of(name, tmp_path) for encoder in ("residual", "vgg")}
    model = {**known.recipe.model, "trunk": dict.fromkeys(files, name), "weights": files, "side": 32}
    with pytest.raises(InputError, match=r"model\.trunk\.vgg=efficientnet_lite0: another trunk"):
        Scenario("data_only").check(replace(known, recipe=known.recipe.replace(model=model)))
    Scenario("unrestricted").check(replace(known, recipe=known.recipe.replace(model=model)))


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (MetricM4I, {"scenario": "open"}),
        (MetricM4I, {"nonmember_source": "third"}),
        (MetricM4I, {"shadows": 0}),
        (MetricM4I, {"features": "meteor"}),
        (MetricM4I, {"decision": "forest"}),
        (MetricM4I, {"bleu_orders": 5}),
        (FeatureM4I, {"loss": "triplet"}),
        (FeatureM4I, {"decision": "svm"}),
        (FeatureM4I, {"shadow_share": 0}),
        (FeatureM4I, {"epochs": 0}),
        (FeatureM4I, {"batch_size": 1}),
        (FeatureM4I, {"hidden": 0}),
        (FeatureM4I, {"weight_decay": -1}),
        (MetricM4I, {"counting": "bags"}),
        (CalibratedPerplexity, {"others": 0}),
        (MaxRenyi, {"alpha": 0}),
        (MaxRenyi, {"share": 101}),
    ],
)
def test_options_out_of_range_are_refused_by_name(kind: type, option: dict) -> None:
    """Catches an option that does something else than it says."""
    with pytest.raises(InputError, match=f"attack.{next(iter(option))}"):
        kind(**option)


@pytest.mark.parametrize("decide", ["threshold", "svm", "network"])
def test_every_decision_finds_a_planted_difference_and_no_other(decide: str) -> None:
    """Catches a decision that is turned around, and one fitted to what it is tested on."""
    rng = np.random.default_rng(0)
    members = np.arange(400) % 2 == 0
    for shift, low, high in ((2.0, 0.8, 1.0), (0.0, 0.4, 0.6)):
        learned, asked = (rng.normal(0, 1, (400, 3)) + shift * members[:, None] for _ in range(2))
        made = {
            "threshold": lambda: by_threshold(learned, members),  # noqa: B023
            "svm": lambda: by_linear_svm(learned, members, 1.0, scaled=True),  # noqa: B023
            "network": lambda: by_network(learned, members, NetworkOptions(), seed=0),  # noqa: B023
        }[decide]()
        assert low <= ((made.score(asked) >= made.threshold) == members).mean() <= high


def test_renyi_entropies_are_those_of_the_closed_form() -> None:
    """Catches a sign, a base and an order mixed up: all orders agree on a uniform distribution."""
    uniform, skewed = np.full(4, 0.25), np.array([0.5, 0.5, 0, 0])
    for alpha in (0.5, 1, 2, float("inf")):
        np.testing.assert_allclose(renyi_entropy(np.stack([uniform, skewed]), alpha), np.log([4, 2]))
    np.testing.assert_allclose(renyi_entropy(np.array([0.75, 0.25]), 2), -np.log(10 / 16))


def test_the_largest_values_are_averaged_of_what_is_there() -> None:
    """Catches places after the end of a caption that count as certain words."""
    values, there = np.array([[1.0, 3.0, 2.0, 9.0], [5.0, 0.0, 0.0, 0.0]]), np.array([[1, 1, 1, 0], [1, 0, 0, 0]]) > 0
    np.testing.assert_allclose(largest_mean(values, there, 100), [2, 5])
    np.testing.assert_allclose(largest_mean(values, there, 67), [2.5, 5])
    np.testing.assert_allclose(largest_mean(values, there, 1), [3, 5])


class Knows:
    """A release that finds each word of a reference of n words probable to exp(-n)."""

    def token_log_probs(self, records: object, texts: list[str]) -> np.ndarray:
        lengths = [len(text.split()) for text in texts]
        return np.array([[-float(n)] * (n + 1) + [np.nan] * (8 - n) for n in lengths])


class References:
    references = (("one two", "one two three"), ("one",))

    def __len__(self) -> int:
        return 2


def test_perplexity_is_averaged_over_words_and_then_over_references() -> None:
    """Catches long references that count more, and a missing one that counts at all."""
    np.testing.assert_allclose(mean_log_prob(Knows(), References()), [-2.5, -1])  # type: ignore[arg-type]
