"""Encoders: what they compute, and that company and numbering of atoms change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from rdkit import Chem

from telltale.data.molecules.batch import MoleculeBatch, to_batch
from telltale.data.molecules.graphs import SELF_LOOP, featurise
from telltale.errors import InputError
from telltale.models.gin import GIN, GINConvolution
from telltale.models.grover import Arriving, Heads
from telltale.models.molecule_encoder import MoleculeEncoder, with_self_loops
from tests.training.small import MODELS, model_of, molecules

every_model = pytest.mark.parametrize("name", MODELS)
SMILES = [*molecules(30).smiles, "C", "[Na+].[Cl-]"]


def encoder(name: str = "gin", **options: Any) -> MoleculeEncoder:
    """An encoder with BatchNorm statistics that are not the initial ones, in evaluation mode."""
    torch.manual_seed(0)
    model: MoleculeEncoder = instantiate(model_of(name, **options))
    with torch.no_grad():
        for _ in range(3):
            model(batch_of(SMILES))
    return model.eval()


def batch_of(smiles: list[str]) -> MoleculeBatch:
    return to_batch(featurise(smiles, workers=1))


@every_model
@pytest.mark.parametrize("options", [{}, {"jumping_knowledge": "concat", "pooling": "sum"}])
def test_a_batch_embeds_each_molecule_as_if_alone(name: str, options: dict[str, Any]) -> None:
    """Catches messages between molecules: an embedding would tell who else was asked for."""
    model = encoder(name, **options)
    together = model(batch_of(SMILES))
    alone = torch.cat([model(batch_of([text])) for text in SMILES])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5)


@every_model
def test_an_embedding_does_not_depend_on_the_numbering_of_atoms(name: str) -> None:
    """Catches sums over half the bonds, and messages along one direction only."""
    model, rng, renumbered = encoder(name), np.random.default_rng(0), []
    for text in SMILES:
        molecule = Chem.MolFromSmiles(text)
        order = rng.permutation(molecule.GetNumAtoms()).tolist()
        renumbered.append(Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False))
    assert sum(one != other for one, other in zip(SMILES, renumbered, strict=True)) > 20
    assert torch.allclose(model(batch_of(SMILES)), model(batch_of(renumbered)), rtol=1e-4, atol=1e-5)


@every_model
def test_different_molecules_have_different_embeddings(name: str) -> None:
    """Catches an encoder that loses what it is fed: elements, bond types, shape."""
    distances = torch.cdist(*(2 * [encoder(name)(batch_of(["CCO", "CCN", "C=CO", "CCCO", "CC#N"]))]))
    assert (distances + torch.eye(5) > 1e-4).all()


def test_a_network_of_grovers_bonds_hears_all_bonds_into_its_source_but_its_own_reverse() -> None:
    """Catches messages that come back, sums at the wrong end, and a head that passes fewer hops than it should."""
    batch = batch_of(["CC(=O)O", "C1CC1N"])
    torch.manual_seed(0)
    messages, pairs = torch.randn(5, len(batch.bonds), 3), [tuple(pair) for pair in batch.ends.T.tolist()]
    expected = torch.zeros_like(messages)
    for place, (source, target) in enumerate(pairs):
        for other, (_, into) in enumerate(pairs):
            if into == source and pairs[other] != (target, source):
                expected[:, place] += messages[:, other]
    assert torch.allclose(Arriving(batch.ends, len(batch.atoms), True)(messages), expected, atol=1e-5)
    atoms = torch.randn(5, len(batch.atoms), 3)
    around = torch.stack([sum(atoms[:, s] for s, t in pairs if t == atom) for atom in range(len(batch.atoms))], 1)
    assert torch.allclose(Arriving(batch.ends, len(batch.atoms), False)(atoms), around, atol=1e-5)


@pytest.mark.parametrize("hops", [1, 2, 4])
def test_grovers_embedding_of_an_atom_reaches_as_far_as_its_hops(hops: int) -> None:
    """Catches a network that stops early or goes on: a change at one end of a chain, seen from the other."""
    model = encoder("grover", layers=1, hops=hops, heads=2)
    one, other = (model.atom_embeddings(batch_of([text])) for text in ("CCCCCCCCCCCC", "CCCCCCCCCCCN"))
    changed = [place for place in range(12) if not torch.allclose(one[place], other[place], atol=1e-6)]
    assert changed == list(range(11 - hops, 12))


def test_grovers_weights_all_have_a_gradient_where_no_network_passes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a fit by several processes that ends at a step in which all hops drawn are one."""
    monkeypatch.setattr(torch, "randn", lambda number: torch.full((number,), -1.0))
    model = encoder("grover", layers=1, hops=2, heads=2).train()
    model.atom_embeddings(batch_of(["CCO", "CCN"])).sum().backward()
    assert all(of.passing.grad is not None for of in model.modules() if isinstance(of, Heads))


