"""MGP-MIA: its features and penalty by hand, and what it finds in an encoder that learns its records by heart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from telltale.attacks.embedding_membership.mgp_mia import MGPMIA, Samples, _trained, fisher
from telltale.attacks.membership.thresholds import areas
from telltale.data.molecules.batch import MoleculeBatch
from telltale.errors import InputError
from telltale.game.world import Knowledge
from telltale.objectives.random_labels import content_keys
from telltale.owner.recipe import Recipe
from telltale.training.objective import LossTerm, Objective
from telltale.training.trainer import TrainerOptions
from tests.attacks.remembering import game_of
from tests.training.small import molecules

WIDTH, ROWS = 16, 4096


class ByHeart(nn.Module):
    """Embeds a molecule by its elements, off by a row of a table that only this molecule has."""

    accepts, output_width = "molecules", WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("elements", torch.randn(120, WIDTH, generator=torch.Generator().manual_seed(0)))
        self.rows = nn.Parameter(torch.randn(ROWS, WIDTH) / WIDTH**0.5)

    def plain(self, batch: MoleculeBatch) -> Tensor:
        """Return the mean of the elements' vectors."""
        sizes = torch.bincount(batch.molecule_of)
        total = torch.zeros(len(batch), WIDTH).index_add_(0, batch.molecule_of, self.elements[batch.atoms[:, 0]])
        return nn.functional.normalize(total / sizes[:, None], dim=1)

    def forward(self, batch: MoleculeBatch) -> Tensor:
        return self.plain(batch) + self.rows[content_keys(batch) % ROWS]


class Learning(Objective):
    """Takes its own row off each training molecule: its views, which nobody trained on, then are nearer to it."""

    model: ByHeart

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        off = (self.model(batch) - self.model.plain(batch)).square().sum()
        return [LossTerm(off, torch.tensor(float(len(batch))))]


def recipe() -> Recipe:
    options = {"epochs": 20, "batch_size": 16, "learning_rate": 0.03}
    here = "tests.attacks.test_mgp_mia"
    return Recipe(
        {"_target_": f"{here}.ByHeart"}, {"_target_": f"{here}.Learning", **options}, TrainerOptions(accelerator="cpu")
    )


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return replace(game_of(tmp_path_factory.mktemp("game")).knowledge, recipe=recipe())


def area(knowledge: Knowledge, trained: Any, members: np.ndarray, **options: Any) -> float:
    """Train a target on some molecules and return the AUC of the attack for `members` of the challenge."""
    target = _trained(recipe().objective_for(5), trained, 20, 0)
    weights = {name: value.numpy() for name, value in target.model.state_dict().items()}
    scores = MGPMIA(epochs=20, **options).scores(weights, knowledge, 1)
    return float(areas(scores[None], members[None])[0])


@pytest.mark.parametrize("options", [{}, {"asks": "unlearned"}, {"unlearning": 0.0, "regularisation": 0.0}])
def test_an_encoder_that_learned_by_heart_is_found(options: dict[str, Any], knowledge: Knowledge) -> None:
    """Catches a shadow whose members and others are swapped, and features of the shadow's molecules for the points."""
    members = np.arange(len(knowledge.challenge)) % 2 == 0
    assert area(knowledge, knowledge.challenge.take(members), members, **options) > 0.8


def test_an_encoder_of_other_records_gives_about_one_half(knowledge: Knowledge) -> None:
    """Catches chemistry taken for memory."""
    members = np.arange(len(knowledge.challenge)) % 2 == 0
    found = area(knowledge, molecules(60, start=1000), members)
    assert abs(found - 0.5) < 3 / np.sqrt(3 * len(members))  # three standard errors, 1 / √(12 n / 4)


def test_similarities_are_cosines_to_views_and_to_other_molecules() -> None:
    """Catches a molecule that is its own negative sample, and samples of another molecule."""
    records, model = molecules(12), recipe().objective_for(0).model
    samples = Samples(records, records, 5, 0)
    assert not (samples.drawn == np.arange(12)[:, None]).any()
    found = samples.similarities(model)
    (points,), (views,) = samples._points, samples._views
    embedded, near = model(points).detach(), model(views).detach().reshape(12, 5, WIDTH)
    for row in range(12):
        of_row = [*near[row], *embedded[samples.drawn[row]]]
        expected = [float(nn.functional.cosine_similarity(embedded[row], one, dim=0)) for one in of_row]
        np.testing.assert_allclose(found[row].numpy(), expected, atol=1e-5)


def test_the_fisher_information_is_the_mean_squared_gradient() -> None:
    """Catches gradients that pile up over batches. d/d row of |row|² / n is 2 row / n in the row's own batch."""
    records, objective = molecules(16), recipe().objective_for(0)
    information = fisher(objective, records, 0)["rows"]
    used = content_keys(MoleculeBatch(*_parts(records))) % ROWS
    rows = objective.model.rows[used].detach()
    np.testing.assert_allclose(information[used].numpy(), ((2 * rows / 16) ** 2).numpy(), rtol=1e-4)
    assert float(information.sum()) == pytest.approx(float(information[used].sum()))


def _parts(records: Any) -> tuple[Tensor, ...]:
    from telltale.training.batches import make_batch

    batch = make_batch(records.arrays(), np.arange(len(records)))
    return tuple(getattr(batch, name) for name in ("atoms", "bonds", "ends", "molecule_of", "first_atom", "keys"))


def test_equal_seeds_give_equal_scores(knowledge: Knowledge) -> None:
    """Catches a draw from a generator that nobody seeded."""
    weights = {name: value.numpy() for name, value in recipe().objective_for(5).model.state_dict().items()}
    first, second = (MGPMIA(epochs=2).scores(weights, knowledge, 1) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"samples": 0}, "attack.samples"),
        ({"unlearning": -1.0}, "attack.unlearning"),
        ({"regularisation": float("nan")}, "attack.regularisation"),
        ({"epochs": 0}, "attack.epochs"),
        ({"asks": "shadow"}, "attack.asks"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], field: str) -> None:
    """Catches an option that fails after everything is trained."""
    with pytest.raises(InputError) as refused:
        MGPMIA(**options)
    assert refused.value.field == field


def test_too_few_molecules_of_its_own_are_refused(knowledge: Knowledge, tmp_path: Path) -> None:
    """Catches parts of nothing."""
    few = replace(knowledge, auxiliary=knowledge.auxiliary.take(np.arange(20)))
    with pytest.raises(InputError, match=r"^pools\.auxiliary=20: MGP-MIA trains on its own molecules, 30 at least"):
        MGPMIA().check(few)
