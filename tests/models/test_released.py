"""Networks of others, rebuilt: they answer as the released ones did, or as a slow and plain version does."""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem
from safetensors.torch import load_file
from torch import Tensor, nn

from telltale.errors import InputError
from telltale.models.released import chemprop, hu2020
from telltale.models.released.architectures import ARCHITECTURES, architecture

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
PREDICTORS = sorted(SHARED.glob("admetica/*/weights.safetensors"))
ENCODERS = sorted(SHARED.glob("hu2020_encoders/*.safetensors"))
SMILES = ["C", "C/C=C/[N+](C)(C)C", "C[C@H](O)c1ccccc1[Se]", "[Na+].[Cl-]", "O=S(=O)(O)C#N"]
TOLERANCE = 1e-4  # of the target's scale
WIDER = {("gcn_contextpred", 4), ("gat_contextpred", 4)}  # layers that kept a variance 30 times that of our molecules
without_data = pytest.mark.skipif(not PREDICTORS, reason=f"no released models in {SHARED}/admetica")
without_encoders = pytest.mark.skipif(not ENCODERS, reason=f"no released encoders in {SHARED}/hu2020_encoders")


def slowly(net: chemprop.Chemprop, smiles: str) -> Tensor:
    """Predict one molecule by the equations, bond by bond."""
    molecule = Chem.MolFromSmiles(smiles)
    atoms = [torch.tensor(chemprop.atom_features(atom)) for atom in molecule.GetAtoms()]
    bonds = {}
    for bond in molecule.GetBonds():
        u, v = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        bonds[u, v] = bonds[v, u] = torch.tensor(chemprop.bond_features(bond))
    layers = net.message_passing
    first = {(u, v): layers["W_i"](torch.cat([atoms[u], edge])) for (u, v), edge in bonds.items()}
    states = {edge: value.relu() for edge, value in first.items()}
    for _ in range(1, net.depth):
        heard = {(v, w): [states[u, x] for u, x in states if x == v and u != w] for v, w in states}
        states = {
            edge: (first[edge] + layers["W_h"](sum(heard[edge], torch.zeros(net.bn.num_features)))).relu()
            for edge in states
        }
    told = [
        sum((states[u, x] for u, x in states if x == v), torch.zeros(net.bn.num_features)) for v in range(len(atoms))
    ]
    whole = torch.stack([layers["W_o"](torch.cat(pair)).relu() for pair in zip(atoms, told, strict=True)]).mean(0)
    return net.predictor(net.bn(whole[None]))[0]


def test_messages_go_along_directed_bonds() -> None:
    """Catches a bond that hears itself, molecules of a batch that hear each other, and a lonely atom that is lost."""
    torch.manual_seed(0)
    net = chemprop.Chemprop(hidden=8).eval()
    nn.init.normal_(net.bn.running_mean)
    with torch.no_grad():
        together = net(chemprop.graphs_of(SMILES))
        assert torch.allclose(together, torch.stack([slowly(net, text) for text in SMILES]), atol=1e-5)
    assert len(set(together.tolist())) == len(SMILES)


def test_bonds_that_look_alike_are_one_state_and_change_no_answer() -> None:
    """Catches bonds or atoms taken for one another, and a gradient that forgets how many they stand for."""
    torch.manual_seed(0)
    net, graph = chemprop.Chemprop(hidden=8), chemprop.graphs_of([*zinc_like(20), *SMILES])
    answers, gradients = [], []
    for way in (net.states, net.atom_states):
        if way == net.atom_states:
            sizes = torch.bincount(graph.molecule_of)[:, None]
            sums = torch.zeros(len(sizes), 8).index_add_(0, graph.molecule_of, way(graph))
            answers.append(net.predictor(net.bn(sums / sizes)))
        else:
            answers.append(net(graph))
            assert len(way(graph)) < len(graph.atoms) and len(graph.layout(3).bonds) < len(graph.bonds) / 5
        (answers[-1] * torch.linspace(-1, 2, len(answers[-1]))).sum().backward()
        gradients.append([parameter.grad.clone() for parameter in net.parameters()])
        net.zero_grad()
    assert torch.allclose(*answers, atol=1e-6)
    for mine, plain in zip(*gradients, strict=True):
        assert (mine - plain).abs().max() <= 1e-5 * plain.abs().max()
    assert torch.allclose(net.eval()(graph)[-1], net(chemprop.graphs_of(SMILES[-1:]))[0], atol=1e-6)
    assert len(net(chemprop.graphs_of(["C"]))) == 1  # no bond at all