def test_a_gin_layer_is_its_formula() -> None:
    """Catches a missing self-loop, a bond embedding counted once for two directions, a transposed edge."""
    batch = batch_of(["CC(=O)O"])
    torch.manual_seed(0)
    layer, states = GINConvolution(8), torch.randn(4, 8)
    kinds, directions = layer.bond.bond_type.weight, layer.bond.direction.weight
    rows = []
    for atom in range(4):
        message = states[atom] + kinds[SELF_LOOP] + directions[0]
        for (source, target), (kind, direction) in zip(batch.ends.T.tolist(), batch.bonds.tolist(), strict=True):
            if target == atom:
                message = message + states[source] + kinds[kind] + directions[direction]
        first, second = layer.mlp[0], layer.mlp[2]
        rows.append((message @ first.weight.T + first.bias).clamp_min(0) @ second.weight.T + second.bias)
    assert torch.allclose(layer(states, *with_self_loops(batch)), torch.stack(rows), atol=1e-5)


def test_a_whole_gin_is_embed_convolve_normalise_and_pool() -> None:
    """Catches a ReLU after the last layer or none between, and pooling over the wrong atoms."""
    model, batch = encoder(), batch_of(SMILES)
    ends, bonds = with_self_loops(batch)
    hidden = model.element.weight[batch.atoms[:, 0]] + model.chirality.weight[batch.atoms[:, 1]]
    hidden = model.norms[0](model.convolutions[0](hidden, ends, bonds)).relu()
    hidden = model.norms[1](model.convolutions[1](hidden, ends, bonds))
    means = [hidden[batch.molecule_of == molecule].mean(0) for molecule in range(len(batch))]
    assert torch.allclose(model(batch), torch.stack(means), atol=1e-5)


@pytest.mark.parametrize("kind", ["last", "sum", "max", "concat"])
def test_jumping_knowledge_reads_out_the_layers_it_names(kind: str) -> None:
    """Catches an output width that does not fit, and a read-out that forgets the input embedding."""
    model, batch = encoder(jumping_knowledge=kind), batch_of(SMILES)
    layers = encoder(jumping_knowledge="concat").atom_embeddings(batch).split(8, dim=1)
    expected = {
        "last": layers[-1],
        "sum": sum(layers),
        "max": torch.stack(layers).amax(0),
        "concat": torch.cat(layers, 1),
    }[kind]
    found = model.atom_embeddings(batch)
    assert torch.allclose(found, expected, atol=1e-6) and found.shape[1] == model.output_width


def test_sum_pooling_is_mean_pooling_times_the_number_of_atoms() -> None:
    """Catches a mean over the batch; an empty molecule gives zeros and not NaN."""
    batch = batch_of(SMILES)
    sizes = torch.bincount(batch.molecule_of)[:, None]
    means, sums = encoder()(batch), encoder(pooling="sum")(batch)
    assert torch.allclose(sums, means * sizes, rtol=1e-4, atol=1e-4)
    nothing = batch.keep_atoms(batch.molecule_of != 3)
    assert (encoder()(nothing)[3] == 0).all()


@every_model
def test_alike_builds_the_same_kind_with_another_depth(name: str) -> None:
    """Catches an option that does not reach the context encoder."""
    options = {"jumping_knowledge": "sum", "pooling": "sum", "dropout": 0.1, "norm": "layer"}
    options |= {"gat": {"heads": 4}, "grover": {"heads": 2, "hops": 2}}.get(name, {})
    model = instantiate(model_of(name, **options))
    other = model.alike(layers=3)
    assert type(other) is type(model) and len(other.convolutions) == 3
    assert other.options == model.options == options and other.width == model.width


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("gin", "jumping_knowledge", "first"),
        ("gin", "pooling", "max"),
        ("gin", "norm", "group"),
        ("gin", "layers", 0),
        ("gin", "layers", 2.5),
        ("gin", "width", -1),
        ("gin", "dropout", 1.0),
        ("gat", "heads", 3),
        ("gat", "heads", 0),
    ],
)
def test_a_bad_option_is_refused_by_its_name(name: str, field: str, value: Any) -> None:
    """Catches an error from inside torch, which names nothing the user wrote."""
    with pytest.raises(InputError) as error:
        _TARGETS[name](**{"layers": 2, "width": 8, field: value})
    assert error.value.field == f"model.{field}"


_TARGETS: dict[str, Any] = {"gin": GIN, "gat": type(instantiate(model_of("gat")))}
