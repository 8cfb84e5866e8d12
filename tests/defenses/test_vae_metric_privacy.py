"""Training on synthetic twins: what models see, what is trained once, and what is refused before anything is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.data.records import Records
from telltale.data.seeds import generator
from telltale.data.tables.records import Column, TableRecords
from telltale.defenses.vae_metric_privacy.autoencoder import Autoencoder
from telltale.defenses.vae_metric_privacy.choice import MECHANISMS, mechanism_of
from telltale.defenses.vae_metric_privacy.defense import Twins, VaeMetricPrivacy
from telltale.defenses.vae_metric_privacy.labels import Labels
from telltale.defenses.vae_metric_privacy.networks import discretised
from telltale.defenses.vae_metric_privacy.norm import Norm
from telltale.errors import AccessDeniedError, InputError
from telltale.owner.defense import Defense, Trained
from telltale.owner.preparation import training_records
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.batches import make_batch
from tests.defenses.recipes import RECORDS, ROWS, SEEDS, alone, fleet, logits, recipe_of, same_weights

SMALL = Autoencoder(latent_dim=4, width=16, epochs=2, batch_size=30)
PUBLIC = RECORDS.take(np.arange(300, 400))


def defended(folder: Path, **options: Any) -> Recipe:
    epsilon = options.pop("epsilon", 5.0)
    options = {"mechanism": mechanism_of("laplace_l2", epsilon), "vae": SMALL, **options}
    return recipe_of(folder, VaeMetricPrivacy(**options)).replace(public=PUBLIC)


def of_model(recipe: Recipe, model: int = 0) -> Twins:
    """The defence as it is for one model."""
    own = recipe.of_models(RECORDS, ROWS[model : model + 1], SEEDS[model : model + 1], ["model"])[0]
    twins = own.defenses[0]
    assert isinstance(twins, Twins)
    return twins


@pytest.mark.parametrize("label_mode", ["none", "conditional", "per_class"])
@pytest.mark.parametrize("train_on", ["public", "private", "private_dpsgd"])
def test_a_fleet_on_twins_equals_its_single_runs(train_on: str, label_mode: str, tmp_path: Path) -> None:
    """Catches twins of another model, rows in another order, and a VAE shared where each model has its own."""
    options: dict[str, Any] = {"train_on": train_on, "label_mode": label_mode}
    together, single = fleet(defended(tmp_path / "fleet", **options)), defended(tmp_path / "single", **options)
    assert len({one.sources for one in together}) == (1 if train_on == "public" else 3)
    for model, release in enumerate(together):
        other = alone(single, model)
        np.testing.assert_allclose(logits(release), logits(other), rtol=0, atol=1e-3)


@dataclass(frozen=True)
class CopyTheData(Defense):
    """A data stage whose rows are the records themselves."""

    stage = "data"
    publishes = True

    def records(self, records: Records, seed: int) -> Records:
        return records


def test_a_defence_that_copies_the_data_is_none(tmp_path: Path) -> None:
    """Catches a data stage that changes order, seeds or labels by itself, alone or in a fleet."""
    plain, copying = recipe_of(tmp_path / "plain"), recipe_of(tmp_path / "copy", CopyTheData())
    assert same_weights(alone(plain), alone(copying))
    for one, other in zip(fleet(plain), fleet(copying), strict=True):
        np.testing.assert_allclose(logits(one), logits(other), rtol=0, atol=1e-5)
        assert one.key != other.key


def test_infinite_epsilon_is_plain_reconstruction(tmp_path: Path) -> None:
    """Catches clipping or noise that is left over at ε = ∞."""
    recipe = defended(tmp_path, epsilon=float("inf"))
    twins, own = of_model(recipe), RECORDS.take(np.flatnonzero(ROWS[0]))
    network: Any = recipe.defenses[0]._recipe(recipe.recipe, RECORDS).loaded(recipe.store.weights(twins.sources[0]), 0)
    ordered = own.take(np.argsort(own.fingerprints(), kind="stable"))
    inputs = make_batch(ordered.arrays(), np.arange(len(ordered)))
    with torch.no_grad():
        plain = network.means(network.model.decode(network.model.forward(inputs), torch.zeros(len(own))))
    made: Any = twins.records(own, 0)
    order = generator(0, "order of the rows").permutation(len(own))
    np.testing.assert_allclose(made.pixels, plain.numpy()[order], atol=1e-6)
    assert np.array_equal(made.labels, ordered.labels[order])


def test_autoencoders_are_trained_once_for_all_epsilons(tmp_path: Path) -> None:
    """Catches a sweep that trains the same VAEs again: their keys must not hold the noise."""
    few, many = (fleet(defended(tmp_path, train_on="private", epsilon=epsilon)) for epsilon in (1.0, 20.0))
    assert [one.sources for one in few] == [one.sources for one in many]
    assert not {one.entry for one in few} & {one.entry for one in many}


@pytest.mark.parametrize("name", [name for name in MECHANISMS if name not in ("none", "clip")])
def test_every_mechanism_moves_twins_and_less_noise_moves_them_less(name: str, tmp_path: Path) -> None:
    """Catches a mechanism that is not wired to the codes, or whose ε counts the other way."""
    own, moved = RECORDS.take(np.flatnonzero(ROWS[0])), []
    plain: Any = of_model(defended(tmp_path, epsilon=float("inf"))).examples(own, 0, 50)["reconstruction"]
    for epsilon in (0.5, 2000.0):
        twins = of_model(defended(tmp_path, mechanism=mechanism_of(name, epsilon, 100.0, None, None)))
        moved.append(np.abs(twins.examples(own, 0, 50)["twin"].pixels - plain.pixels).mean())
    assert moved[0] > 0.01
    if name in ("laplace_l2", "laplace_l1"):  # angular ones put every code at the radius
        assert moved[1] < moved[0] / 5


def test_twins_do_not_depend_on_the_order_of_the_records(tmp_path: Path) -> None:
    """Catches noise by the place in the pool: a shuffled set is the same set."""
    twins, own = of_model(defended(tmp_path)), RECORDS.take(np.flatnonzero(ROWS[0]))
    one, other = twins.records(own, 3), twins.records(own.take(np.arange(len(own))[::-1]), 3)
    assert np.array_equal(one.fingerprints(), other.fingerprints())
    assert not np.array_equal(one.fingerprints(), twins.records(own, 4).fingerprints())


def test_the_published_rows_are_those_that_a_model_was_trained_on(tmp_path: Path) -> None:
    """Catches rows that give their source's place away, and rows made anew for the attacker."""
    release, twins = fleet(defended(tmp_path, copies=2))[1], of_model(defended(tmp_path, copies=2), 1)
    published = release.published_records()
    assert len(published) == 2 * ROWS[1].sum() and release.queries["published_records"] == 1
    trained: Any = training_records(RECORDS.take(np.flatnonzero(ROWS[1])), (twins,), SEEDS[1])
    assert np.array_equal(published.fingerprints(), trained.fingerprints())
    own = RECORDS.take(np.flatnonzero(ROWS[1]))
    sources = own.labels[np.argsort(own.fingerprints(), kind="stable")]
    assert not np.array_equal(trained.labels, np.tile(sources, 2))