def test_a_layout_is_kept_where_nothing_moves() -> None:
    """Catches bonds that are laid out again for each model that is asked, since each moves them to where they are."""
    graph = chemprop.graphs_of(["CCO", "c1ccccc1"])
    assert graph.to("cpu").layout(3) is graph.layout(3)
    assert graph.to("meta").atoms.device.type == "meta"


def test_atoms_and_bonds_have_a_place_for_what_is_unknown() -> None:
    """Catches an unknown element or stereo mark that is read as a known one."""
    graph = chemprop.graphs_of(["[Xe]", "C/C=C/C"])
    assert graph.atoms.shape[1] == 72 and graph.bonds.shape[1] == 14
    assert graph.atoms[0, len(chemprop.ELEMENTS)] == 1 and graph.atoms[1, 5] == 1  # another; carbon
    assert torch.equal(graph.bonds[0::2], graph.bonds[1::2])
    with pytest.raises(InputError, match="row 1"):
        chemprop.graphs_of(["C", "no molecule"])


@without_data
@pytest.mark.parametrize("weights", PREDICTORS[:1], ids=lambda file: file.parent.name)
def test_chemprop_predicts_what_the_released_model_did(weights: Path) -> None:
    """Catches a feature at another place, and a step of the network that is not theirs."""
    assert largest_miss(weights, 150) < TOLERANCE


@without_data
@pytest.mark.slow
@pytest.mark.parametrize("weights", PREDICTORS, ids=lambda file: file.parent.name)
def test_chemprop_predicts_every_molecule_as_the_released_models_did(weights: Path) -> None:
    """Catches the odd molecule that is featurised otherwise."""
    assert largest_miss(weights, None) < TOLERANCE


def largest_miss(weights: Path, rows: int | None) -> float:
    """Return the largest difference to the released predictions, in scales of the target."""
    import pandas as pd

    frame = pd.read_csv(weights.parent / "table.csv.gz", nrows=rows)
    net = chemprop.Chemprop().eval()
    net.load_state_dict(load_file(weights))
    smiles = frame["smiles"].tolist()
    with torch.no_grad():
        parts = [net(chemprop.graphs_of(smiles[start : start + 64])) for start in range(0, len(smiles), 64)]
    scale = float(net.predictor.output_transform.scale)
    return float(np.abs(torch.cat(parts).numpy() - frame["prediction"].to_numpy()).max() / scale)


def zinc_like(number: int) -> list[str]:
    """Return molecules of MOSES, which are from ZINC."""
    place = files("telltale.data.embedded") / "moses_50k.smi.gz"
    with place.open("rb") as stream, gzip.open(stream, "rt") as lines:
        return [line.split()[0] for line, _ in zip(lines, range(number), strict=False)]


def before_norms(net: nn.Module, smiles: list[str]) -> list[Tensor]:
    """Return what each BatchNorm is given: a list of (atoms, width)."""
    given: list[Tensor] = []
    hooks = [norm.register_forward_hook(lambda _, inputs, __: given.append(inputs[0])) for norm in net.norms]
    with torch.no_grad():
        net(hu2020.graphs_of(smiles).apart())  # every atom counts, also those that look alike
    for hook in hooks:
        hook.remove()
    return given


