"""Encoders that begin at released weights: they are read by name, checked, and part of the key by what they hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from telltale.data.molecules.graphs import featurise
from telltale.errors import InputError
from telltale.models.released import hu2020
from telltale.models.released.start import StartedEncoder, document_of_start

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "hu2020_encoders"
RELEASED = sorted(FOLDER.glob("*.safetensors"))
SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "C", "C/C=C/c1ccc[nH]1", "C1CC1C#N"]
OPTIONS = {"_target_": "telltale.models.released.start.StartedEncoder", "kind": "gin"}
without_encoders = pytest.mark.skipif(not RELEASED, reason=f"no released encoders in {FOLDER}")


def slowly(state: dict[str, Tensor], kind: str, smiles: str) -> np.ndarray:
    """Embed one molecule by the equations of Hu et al. (appendix A), atom by atom, from weights in their names."""
    weights = {name: values.double().numpy() for name, values in state.items()}
    graph = featurise([smiles], workers=1)
    atoms, bonds, ends = graph.atoms.astype(int), graph.bonds.astype(int), graph.bond_ends.astype(int)
    chirality = np.concatenate([weights["x_embedding2.weight"], np.zeros((1, 300))])
    states = weights["x_embedding1.weight"][atoms[:, 0]] + chirality[atoms[:, 1]]
    number = len(atoms)
    heard = [[(v, (4, 0))] for v in range(number)]  # every atom hears itself, by a bond of its own type
    for source, target, bond in zip(*ends, bonds, strict=True):
        heard[target].append((source, tuple(bond)))
    for layer in range(5):
        at = f"gnns.{layer}."

        def edge(bond: tuple[int, int], at: str = at) -> np.ndarray:
            return weights[at + "edge_embedding1.weight"][bond[0]] + weights[at + "edge_embedding2.weight"][bond[1]]

        if kind == "gin":
            summed = np.stack([sum(states[u] + edge(bond) for u, bond in heard[v]) for v in range(number)])
            hidden = np.maximum(summed @ weights[at + "mlp.0.weight"].T + weights[at + "mlp.0.bias"], 0)
            after = hidden @ weights[at + "mlp.2.weight"].T + weights[at + "mlp.2.bias"]
        else:
            name = at + ("weight_linear" if kind == "gat" else "linear")
            mapped = states @ weights[name + ".weight"].T + weights[name + ".bias"]
            after = np.stack([_heard(kind, v, heard, mapped, edge, weights, at) for v in range(number)])
        norm = f"batch_norms.{layer}."
        mean, variance = weights[norm + "running_mean"], weights[norm + "running_var"]
        states = (after - mean) / np.sqrt(variance + 1e-5) * weights[norm + "weight"] + weights[norm + "bias"]
        states = np.maximum(states, 0) if layer < 4 else states
    return states.mean(0)


def _heard(kind, v, heard, mapped, edge, weights, at) -> np.ndarray:  # type: ignore[no-untyped-def]
    sent = [mapped[u] + edge(bond) for u, bond in heard[v]]
    if kind == "graphsage":
        mean = np.mean(sent, 0)
        return mean / max(np.linalg.norm(mean), 1e-12)
    if kind == "gcn":
        return sum(part / np.sqrt(len(heard[u]) * len(heard[v])) for part, (u, _) in zip(sent, heard[v], strict=True))
    own, heads = mapped[v].reshape(2, 300), [part.reshape(2, 300) for part in sent]
    attention = weights[at + "att"][0]
    logits = np.array([(np.concatenate([own, part], 1) * attention).sum(1) for part in heads])
    logits = np.where(logits > 0, logits, 0.2 * logits)
    shares = np.exp(logits - logits.max(0)) / np.exp(logits - logits.max(0)).sum(0)
    return (shares[..., None] * np.stack(heads)).sum(0).mean(0) + weights[at + "bias"]


@without_encoders
@pytest.mark.parametrize("file", RELEASED, ids=lambda file: file.stem)
def test_a_released_encoder_embeds_as_its_equations_say(file: Path) -> None:
    """Catches an atom, bond or layer that is not theirs: a slow forward of its own, from their names, agrees."""
    kind = file.stem.split("_")[0]
    encoder, state = StartedEncoder(kind, str(file)).eval(), load_file(file)
    with torch.no_grad():
        for smiles in SMILES:
            expected = slowly(state, kind, smiles)
            found = encoder(hu2020.graphs_of([smiles]))[0].double().numpy()
            assert np.abs(found - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())


def test_fresh_weights_are_drawn_and_others_are_read(tmp_path: Path) -> None:
    """Catches a start that is not loaded, and one that an encoder of other depth takes along."""
    torch.manual_seed(0)
    first, second = StartedEncoder("gin", None, 2, 8), StartedEncoder("gin", None, 2, 8)
    save_file(first.state_dict(), tmp_path / "first.safetensors")
    graph = hu2020.graphs_of(SMILES)
    with torch.no_grad():
        read = StartedEncoder("gin", str(tmp_path / "first.safetensors"), 2, 8).eval()
        assert torch.equal(read(graph), first.eval()(graph)) and not torch.equal(read(graph), second.eval()(graph))
        assert len(read.alike(3).convolutions) == 3 and isinstance(read.alike(3), StartedEncoder)
        for kind in hu2020.ENCODERS:
            assert StartedEncoder(kind, None, 2, 8).eval()(graph).shape == (len(SMILES), 8)


def test_the_key_has_what_the_file_holds_and_not_where_it_lies(tmp_path: Path) -> None:
    """Catches weights served for those of another start, and models trained again for a folder's name."""
    one, same, other = (tmp_path / f"{name}.safetensors" for name in ("one", "same", "other"))
    save_file({"x": torch.ones(2)}, one)
    shutil.copy(one, same)
    save_file({"x": torch.zeros(2)}, other)
    keys = [document_of_start(OPTIONS | {"start": str(file)})["start"] for file in (one, same, other)]
    assert keys[0] == keys[1] != keys[2]
    assert document_of_start(OPTIONS | {"start": None}) == {}
    assert document_of_start({"_target_": "mine.Net", "start": "here"}) == {}


@pytest.mark.parametrize(
    ("kind", "layers", "line"),
    [
        ("gcn", 2, r"^model\.start=.*: has no convolutions\.0\.linear\.weight, which model\.kind=gcn has"),
        ("gin", 1, r"^model\.start=.*: has convolutions\.1\..* too; the released ones have model\.layers=5"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_the_first_name(
    kind: str, layers: int, line: str, tmp_path: Path
) -> None:
    """Catches an encoder of which half is released and half is fresh."""
    save_file(StartedEncoder("gin", None, 2, 8).state_dict(), tmp_path / "gin.safetensors")
    with pytest.raises(InputError, match=line):
        StartedEncoder(kind, str(tmp_path / "gin.safetensors"), layers, 8)


def test_no_pickle_is_opened_and_another_width_is_told(tmp_path: Path) -> None:
    """Catches code that runs out of a checkpoint, and a traceback from shapes."""
    torch.save({"x": torch.ones(1)}, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=r"pickles are not opened"):
        StartedEncoder("gin", str(tmp_path / "theirs.pth"), 2, 8)
    save_file(StartedEncoder("gin", None, 2, 8).state_dict(), tmp_path / "gin.safetensors")
    with pytest.raises(InputError, match=r"element\.weight is \(120, 8\), the model has \(120, 16\)"):
        StartedEncoder("gin", str(tmp_path / "gin.safetensors"), 2, 16)
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"no safetensors file that can be read"):
        StartedEncoder("gin", str(tmp_path / "bad.safetensors"), 2, 8)
