"""Objectives of encoders whose loss is of each molecule alone: private training clips what one molecule adds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from telltale.data.molecules.batch import to_batch
from telltale.data.molecules.graphs import featurise
from telltale.defenses.dp_sgd import DPSGD
from telltale.errors import InputError
from telltale.models.gin import GIN
from telltale.objectives.attribute_masking import AttributeMasking
from telltale.objectives.edge_prediction import EdgePrediction
from telltale.objectives.graphcl import GraphCL
from telltale.objectives.infograph import InfoGraph
from telltale.training.objective import Objective
from telltale.training.private.modes import inexactness, mode_of
from telltale.training.private.one_by_one import each_alone
from telltale.training.private.problem import with_labels

SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "C", "CCO", "c1ccncc1N", "C1CC1C#N", "OCC(N)C(F)(F)F", "CCCCCCCC"]
PRIVATE = [AttributeMasking, EdgePrediction]


def objective_of(kind: Any) -> Any:
    torch.manual_seed(0)
    return kind(GIN(2, 8, norm="layer"), epochs=1, batch_size=4, learning_rate=0.01)


def batch() -> Any:
    return with_labels(to_batch(featurise(SMILES, workers=1), np.arange(7) * 977 + 5))


@pytest.mark.parametrize("kind", PRIVATE)
def test_a_molecule_s_loss_is_the_same_alone_and_among_others(kind: type[Objective]) -> None:
    """Catches a loss that sees other molecules of the batch: then clipping one bounds nothing."""
    objective = objective_of(kind)
    together = objective.record_losses(batch())
    alone = torch.cat([objective.record_losses(one) for one in each_alone(batch())])
    assert together.shape == (len(SMILES),) and torch.allclose(together, alone, atol=1e-6)
    assert torch.isfinite(together).all() and len(set(together[[0, 2, 3]].tolist())) == 3


@pytest.mark.parametrize("kind", PRIVATE)
def test_of_one_molecule_it_is_the_objective_s_own_loss(kind: type[Objective]) -> None:
    """Catches another task under the same name: of one molecule both weigh the same atoms or pairs."""
    objective = objective_of(kind)
    for one in list(each_alone(batch()))[:4]:
        own = sum(term.total / term.number.clamp_min(1) for term in objective.terms(one.inputs))
        assert torch.allclose(objective.record_losses(one)[0], torch.as_tensor(own), atol=1e-6)


@pytest.mark.parametrize("kind", PRIVATE)
def test_gradients_of_molecules_are_exact_in_the_mode_that_is_chosen(kind: type[Objective]) -> None:
    """Catches rows of a layer that are counted to another molecule."""
    objective = objective_of(kind)
    DPSGD().prepare(objective)
    assert mode_of(objective) == "bookkeeping" and inexactness("bookkeeping", objective, batch()) == ""


@pytest.mark.parametrize("kind", [InfoGraph, GraphCL])
def test_a_loss_that_compares_molecules_is_refused(kind: type[Objective]) -> None:
    """Catches a guarantee for a molecule that is in the loss of all others."""
    with pytest.raises(InputError, match=rf"which {kind.__name__} has not; try attribute_masking or edge_prediction$"):
        DPSGD().prepare(objective_of(kind))