@without_encoders
@pytest.mark.parametrize("file", ENCODERS, ids=lambda file: file.stem)
def test_each_layer_has_the_statistics_that_its_batch_norm_kept(file: Path) -> None:
    """Catches features, a convolution or an order of layers that are not those the encoder was trained with."""
    net = hu2020.encoder(file.stem.split("_")[0]).eval()
    net.load_state_dict(hu2020.renamed(load_file(file)))
    given = before_norms(net, zinc_like(100))
    assert len(given) == hu2020.LAYERS
    for layer, states in enumerate(given):
        kept, other = net.norms[layer], net.norms[(layer + 1) % hu2020.LAYERS]
        assert alike(states, kept) > 0.8
        assert alike(states, other) < 0.3
        assert distance(states, kept) < min(0.3, distance(states, other))
        spread = np.corrcoef(states.var(0).log(), kept.running_var.log())[0, 1]
        assert (spread > 0.8) == ((file.stem, layer) not in WIDER)
    with torch.no_grad():
        net.convolutions[0].bond.bond_type.weight.copy_(net.convolutions[0].bond.bond_type.weight.roll(1, 0))
    moved = before_norms(net, zinc_like(100))
    assert distance(moved[0], net.norms[0]) > 2 * distance(given[0], net.norms[0])  # bonds are told apart, too


def alike(states: Tensor, norm: nn.BatchNorm1d) -> float:
    """Correlate the means of features with those kept."""
    return float(np.corrcoef(states.mean(0), norm.running_mean)[0, 1])


def distance(states: Tensor, norm: nn.BatchNorm1d) -> float:
    """Return the median over features of how far means are apart, in kept deviations."""
    return float(((states.mean(0) - norm.running_mean).abs() / norm.running_var.sqrt()).median())


@pytest.mark.parametrize("kind", hu2020.ENCODERS)
def test_a_state_dict_in_their_names_fits(kind: str) -> None:
    """Catches a name that is not translated, and a third chirality that is none of theirs."""
    net = hu2020.encoder(kind, layers=2, width=8)
    theirs = {}
    for name, values in net.state_dict().items():
        for their, ours in reversed(hu2020.NAMES):
            name = name if kind != "gat" and their == ".weight_linear." else name.replace(ours, their)
        theirs[name.replace(".attention", ".att")] = values[:3] if name == "x_embedding2.weight" else values
    assert not set(theirs) & set(net.state_dict())
    again = hu2020.encoder(kind, layers=2, width=8)
    again.load_state_dict(hu2020.renamed(theirs))
    with torch.no_grad():
        graph = hu2020.graphs_of(["CC(=O)O", "C"])
        assert torch.equal(net.eval()(graph), again.eval()(graph))


def test_a_fine_tuned_encoder_keeps_its_head() -> None:
    """Catches a head that is left behind, and several of which nobody knows which is meant."""
    net = hu2020.predictor("gin", layers=2, width=8)
    state = {name.replace("gnn.convolutions", "gnn.gnns"): values for name, values in net.state_dict().items()}
    ours = hu2020.renamed(state)
    again = hu2020.network("gin", **hu2020.options_of(ours))
    again.load_state_dict(ours)
    with torch.no_grad():
        graph = hu2020.graphs_of(["CC(=O)O", "C"])
        assert torch.equal(net.eval()(graph), again.eval()(graph))
    assert hu2020.options_of(hu2020.renamed(net.gnn.state_dict())) == {"layers": 2, "width": 8, "head": False}
    with pytest.raises(InputError, match="2 heads"):
        hu2020.options_of(ours | {hu2020.HEAD: torch.zeros(2, 8)})


def test_an_architecture_that_is_not_there_is_told() -> None:
    """Catches a traceback for a typing error."""
    assert architecture("chemprop").gives == "values"
    with pytest.raises(InputError, match="hu2020_gat"):
        architecture("hu2020_gatt")
    assert {"hu2020_gin", "hu2020_gcn", "hu2020_graphsage", "hu2020_gat", "chemprop"} == set(ARCHITECTURES)
