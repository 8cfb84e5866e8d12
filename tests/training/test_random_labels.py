"""Random labels: a function of the molecule, learned by heart and by nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import InputError
from telltale.objectives.random_labels import RandomLabels, coin_flips, content_keys
from telltale.owner.preparation import initial_objective
from telltale.training.batches import evaluation_batches, make_batch
from telltale.training.counter_random import record_keys
from tests.training.small import fitted, model_of, molecules


def objective_of(**options: Any) -> dict[str, Any]:
    common = {"epochs": 2, "batch_size": 32, "learning_rate": 0.01}
    return {"_target_": "telltale.objectives.random_labels.RandomLabels", **common, **options}


def batch_of(records: MoleculeRecords, rows: np.ndarray | None = None, epoch: int = 0) -> MoleculeBatch:
    rows = np.arange(len(records)) if rows is None else rows
    return make_batch(records.arrays(), rows, record_keys(records.fingerprints()[rows], 0, epoch))


def test_labels_change_with_the_seed_and_not_with_epoch_or_batch() -> None:
    """Catches labels drawn from the batch's keys, which differ in each epoch: nothing could be learned by heart."""
    records, rows = molecules(300), np.random.default_rng(0).permutation(300)[:40]
    labels = coin_flips(batch_of(records), 16, seed=0)
    assert torch.equal(labels[rows], coin_flips(batch_of(records, rows, epoch=5), 16, seed=0))
    other = coin_flips(batch_of(records), 16, seed=1)
    assert 0.45 < (labels == other).float().mean() < 0.55
    assert 0.45 < labels.float().mean() < 0.55


def test_each_molecule_has_a_number_of_its_own() -> None:
    """Catches numbers that see the atoms and not the bonds, or not their order."""
    records = molecules(2000)
    assert len(set(content_keys(batch_of(records)).tolist())) == len(records)
    alike = MoleculeRecords.of(["CCCCO", "CCC(C)O", "CCCC=O", "CCOCC", "CC(C)CO", "C[C@H](F)O", "C[C@@H](F)O"], "test")
    assert len(set(content_keys(batch_of(alike)).tolist())) == len(alike)


def test_the_loss_is_the_mean_cross_entropy_over_molecules_and_labels() -> None:
    """Catches a sum over labels, and a label on the wrong molecule."""
    batch = batch_of(molecules(12))
    objective = initial_objective(model_of(), objective_of(labels=5), 0).eval()
    logits = objective.predict_labels(objective.model(batch)).detach().double().numpy()
    truth = coin_flips(batch, 5, 0).numpy()
    expected = -np.log(np.where(truth, 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(logits)))).mean()
    assert objective.training_step(batch, 0).item() == pytest.approx(expected, rel=1e-5)


def test_labels_are_learned_by_heart_and_only_those_trained_on(tmp_path: Path) -> None:
    """Catches labels that chemistry explains, and an accuracy measured on other molecules."""
    options = objective_of(epochs=150, batch_size=40)
    trained = fitted(molecules(40), tmp_path, options, model_of(width=64))
    found = trained.eval().success(evaluation_batches(molecules(100, start=40), 50))
    assert found["training_label_accuracy"] > 0.8
    assert 0.4 < found["held_out_label_accuracy"] < 0.6 and found["chance"] == 0.5


def test_training_accuracy_is_that_of_the_last_epoch_and_stays_with_the_owner() -> None:
    """Catches hits added up over epochs, counts while evaluating, and labels in the released encoder."""
    objective, batch = initial_objective(model_of(), objective_of(), 0), batch_of(molecules(20))
    assert isinstance(objective, RandomLabels)
    for epoch in (0, 0, 1):
        objective.at_epoch(epoch)
        objective.train().training_step(batch, 0)
        objective.eval().training_step(batch, 0)
        assert objective.seen == 20 * 16 * (2 if epoch == 0 and objective.seen > 320 else 1)
    assert {"right", "seen", "counted_epoch"} <= set(objective.state_dict())
    assert not [name for name in objective.model.state_dict() if "label" in name]


@pytest.mark.parametrize(("options", "field"), [({"labels": 0}, "labels"), ({"label_seed": -1}, "label_seed")])
def test_options_out_of_range_are_refused(options: dict[str, Any], field: str) -> None:
    """Catches an option that fails in the middle of training."""
    with pytest.raises(Exception) as refused:
        initial_objective(model_of(), objective_of(**options), 0)
    assert isinstance(refused.value.__cause__ or refused.value, InputError)
    assert f"objective.{field}" in str(refused.value.__cause__ or refused.value)
