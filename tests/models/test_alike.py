"""Atoms that look alike are computed once: the same embeddings, gradients and statistics as one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor

from telltale.data.molecules.alike import Alike
from telltale.data.molecules.arrivals import Arrivals
from telltale.data.molecules.batch import MoleculeBatch, to_batch
from telltale.data.molecules.graphs import featurise
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.corruption import drop_bonds
from telltale.objectives.infograph import InfoGraph
from tests.training.small import MODELS, model_of, molecules

SMILES = [*molecules(20).smiles, "C", "[Na+].[Cl-]", "C[C@H](N)C(=O)O", "C/C=C\\C"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"norm": "layer", "pooling": "sum", "jumping_knowledge": "max"},
    {"jumping_knowledge": "concat"},
]


def encoder(name: str, **options: Any) -> MoleculeEncoder:
    torch.manual_seed(0)
    model: MoleculeEncoder = instantiate(model_of(name, layers=3, **options))
    return model.double()


def batch_of(smiles: list[str]) -> MoleculeBatch:
    return to_batch(featurise(smiles, workers=1))


def all_of(model: MoleculeEncoder, batch: MoleculeBatch) -> list[Tensor]:
    """Return embeddings, gradients of a loss of them, and buffers after one step of training."""
    atoms, molecules = model.atom_embeddings(batch), model(batch)
    gradients = torch.autograd.grad(atoms.sin().sum() + molecules.square().sum(), [*model.parameters()])
    return [atoms.detach(), molecules.detach(), *gradients, *(buffer.double() for buffer in model.buffers())]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", MODELS)
def test_joined_atoms_are_those_of_one_by_one(name: str, options: dict[str, Any]) -> None:
    """Catches a state that is not counted as often as it has copies, in sums, BatchNorm, pooling or gradients."""
    batch = batch_of(SMILES)
    joined, apart = (all_of(encoder(name, **options), each) for each in (batch, batch.apart()))
    for one, other in zip(joined, apart, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_joining_spares_rows() -> None:
    """Catches colours that are finer than what convolutions can tell apart: correct, and no faster."""
    numbers = [layer.number for layer in batch_of(["c1ccccc1"] * 7).layers(3)]
    assert numbers == [1, 1, 1, 1]
    assert [layer.number for layer in batch_of(["CCO", "OCC"]).layers(2)] == [2, 3, 3]
    assert batch_of(["CCO", "CCCO"]).layers(0, with_degrees=True)[0].number == 3


def test_a_changed_batch_has_colours_of_its_own() -> None:
    """Catches colours of the data set's graphs on a batch whose bonds were dropped."""
    batch = drop_bonds(batch_of(SMILES), 0.5, "a test")
    assert batch.joined and batch.origin is None
    model = encoder("gin")
    torch.testing.assert_close(model(batch), model(batch.apart()), rtol=1e-6, atol=1e-6)


def test_a_batch_sees_the_colours_of_its_own_molecules() -> None:
    """Catches places counted in the whole data set, or in another batch of it."""
    graphs = featurise(SMILES, workers=1)
    rows = np.array([5, 2, 2, 20, 9])
    model = encoder("gcn")
    alone = to_batch(graphs.take(rows)).apart()
    torch.testing.assert_close(model(to_batch(graphs, rows=rows)), model(alone), rtol=1e-6, atol=1e-6)


def test_colours_do_not_depend_on_the_order_of_atoms() -> None:
    """Catches sums of words in which the order of neighbours counts."""
    alike = Alike(featurise(["CC(O)N", "OC(N)C", "NC(C)O"], workers=1))
    first = [alike.layers(np.arange(4 * k, 4 * k + 4), 3)[-1] for k in range(3)]
    assert {layer.number for layer in first} == {4}
    assert alike.layers(np.arange(12), 3)[-1].copies.tolist() == [3.0] * 4


def test_infograph_of_joined_atoms_is_infograph() -> None:
    """Catches pairs that are counted once for atoms that look alike, and an own molecule among the others."""
    losses = []
    for batch in (batch_of(SMILES), batch_of(SMILES).apart()):
        torch.manual_seed(0)
        objective = InfoGraph(encoder("gin"), 1, 8, 0.01).double()
        loss = objective(batch)
        losses.append([loss.detach(), *torch.autograd.grad(loss, [*objective.parameters()])])
    for one, other in zip(*losses, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("drawn", [[-1.0] * 12, [-2.0, 3.0, *[0.0] * 10], [3.0, -1.0, 1.0, 0.0] * 3])
def test_grovers_networks_reach_no_further_than_their_hops(drawn: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a network that ends a pass early or late, or is taken for another, where each passes as it has hops."""
    monkeypatch.setattr(torch, "randn", lambda number: torch.tensor(drawn))
    batch = batch_of(SMILES)
    joined, apart = (all_of(encoder("grover", heads=4), each) for each in (batch, batch.apart()))
    for one, other in zip(joined, apart, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_arrivals_spare_rows() -> None:
    """Catches colours that are finer than what arrives can tell apart, and an end of a chain that is said to hear."""
    atoms, bonds = (make(batch_of(["CCO"] * 7), False) for make in (Arrivals.of_atoms, Arrivals.of_bonds))
    assert [atoms.after(passes).number for passes in range(3)] == [2, 3, 3]
    assert [bonds.after(passes).number for passes in range(3)] == [2, 4, 4]  # at an end of the chain a bond hears none
    assert Arrivals.of_atoms(batch_of(["CCO"] * 7), True).after(0).number == 21
