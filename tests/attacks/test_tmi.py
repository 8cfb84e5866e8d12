"""TMI in made-up worlds of fine-tuned models: what is planted is found, what is not there is not."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import logit as log_odds

from telltale.attacks.membership.queries import drawn_answers, randomly_changed
from telltale.attacks.tmi.attack import TMI, normalised
from telltale.attacks.tmi.features import clipped, logits, prepared
from telltale.attacks.tmi.presets import PRESETS
from telltale.data.images.records import ImageRecords
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import InputError
from telltale.evidence import MembershipScores
from tests.attacks.transfer_worlds import CLASSES, FineTuned, MadeUp, made_up, pictures

RELEASED = {  # the sheet's table of the authors' code
    "queries": 8,
    "drawn": "per_model",
    "features": "clipped",
    "top_k": None,
    "hidden": 64,
    "dropout": 0.5,
    "learning_rate": 0.005,
    "weight_decay": 5e-4,
    "decay": 0.9,
    "decay_every": 7,
    "epochs": 20,
    "batch_size": 64,
}


def test_the_preset_of_the_released_code_has_its_values_and_one_can_be_overridden() -> None:
    """Catches a default that drifts from the authors', and an option that a preset swallows."""
    assert asdict(TMI().settings) == RELEASED
    assert asdict(TMI(epochs=3, dropout=0.0).settings) == RELEASED | {"epochs": 3, "dropout": 0.0}
    ours = {"features": "standardised", "epochs": 40, "queries": 1, "drawn": "once"}
    assert asdict(TMI("standardised").settings) == RELEASED | ours


@cache
def world(shift: float = 1.0, shuffled: bool = False) -> MadeUp:
    return made_up(shift, shuffled=shuffled)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_planted_shift_of_one_deviation_is_found(preset: str) -> None:
    """Catches rows of other models, labels the wrong way round, networks of other points."""
    planted = world()
    evidence = TMI(preset).run(planted.world)
    assert planted.auc(evidence).low > 0.8
    called = evidence.scores >= evidence.thresholds(len(planted.truth))[:, None]
    assert (called == planted.truth).mean() > 0.7


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("nothing", ["no shift", "rows of other models", "truth of others"])
def test_where_nothing_can_be_known_the_interval_covers_chance(preset: str, nothing: str) -> None:
    """Catches membership that reaches the score by any other way than the shadows' answers."""
    played = world(shift=0.0 if nothing == "no shift" else 1.0, shuffled=nothing == "rows of other models")
    truth = np.random.default_rng(5).permuted(played.truth, axis=1) if nothing == "truth of others" else None
    found = played.auc(TMI(preset).run(played.world), truth)
    assert found.low <= 0.5 <= found.high


