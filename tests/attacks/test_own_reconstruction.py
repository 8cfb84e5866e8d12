"""RMIA about one's own reconstruction asks about what the autoencoder makes of a point, and about nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from telltale.attacks.membership.own_reconstruction import OwnReconstruction
from telltale.defenses.vae_metric_privacy.autoencoder import Autoencoder
from telltale.defenses.vae_metric_privacy.choice import mechanism_of
from telltale.defenses.vae_metric_privacy.defense import VaeMetricPrivacy
from telltale.errors import InputError
from telltale.game.world import Knowledge
from telltale.owner.owner import Owner
from telltale.store.store import Store
from tests.defenses.recipes import RECORDS, ROWS, SEEDS, recipe_of

PUBLIC = RECORDS.take(np.arange(300, 400))
DEFENSE = VaeMetricPrivacy(
    mechanism_of("laplace_l2", 1.0), vae=Autoencoder(latent_dim=4, width=16, epochs=2, batch_size=30)
)


def knowledge_of(folder: Path, *defenses: VaeMetricPrivacy) -> Knowledge:
    recipe = recipe_of(folder, *defenses).replace(public=PUBLIC)
    points, others = RECORDS.take(np.arange(20)), RECORDS.take(np.arange(20, 50))
    return Knowledge(PUBLIC, others, PUBLIC, points, recipe, Owner(Store(folder)), 0, victims=8)


def test_what_is_asked_is_the_reconstruction_by_the_public_autoencoder_without_noise(tmp_path: Path) -> None:
    """Catches the point itself, a noisy twin, the reconstruction of the points alone, and another autoencoder."""
    knowledge, asked = knowledge_of(tmp_path, DEFENSE), []

    def probabilities(records: Any) -> np.ndarray:
        asked.append(records)
        return np.full((len(records), 10), 0.1)

    attack = OwnReconstruction()
    for _ in range(2):
        attack.signal(SimpleNamespace(probabilities=probabilities), knowledge)  # type: ignore[arg-type]
    assert asked[0] is asked[2] and asked[1] is asked[3]  # made once for all models
    of_owner = knowledge.recipe.of_models(RECORDS, ROWS[:1], SEEDS[:1], ["model"])[0].defenses[0]  # type: ignore[attr-defined]
    for given, shown in ((knowledge.challenge, asked[0]), (knowledge.population, asked[1])):
        expected = of_owner.examples(given, 0, len(given))
        ordered = shown.take(np.argsort(given.fingerprints(), kind="stable"))
        np.testing.assert_allclose(ordered.pixels, expected["reconstruction"].pixels, atol=1e-6)
        assert np.array_equal(shown.labels, given.labels)


def test_an_own_autoencoder_of_the_owner_is_replaced_by_one_of_public_records(tmp_path: Path) -> None:
    """Catches an attacker who uses an autoencoder that only the owner has."""
    knowledge, asked = knowledge_of(tmp_path, replace(DEFENSE, train_on="private")), []
    release: Any = SimpleNamespace(
        probabilities=lambda records: asked.append(records) or np.full((len(records), 10), 0.1)
    )
    OwnReconstruction().signal(release, knowledge)
    public: Any = []
    public_release: Any = SimpleNamespace(
        probabilities=lambda records: public.append(records) or np.full((len(records), 10), 0.1)
    )
    OwnReconstruction().signal(public_release, knowledge_of(tmp_path, DEFENSE))
    np.testing.assert_array_equal(asked[0].pixels, public[0].pixels)


def test_a_recipe_without_twins_is_refused(tmp_path: Path) -> None:
    """Catches a rival that asks about the point itself, and calls it a reconstruction."""
    with pytest.raises(InputError, match="needs defense=vae_metric_privacy"):
        OwnReconstruction().check(knowledge_of(tmp_path))