def test_an_owner_without_twins_publishes_nothing(tmp_path: Path) -> None:
    """Catches real records handed to an attacker."""
    with pytest.raises(AccessDeniedError, match="without records"):
        alone(recipe_of(tmp_path)).published_records()


def test_randomised_labels_are_what_the_model_sees(tmp_path: Path) -> None:
    """Catches randomised response that is stated and not applied."""
    labels = Labels("randomized_response", 0.01)
    own = RECORDS.take(np.flatnonzero(ROWS[0]))
    made: Any = of_model(defended(tmp_path, labels=labels)).records(own, 0)
    kept: Any = of_model(defended(tmp_path)).records(own, 0)
    assert sorted(kept.labels) == sorted(own.labels) and sorted(made.labels) != sorted(own.labels)


COLUMNS = (
    Column("age", "numeric", 0, 1),
    Column("sex", "binary", 1, 2, ("f", "m")),
    Column("job", "categorical", 2, 5, ("a", "b", "c")),
)


@pytest.mark.parametrize("decode", ["round", "sample"])
def test_a_rounded_row_is_a_row_of_the_table(decode: str) -> None:
    """Catches a one-hot block with two levels, or none."""
    means = np.random.default_rng(0).dirichlet(np.ones(5), 200).astype(np.float32)
    made = discretised(means, [["numeric", 0, 1], ["binary", 1, 2], ["categorical", 2, 5]], decode, 0)
    assert np.array_equal(made[:, 0], means[:, 0])
    assert set(np.unique(made[:, 1:])) <= {0.0, 1.0} and (made[:, 2:].sum(1) == 1).all()


def test_tables_have_twins_too(tmp_path: Path) -> None:
    """Catches columns that no likelihood reads."""
    rng, number = np.random.default_rng(0), 60
    jobs = np.eye(3)[rng.integers(3, size=number)]
    rows = np.column_stack([rng.random(number), rng.integers(2, size=number), jobs]).astype(np.float32)
    table = TableRecords(rows, rng.integers(2, size=number), "table", ("no", "yes"), COLUMNS)
    recipe = defended(tmp_path, train_on="private", decode="round").replace(public=table)
    own = recipe.of_models(table, np.ones((1, 60), bool), [0], ["model"])[0]
    made: Any = own.defenses[0].records(table, 0)
    assert made.features.shape == (60, 5) and (made.features[:, 2:].sum(1) == 1).all()


def test_autoencoders_outlive_a_run_that_keeps_no_weights(tmp_path: Path) -> None:
    """Catches a sweep over ε whose second run finds the autoencoder's entry without its weights."""
    store = Store(tmp_path, keep_weights=False)
    for epsilon in (5.0, 1.0):
        recipe = defended(tmp_path, train_on="private", epsilon=epsilon).replace(store=store)
        logits(alone(recipe))
        store.end()
    assert len(list(tmp_path.glob("release/*/weights.safetensors"))) == 1


