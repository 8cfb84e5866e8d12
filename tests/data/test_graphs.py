"""Molecular graphs: equal to RDKit's atoms and bonds, however they are sliced, kept or made."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from telltale.data.molecules import graphs as module
from telltale.data.molecules import moses, nci
from telltale.data.molecules.graphs import MoleculeGraphs, featurise, featurise_cached
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import InputError

ODD = [
    "C[C@H](O)F",
    "C[C@@H](O)F",
    "F/C=C/F",
    "F/C=C\\F",
    "*C",
    "[Og]",
    "N->[Fe]",
    "C$C",
    "C[Pt@SP1](F)(Cl)Br",
    "C#N",
]
ARRAYS = ("atoms", "bonds", "bond_ends", "atom_offsets", "bond_offsets")


@pytest.fixture(scope="module")
def molecules() -> list[str]:
    lines = gzip.decompress(moses.EMBEDDED.read_bytes()).decode().split()
    return [*nci.load().records.smiles[:600], *lines[:300], *ODD]


def same(one: MoleculeGraphs, other: MoleculeGraphs) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ARRAYS]
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def test_every_atom_and_bond_is_rdkits(molecules: list[str]) -> None:
    graphs = featurise(molecules)
    types = {"SINGLE": 0, "DOUBLE": 1, "TRIPLE": 2, "AROMATIC": 3, "DATIVE": 0, "QUADRUPLE": 2}
    directions = {"NONE": 0, "ENDUPRIGHT": 1, "ENDDOWNRIGHT": 2}
    for row, text in enumerate(molecules):
        molecule = Chem.MolFromSmiles(text)
        one = graphs.take(np.array([row]))
        expected = [((a.GetAtomicNum() or 119) - 1, min(int(a.GetChiralTag()), 3)) for a in molecule.GetAtoms()]
        assert one.atoms.tolist() == [list(pair) for pair in expected]
        bonds = []
        for bond in molecule.GetBonds():
            i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            kind = types[bond.GetBondType().name], directions[bond.GetBondDir().name]
            bonds += [(i, j, *kind), (j, i, *kind)]
        assert [*zip(*one.bond_ends.tolist(), *one.bonds.T.tolist(), strict=True)] == bonds


def test_odd_molecules_use_every_feature() -> None:
    graphs = featurise(ODD)
    assert set(graphs.atoms[:, 1]) == {0, 1, 2, 3}
    assert set(graphs.bonds[:, 1]) == {0, 1, 2}
    assert graphs.atoms[:, 0].max() == module.OTHER_ELEMENT


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-10, 9), max_size=15))
def test_take_equals_featurising_the_taken(rows: list[int]) -> None:
    taken = featurise(ODD).take(np.array(rows, dtype=np.int64))
    assert same(taken, featurise([ODD[row] for row in rows]))


def test_take_accepts_a_mask_and_refuses_rows_that_are_not_there() -> None:
    graphs, mask = featurise(ODD), np.arange(len(ODD)) % 3 == 0
    assert same(graphs.take(mask), featurise([text for text, kept in zip(ODD, mask, strict=True) if kept]))
    with pytest.raises(IndexError):
        graphs.take(np.array([len(ODD)]))


def test_concatenate_joins_in_order_and_may_join_nothing() -> None:
    assert same(MoleculeGraphs.concatenate([featurise(ODD[:4]), featurise([]), featurise(ODD[4:])]), featurise(ODD))
    assert len(MoleculeGraphs.concatenate([])) == 0


def test_parallel_equals_serial(molecules: list[str]) -> None:
    many = molecules * 3
    assert same(featurise(many, workers=2), featurise(many, workers=1))


def test_cache_holds_what_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = featurise_cached(ODD, tmp_path)
    monkeypatch.setattr(module, "featurise", None)  # a call would fail
    assert same(featurise_cached(ODD, tmp_path), made)


def test_cache_knows_order_and_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    featurise_cached(ODD, tmp_path)
    assert same(featurise_cached(ODD[::-1], tmp_path), featurise(ODD[::-1]))
    monkeypatch.setattr(module, "FEATURES", "others")
    featurise_cached(ODD, tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 3


@pytest.mark.parametrize("damage", ["half", "garbage", "other", "empty"])
def test_damaged_cache_is_made_again(tmp_path: Path, damage: str) -> None:
    made = featurise_cached(ODD, tmp_path)
    (file,) = tmp_path.glob("*.npz")
    if damage == "other":
        featurise(ODD[:2]).save(file)
    else:
        whole = file.read_bytes()
        file.write_bytes({"half": whole[: len(whole) // 2], "garbage": b"x" * 99, "empty": b""}[damage])
    assert same(featurise_cached(ODD, tmp_path), made)
    assert same(MoleculeGraphs.load(file), made)


def test_load_refuses_pickles(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = {name: getattr(featurise(ODD), name) for name in ARRAYS}
    arrays["atoms"] = np.array([{"code": "anything"}], dtype=object)
    np.savez(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="holds no molecular graphs"):
        MoleculeGraphs.load(tmp_path / "x.npz")


def test_unreadable_smiles_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"dataset\.smiles=xyz: expected"):
        featurise(["CC", "xyz"])
    with pytest.raises(InputError, match=r"dataset\.smiles=xyz: expected"):
        featurise(["CC"] * 2500 + ["xyz"], workers=2)


def test_twenty_thousand_molecules_load_fast_from_cache(tmp_path: Path) -> None:
    smiles = nci.load().records.smiles.tolist() * 4
    started = time.perf_counter()
    featurise_cached(smiles, tmp_path)
    first = time.perf_counter() - started
    started = time.process_time()  # of this process: what else the machine does is no cost of the cache
    featurise_cached(smiles, tmp_path)
    again = time.process_time() - started
    assert again < 0.5
    assert first > 20 * again


def test_records_slice_their_graphs_and_properties(tmp_path: Path) -> None:
    properties = {"y": np.arange(len(ODD), dtype=float)}
    records = MoleculeRecords(MoleculeRecords.of(ODD, "odd").smiles, "odd", properties, tmp_path)
    rows = np.array([5, 1, 1])
    before = records.take(rows)
    records.arrays()
    after = records.take(np.array([9, 5, 1])).take(np.array([1, 2, 2]))
    assert same(before.arrays(), after.arrays())
    assert list(before.smiles) == list(after.smiles)
    assert after.properties is not None
    assert after.properties["y"].tolist() == [5, 1, 1]


def test_equal_molecules_have_equal_fingerprints() -> None:
    records = MoleculeRecords.of(["CCO", "OCC", "CCN"], "x")
    prints = records.fingerprints()
    assert (prints.dtype, prints.shape) == (np.dtype("S16"), (3,))
    assert prints[0] == prints[1] != prints[2]
    assert MoleculeRecords.of([], "x").fingerprints().shape == (0,)


def test_records_of_a_bad_smiles_are_refused() -> None:
    for bad in ("xyz", "", "CC\x01"):
        with pytest.raises(InputError, match=r"dataset\.smiles="):
            MoleculeRecords.of(["CC", bad], "x")
