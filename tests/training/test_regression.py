"""Regression: measured values are learned, are part of what a record is, and are all that is answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.attacks.molextract.attack import Molextract
from telltale.attacks.molextract.scalar import ScalarRelease
from telltale.data.molecules import b3db, smiles
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.records import found_in
from telltale.errors import AccessDeniedError, InputError
from telltale.owner.preparation import initial_objective
from telltale.training.batches import evaluation_batches
from tests.training.small import model_of, molecules, recipe_in


def objective_of(**options: Any) -> dict[str, Any]:
    common = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01}
    return {"_target_": "telltale.objectives.regression.Regression", **common, **options}


def measured(number: int = 24, seed: int = 0) -> MoleculeRecords:
    return replace(molecules(number), values=np.random.default_rng(seed).normal(size=number))


def test_the_loss_is_the_mean_squared_error_of_the_values() -> None:
    """Catches a value on the wrong molecule, and (n, 1) less (n,), which is (n, n)."""
    records = measured(12)
    objective = initial_objective(model_of(), objective_of(), 0).eval()
    batch = next(iter(evaluation_batches(records, 12, targets=objective.targets(records))))
    said = objective.model(batch.inputs).detach().double().numpy().reshape(-1)
    expected = np.square(said - records.values).mean()
    assert objective.training_step(batch, 0).item() == pytest.approx(expected, rel=1e-5)
    told = objective.success([batch])
    assert told["rmse"] == pytest.approx(expected**0.5, rel=1e-5)
    assert told["rmse_of_the_mean"] == pytest.approx(np.square(records.values).mean() ** 0.5, rel=1e-5)


def test_other_values_make_other_models_and_the_same_molecules(tmp_path: Path) -> None:
    """Catches a model that is found again in the store though it learned other values."""
    first, second = measured(), measured(seed=1)
    recipe = recipe_in(tmp_path, objective=objective_of())
    one, other = (recipe.train(records, np.arange(24), seed=0) for records in (first, second))
    assert one.key != other.key and recipe.train(measured(), np.arange(24), seed=0).key == one.key
    assert found_in(first, second).all() and not set(first.fingerprints()) & set(second.fingerprints())
    assert first.take(np.array([3])).values == first.values[3]  # type: ignore[index]


def test_a_value_stands_in_the_place_of_an_embedding_and_counts(tmp_path: Path) -> None:
    """Catches queries that a scalar release does not count, and an encoder that is asked behind its back."""
    records = measured()
    release = recipe_in(tmp_path, objective=objective_of()).train(records, np.arange(24), seed=0)
    scalar = ScalarRelease(owned := release.restricted(frozenset({"values"})))
    answers = scalar.embeddings(records)
    assert answers.shape == (24, 1) and np.allclose(answers[:, 0], release.values(records))
    assert owned.queries == {"values": 24} and scalar.restricted(scalar.access).embeddings(records).shape == (24, 1)
    with pytest.raises(AccessDeniedError):
        owned.embeddings(records)


OPTIONS: dict[str, Any] = {"scorer": "paper", "k": 5, "rings": 2, "motifs": 2, "largest_motif": 5, "cuts": 0}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"cuts": 2}, "attack.cuts=2: 0 with attack.answers=values"),
        ({"scorer": "calibrated", "calibrates": "fixed"}, "attack.calibrates=fixed: another one with attack.answers"),
        ({"rivals": ["mlp", "fixed"]}, "attack.rivals=fixed: another one"),
        ({"scorer": "fixed"}, "attack.scorer=fixed: another one"),
        ({"answers": "labels"}, "attack.answers=labels"),
    ],
)
def test_what_a_number_cannot_tell_is_refused(wrong: dict[str, Any], field: str) -> None:
    """Catches a cosine of numbers, 1 or -1, that is told as a score."""
    with pytest.raises(InputError, match=field):
        Molextract(**{**OPTIONS, "answers": "values", **wrong})
    rivals = Molextract(**OPTIONS, answers="values", rivals=["mlp", "released_code"]).rivals()
    assert {rival.access for rival in rivals.values()} == {frozenset({"values"})}


def test_measured_values_are_read_in_standard_deviations_from_their_mean(tmp_path: Path) -> None:
    """Catches a file's own unit, in which one learning rate cannot do for all, and a blank that is learned."""
    read = b3db.load(kind="values")
    assert len(read.records) == 1058 and read.records.labels is None
    assert (read.records.values.mean(), read.records.values.std()) == pytest.approx((0, 1), abs=1e-9)
    (tmp_path / "few.csv").write_text("smiles,t\nCC,1.5\nCCC,\nCCO,2.5\n")
    few = smiles.load(root=str(tmp_path / "few.csv"), label="t", kind="values")
    assert few.records.smiles.tolist() == ["CC", "CCO"] and few.records.values.tolist() == [-1.0, 1.0]
    assert "t is learned in standard deviations (0.5) from its mean, 2" in few.told
    (tmp_path / "one.csv").write_text("smiles,t\nCC,1.5\nCCC,1.5\n")
    with pytest.raises(InputError, match=r"dataset.label=t: fewer than two different values"):
        smiles.load(root=str(tmp_path / "one.csv"), label="t", kind="values")
