"""Recipes: each defence acts at its stage, transfer starts from the parent, the untrained control never trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import InputError
from telltale.objectives.attribute_masking import AttributeMasking
from telltale.owner.defense import Defense, NoDefense
from telltale.owner.identity import document_of
from telltale.owner.preparation import initial_objective, training_records
from telltale.owner.release import Release
from tests.owned import Owned
from tests.training.small import fitted, model_of, molecules, objective_of, recipe_in, rows

RECORDS = molecules(16)


@dataclass(frozen=True)
class FewerRecords(Defense):
    share: float = 0.5
    stage = "data"

    def records(self, records: MoleculeRecords, seed: int) -> MoleculeRecords:
        return records.take(np.arange(round(self.share * len(records))))


@dataclass(frozen=True)
class SmallerLoss(Defense):
    factor: float = 0.0
    stage = "training"

    def loss(self, objective: Any, batch: Any, loss: Tensor) -> Tensor:
        return loss * self.factor


@dataclass(frozen=True)
class RoundedWeights(Defense):
    digits: int = 1
    stage = "model"

    def model(self, model: nn.Module) -> nn.Module:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.round(decimals=self.digits))
        return model


@dataclass(frozen=True)
class RoundedAnswers(Defense):
    digits: int = 1
    stage = "answer"

    def answer(self, call: str, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        return values.round(self.digits)


def train(recipe: Owned) -> Release:
    return recipe.train(RECORDS, rows(RECORDS), 0)


def differ(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return any(not np.array_equal(value, other[name]) for name, value in one.items())


@pytest.fixture
def plain(tmp_path: Path) -> Owned:
    return recipe_in(tmp_path)


@pytest.mark.parametrize(
    ("defense", "changes_key"),
    [(FewerRecords(), True), (SmallerLoss(), True), (RoundedWeights(), False), (RoundedAnswers(), False)],
)
def test_only_defences_that_change_the_training_change_the_key(
    plain: Owned, defense: Defense, changes_key: bool
) -> None:
    """Catches a defended model served for an undefended one, and a model trained again to round its answers."""
    assert (train(plain.protect(defense)).entry != train(plain).entry) is changes_key


def test_rounded_weights_have_a_key_of_their_own(plain: Owned) -> None:
    """Catches stored answers of the undefended model served for the defended one's."""
    assert train(plain.protect(RoundedWeights())).key != train(plain).key
    assert train(plain.protect(RoundedAnswers())).key == train(plain).key


@pytest.mark.parametrize("defense", [FewerRecords, SmallerLoss])
def test_a_defences_options_are_in_the_key(plain: Owned, defense: Any) -> None:
    """Catches two strengths of one defence that share their weights."""
    assert train(plain.protect(defense(0.5))).key != train(plain.protect(defense(0.25))).key


def test_a_data_stage_defence_chooses_the_records(plain: Owned, tmp_path: Path) -> None:
    """Catches a defence that is applied after sorting, or to a copy."""
    half = RECORDS.take(np.arange(8))
    alone = recipe_in(tmp_path / "half").train(half, rows(half), 0).weights()
    assert not differ(train(plain.protect(FewerRecords())).weights(), alone)


def test_a_training_stage_defence_changes_the_loss(plain: Owned) -> None:
    """Catches a loss that is computed and thrown away: without a gradient, parameters stay as they were."""
    initial = dict(initial_objective(plain.model, plain.objective, 0).model.named_parameters())
    frozen, moved = train(plain.protect(SmallerLoss(0.0))).weights(), train(plain).weights()
    assert all(np.array_equal(frozen[name], value.detach().numpy()) for name, value in initial.items())
    assert any(not np.array_equal(moved[name], value.detach().numpy()) for name, value in initial.items())


def test_a_model_stage_defence_changes_what_is_released_and_not_what_is_kept(plain: Owned, tmp_path: Path) -> None:
    """Catches rounded weights in the store, where the undefended recipe would find them."""
    defended = train(plain.protect(RoundedWeights()))
    kept = load_file(tmp_path / "release" / defended.entry / "weights.safetensors")
    names = [name for name, _ in initial_objective(plain.model, plain.objective, 0).model.named_parameters()]
    for name in names:
        assert np.allclose(defended.weights()[name], defended.weights()[name].round(1))
    assert any(not torch.equal(kept[f"model.{name}"], kept[f"model.{name}"].round(decimals=1)) for name in names)
    assert differ(train(plain).weights(), defended.weights())


def test_an_answer_stage_defence_changes_answers_and_not_weights(plain: Owned) -> None:
    """Catches a defence that never sees a query."""
    defended, undefended = train(plain.protect(RoundedAnswers())), train(plain)
    assert not differ(defended.weights(), undefended.weights())
    assert np.allclose(defended.embeddings(RECORDS), undefended.embeddings(RECORDS).round(1))