def test_victims_with_the_same_shadows_and_both_normalisations_share_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a rival that trains everything again."""
    from telltale.attacks.tmi import attack as module

    trained, train = [], module.train
    monkeypatch.setattr(module, "train", lambda *given: trained.append(given[0]) or train(*given))
    played, one = made_up(victims=4), TMI(epochs=2)
    paired = tuple(played.world._shadows[victim // 2] for victim in range(4))
    paired_world = replace(played.world, _shadows=paired)
    first = one.run(paired_world)
    (rival,) = one.rivals().values()
    assert np.array_equal(rival.run(paired_world).scores, normalised(first, "per_victim").scores)  # type: ignore[union-attr]
    assert len(trained) == 2 and len(trained[0]) == played.truth.shape[1]


def test_scores_normalised_by_victim_run_from_0_to_1_and_call_the_same_points_members() -> None:
    """Catches one range for all victims, and a threshold left on the old scale."""
    scores = np.random.default_rng(0).random((3, 40)) * np.array([[1.0], [0.5], [0.2]])
    found = normalised(MembershipScores(scores, 0.1), "per_victim")
    assert found.scores.min(1).tolist() == [0, 0, 0] and found.scores.max(1).tolist() == [1, 1, 1]
    assert np.array_equal(found.scores >= found.thresholds(3)[:, None], scores >= 0.1)


def test_features_are_the_authors_logits_clipped_to_length_one() -> None:
    """Catches a logit against the largest class, a norm over queries, short vectors that are stretched."""
    p = np.array([[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, 0.0]])
    phi = [[np.log(q + 1e-15) - np.log(1 - q + 1e-15) for q in row] for row in p]
    np.testing.assert_allclose(logits(p), phi, rtol=1e-6)
    np.testing.assert_allclose(clipped(logits(p)), phi / np.maximum(1, np.linalg.norm(phi, axis=1))[:, None], rtol=1e-6)
    short = np.array([0.3, -0.4, 0.0])
    assert clipped(short).tolist() == short.tolist()


def test_only_the_k_largest_probabilities_are_seen_and_the_others_share_the_rest() -> None:
    """Catches the smallest kept, and a rest that is not divided by C − k."""
    p = np.array([[[0.1, 0.5, 0.05, 0.3, 0.05]]])
    rest = (1 - 0.8) / 3
    np.testing.assert_allclose(logits(p, 2), log_odds(np.array([[[rest, 0.5, rest, 0.3, rest]]])), rtol=1e-9)
    np.testing.assert_allclose(expit(logits(p, 5)), p, rtol=1e-9)


def test_standardised_features_have_mean_0_and_deviation_1_over_the_shadows_of_a_point() -> None:
    """Catches a scale taken over points, or from the target; and rows in another order than their membership."""
    rng = np.random.default_rng(0)
    target, shadows = rng.normal(size=(6, 2, 3)), rng.normal(3, 2, (5, 6, 2, 3))
    rows, asked = prepared(target, shadows, "standardised")
    np.testing.assert_allclose(rows.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(rows.std(1), 1, atol=1e-6)
    point, shadow, query = 4, 3, 1
    centre, spread = shadows[:, point].mean((0, 1)), shadows[:, point].std((0, 1))
    np.testing.assert_allclose(rows[point, shadow * 2 + query], (shadows[shadow, point, query] - centre) / spread, 1e-5)
    np.testing.assert_allclose(asked[point], (target[point] - centre) / spread, 1e-4)


def test_pictures_are_flipped_and_cropped_from_reflections_at_random() -> None:
    """Catches a crop that moves one way only, zeros at the border, flips that never or always come."""
    records = pictures(300)
    changed = randomly_changed(records, 4, seed=3)
    assert np.array_equal(changed.labels.reshape(4, -1)[2], records.labels)
    found = np.zeros((2, 3, 3), int)  # flips and places; 1 pixel of 8 as 4 of 32
    for number, picture in enumerate(changed.pixels):
        for place in np.ndindex(found.shape):
            source = np.pad(records.pixels[number % 300, 0, :, :: 1 - 2 * place[0]], 1, mode="reflect")
            found[place] += np.array_equal(source[place[1] : place[1] + 8, place[2] : place[2] + 8], picture[0])
    assert found.sum() == len(changed) and found.min() > 0.5 * len(changed) / found.size
    first = randomly_changed(records, 4, seed=3, keep_first=True)
    assert np.array_equal(first.pixels[:300], records.pixels)


def test_models_are_asked_other_changes_or_the_same_as_chosen() -> None:
    """Catches changes that are drawn once where TMI's code draws them for each model, and the reverse."""
    played = made_up(points=50)
    heard: list[np.ndarray] = []

    class Listening(FineTuned):
        def probabilities(self, records: ImageRecords) -> np.ndarray:
            heard.append(records.pixels)
            return super().probabilities(records)

    for drawn in ("per_model", "once"):
        for key in ("a", "b"):
            release: Any = Listening(key, made_up(points=50).world.releases[0].logits)  # type: ignore[attr-defined]
            assert drawn_answers(release, played.world.knowledge, 3, drawn).shape == (50, 3, CLASSES)
    assert not np.array_equal(heard[0], heard[1]) and np.array_equal(heard[2], heard[3])


def test_shifts_ask_for_the_picture_itself_and_its_neighbours() -> None:
    """Catches changes larger than a pixel, and a first query that is none of the record's own."""
    played = made_up(points=20)
    heard: list[np.ndarray] = []

    class Listening(FineTuned):
        def probabilities(self, records: ImageRecords) -> np.ndarray:
            heard.append(records.pixels)
            return super().probabilities(records)

    release: Any = Listening("a", made_up(points=20).world.releases[0].logits)  # type: ignore[attr-defined]
    assert drawn_answers(release, played.world.knowledge, 3, "shifts").shape == (20, 3, CLASSES)
    own = played.world.knowledge.challenge.pixels
    assert np.array_equal(heard[0], own) and np.array_equal(heard[1][..., 1:, :], own[..., :-1, :])


def test_what_is_no_picture_is_asked_once_as_it_is() -> None:
    """Catches molecules that are asked eight times over, or cropped."""
    molecules = MoleculeRecords.of(["CCO", "CCN", "CCC"], "three molecules")
    knowledge = replace(made_up(points=10).world.knowledge, challenge=molecules)
    release = FineTuned("gin", np.zeros((3, CLASSES)))
    assert drawn_answers(release, knowledge, 8, "per_model").shape == (3, 1, CLASSES)  # type: ignore[arg-type]
    assert release.queries == {"probabilities": 3}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"preset": "paper"}, "preset"),
        ({"normalise": "both"}, "normalise"),
        ({"features": "raw"}, "features"),
        ({"queries": 0}, "queries"),
        ({"drawn": "twice"}, "drawn"),
        ({"queries": 6, "drawn": "shifts"}, "queries"),
        ({"top_k": 0}, "top_k"),
        ({"epochs": 0}, "epochs"),
    ],
)
def test_bad_options_are_told_by_name(options: dict, field: str) -> None:
    """Catches a traceback after all models were trained."""
    with pytest.raises(InputError, match=rf"attack\.{field}"):
        TMI(**options)


def test_points_without_shadows_on_a_side_are_refused_before_training() -> None:
    """Catches networks that learn one class only."""
    knowledge = replace(made_up(points=10).world.knowledge, fewest=(0, 3))
    with pytest.raises(InputError, match="with and without"):
        TMI().check(knowledge)