def test_private_autoencoders_can_count_with_a_public_number() -> None:
    """Catches an audit whose coins decide how strongly the autoencoder is perturbed."""
    private = VaeMetricPrivacy(mechanism_of("laplace_l2", 5.0), train_on="private_dpsgd", vae=SMALL)
    known = private.with_public_records(77)
    assert known._dp_sgd.public_records == 77 and private.document() != known.document()
    with pytest.raises(InputError, match=r"^defense.label_mode=per_class"):
        replace(private, label_mode="per_class").with_public_records(77)


def test_nothing_is_guaranteed_with_a_vae_of_the_protected_records() -> None:
    """Catches ε printed as a promise where the decoder knows the records."""
    told = [
        VaeMetricPrivacy(mechanism_of("laplace_l2", 0.1), train_on=train_on, vae=SMALL).guarantee(
            Trained("images", 90, None, False, (None,), 10)
        )
        for train_on in ("private", "public")
    ]
    assert told[0] and not told[0]["holds"] and told[0]["statement"].startswith("nothing is guaranteed")
    assert told[0]["balanced_accuracy_bound"] is None
    assert told[1] and told[1]["holds"] and told[1]["worst_case"] == pytest.approx(2 * 2 * 0.1)


def test_dp_sgd_of_the_vae_counts_with_what_it_spent(tmp_path: Path) -> None:
    """Catches a guarantee that forgets encoder and decoder, or takes what they might have spent."""
    from telltale.owner.guarantee import guarantee_of

    recipe = defended(tmp_path, train_on="private_dpsgd", epsilon=0.1, vae_epsilon=3.0)
    proof = guarantee_of(recipe.recipe, recipe.store, [alone(recipe)], "images")
    assert proof and proof["holds"]
    assert 0.4 + 2 * 2.5 < proof["worst_case"] <= 0.4 + 2 * 3.0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"train_on": "both"}, r"^defense.train_on=both: one of"),
        ({"label_mode": "all"}, r"^defense.label_mode=all: one of"),
        ({"decode": "hard"}, r"^defense.decode=hard: one of"),
        ({"copies": 0}, r"^defense.copies=0: a whole number"),
        ({"copies": 3, "budget": 50.0}, r"^defense.copies=3: within defense.budget=50"),
        ({"train_on": "private_dpsgd", "vae_epsilon": -1.0}, r"^defense.vae_epsilon=-1.0: above 0"),
        (
            {"train_on": "private_dpsgd", "label_mode": "per_class", "labels": Labels("randomized_response", 1.0)},
            r"^defense.label_mode=per_class: none or conditional",
        ),
    ],
)
def test_an_option_out_of_range_is_refused_in_one_line(options: dict[str, Any], told: str) -> None:
    """Catches a mistake that shows after training."""
    with pytest.raises(InputError, match=told):
        VaeMetricPrivacy(mechanism_of("laplace_l2", 5.0), vae=SMALL, **options)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("laplace",), r"^defense.mechanism.name=laplace: one of"),
        (("laplace_l2", 0.0), r"^defense.mechanism.epsilon=0.0: above 0"),
        (("laplace_l2", 1.0, 0.0), r"^defense.mechanism.clip_radius=0.0: above 0"),
        (("none", -1.0), r"^defense.mechanism.epsilon=-1.0: above 0"),
        (("none", 1.0, 2.0), r"^defense.mechanism.clip_radius=2.0: null"),
        (("laplace_l2", 1.0, None, 1e-5), r"^defense.mechanism.delta=1e-05: null"),
        (("laplace_l2", 1.0, None, None, Norm("release", 1.0)), r"^defense.mechanism.norm.rule=release: drop"),
    ],
)
def test_a_mechanism_that_cannot_be_is_refused_in_one_line(arguments: tuple[Any, ...], told: str) -> None:
    """Catches noise of a negative scale, and an option that would do nothing."""
    with pytest.raises(InputError, match=told):
        mechanism_of(*arguments)


def test_directions_need_two_dimensions_and_labels_a_label(tmp_path: Path) -> None:
    """Catches what only data and network together rule out: found by `check`, before any training."""
    one = replace(SMALL, latent_dim=1)
    with pytest.raises(InputError, match="latent"):
        VaeMetricPrivacy(mechanism_of("vmf", 1.0), vae=one)
    recipe, unlabelled = defended(tmp_path, label_mode="conditional"), PUBLIC.take(np.arange(5))
    object.__setattr__(unlabelled, "labels", None)
    with pytest.raises(InputError, match=r"^defense.label_mode=conditional: none"):
        recipe.defenses[0].check_records(recipe.replace(public=unlabelled), 90)
    per_class = defended(tmp_path, label_mode="per_class").replace(
        public=PUBLIC.take(np.flatnonzero(PUBLIC.labels < 9))
    )
    with pytest.raises(InputError, match=r"^defense.label_mode=per_class: none or conditional"):
        per_class.defenses[0].check_records(per_class, 90)