def test_the_owners_success_is_that_of_the_released_model(plain: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a defence that costs nothing because the undefended model was measured."""
    test = molecules(20, start=100)
    crude = plain.protect(RoundedWeights(-1))  # all weights of the encoder become 0
    released, undefended = train(crude), plain.success(train(plain), test)
    told, masked = [], AttributeMasking._masked

    def listening(self: AttributeMasking, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        told.append(masked(self, batch))
        return told[-1]

    monkeypatch.setattr(AttributeMasking, "_masked", listening)
    success = crude.success(released, test)
    logits, element = (torch.cat(column) for column in zip(*told, strict=True))
    named = logits.argmax(1)
    assert success != undefended
    assert len(named.unique()) == 1  # of zeros the head can but name one element for every atom
    assert success["masked_atom_accuracy"] == pytest.approx((element == named).double().mean().item())


def test_no_defence_is_the_recipe_itself(plain: Owned) -> None:
    """Catches an empty defence in the key."""
    assert plain.protect(NoDefense()) == plain


def test_the_malicious_code_runs_before_the_defence(plain: Owned, tmp_path: Path) -> None:
    """Catches an attacker who has the last word; the key names the owner's records, and all code that changes them."""
    tampered = plain.replace(added_code=(FewerRecords(0.5),)).protect(FewerRecords(0.25))
    document = document_of(tampered.recipe, training_records(RECORDS, (), 0).fingerprints(), 0, None)
    assert [code["share"] for code in document["code"]] == [0.5, 0.25]
    assert train(tampered).key == tampered.store.folder("release", document).name
    two = RECORDS.take(np.arange(2))
    assert not differ(train(tampered).weights(), recipe_in(tmp_path / "two").train(two, rows(two), 0).weights())


def test_untrained_keeps_initial_weights_and_sees_the_statistics_of_the_records(plain: Owned) -> None:
    """Catches a control whose embeddings explode for want of statistics, or one that has learned."""
    untrained = plain.untrained(RECORDS, 7).weights()
    initial = initial_objective(plain.model, plain.objective, 7).model
    assert all(np.array_equal(untrained[name], value.detach().numpy()) for name, value in initial.named_parameters())
    statistics = [name for name in untrained if name.endswith(("running_mean", "running_var"))]
    assert statistics and all(np.abs(untrained[name]).max() > 0 for name in statistics)
    means = [untrained[name] for name in statistics if name.endswith("running_mean")]
    assert all((mean != 0).any() for mean in means)


def test_untrained_averages_over_all_batches_alike(plain: Owned) -> None:
    """Catches torch's running average, in which the last batch weighs most; the first layer's mean is linear."""
    one = plain.untrained(RECORDS, 7).weights()["norms.0.running_mean"]
    halves = plain.replace(objective=objective_of(batch_size=16)).untrained(RECORDS, 7).weights()
    assert np.allclose(one, halves["norms.0.running_mean"], atol=0.05)


def test_untrained_is_repeatable_and_has_no_order(tmp_path: Path) -> None:
    """Catches dropout drawn from the global generator."""
    recipe = recipe_in(tmp_path, model=model_of(dropout=0.5))
    one = recipe.untrained(RECORDS, 7)
    torch.rand(1)
    other = recipe.untrained(RECORDS.take(np.arange(16)[::-1]), 7)
    assert one.key == other.key and not differ(one.weights(), other.weights())
    assert recipe.untrained(RECORDS, 8).key != one.key


class TestTransfer:
    """Pre-train on the pool, go on with fine-tuning records."""

    finetune = molecules(8, start=100)

    def child(self, parent: Owned, **changes: Any) -> Owned:
        settings = {"objective": objective_of("infograph", learning_rate=1e-30), **changes}
        return parent.replace(start=parent, finetune=self.finetune, **settings)

    def test_the_child_starts_from_the_parents_weights(self, plain: Owned) -> None:
        """Catches a start from initial weights; a learning rate of nothing leaves the parameters in place."""
        parent, child = train(plain), train(self.child(plain))
        names = [name for name, _ in initial_objective(plain.model, plain.objective, 0).model.named_parameters()]
        assert all(np.array_equal(child.weights()[name], parent.weights()[name]) for name in names)

    def test_the_childs_key_contains_the_parents(self, plain: Owned) -> None:
        """Catches one fine-tuned model for two pre-trained ones: another seed, pool or recipe of the parent."""
        child = self.child(plain)
        other_parent = child.replace(start=plain.replace(objective=objective_of(epochs=1)))
        fewer = child.train(RECORDS, np.arange(10), 0)
        assert len({train(child).key, train(other_parent).key, fewer.key}) == 3

    def test_a_defence_of_the_parents_release_is_in_the_childs_key(self, plain: Owned) -> None:
        """Catches a child of rounded weights served for a child of the weights themselves."""
        child = self.child(plain)
        rounded = child.replace(start=plain.protect(RoundedWeights()))
        quiet = child.replace(start=plain.protect(RoundedAnswers()))
        assert train(child).key == train(quiet).key != train(rounded).key
        assert differ(train(child).weights(), train(rounded).weights())

    def test_a_child_that_shares_no_weight_is_refused(self, plain: Owned) -> None:
        """Catches a transfer that silently starts from scratch."""
        with pytest.raises(InputError, match="another shape"):
            train(self.child(plain, model=model_of(width=16)))


def test_the_released_weights_are_those_of_the_fit(plain: Owned, tmp_path: Path) -> None:
    """Catches a rounding or a lost buffer on the way through the store."""
    direct = fitted(RECORDS, tmp_path / "direct", objective_of()).model.state_dict()
    assert not differ(train(plain).weights(), {name: value.numpy() for name, value in direct.items()})
