"""Views and parts: connected subgraphs and sides of cuts are what they say, and the same for every model."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from rdkit import Chem

from telltale.attacks.embedding_membership.subgraphs import bond_ends, grown_subgraphs, owners
from telltale.attacks.embedding_membership.views import shifted, sides_of, views_of
from telltale.data.images.records import ImageRecords
from telltale.data.molecules.graphs import MoleculeGraphs
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.tables.records import TableRecords
from tests.training.small import molecules


@pytest.fixture(scope="module")
def records() -> MoleculeRecords:
    return molecules(50)


def graph(graphs: MoleculeGraphs, place: int) -> networkx.Graph:
    one = graphs.take(np.array([place]))
    built = networkx.Graph()
    built.add_nodes_from((atom, {"features": tuple(row)}) for atom, row in enumerate(one.atoms.tolist()))
    ends = zip(*one.bond_ends.tolist(), one.bonds.tolist(), strict=True)
    built.add_edges_from((i, j, {"features": tuple(row)}) for i, j, row in ends)
    return built


def test_views_are_connected_parts_of_the_right_size(records: MoleculeRecords) -> None:
    """Catches a view that falls apart, has too many atoms, or is of another molecule."""
    views = views_of(records, 3, 0.8, seed=0)
    for place in range(0, len(views), 7):
        whole, view = graph(records.arrays(), place // 3), graph(views.arrays(), place)
        assert len(view) == round(0.8 * len(whole)) and networkx.is_connected(view)
        matcher = networkx.algorithms.isomorphism.GraphMatcher(
            whole, view, lambda one, other: one == other, lambda one, other: one == other
        )
        assert matcher.subgraph_is_isomorphic()  # induced: no bond between its atoms is missing


def test_views_depend_on_the_seed_and_the_record_alone(records: MoleculeRecords) -> None:
    """Catches views drawn from a running generator: encoders would be asked for different ones."""
    views = views_of(records, 4, 0.8, seed=0)
    alone = views_of(records.take(np.array([9])), 4, 0.8, seed=0)
    assert np.array_equal(views.fingerprints()[36:40], alone.fingerprints())
    assert len(set(views.fingerprints()[36:40])) > 1
    assert (views_of(records, 4, 0.8, seed=1).fingerprints() != views.fingerprints()).mean() > 0.8
    assert np.array_equal(views.take(np.arange(36, 40)).fingerprints(), alone.fingerprints())


@pytest.mark.parametrize(("smiles", "atoms"), [("C", 1), ("CO", 2), ("CCCCC", 4), ("CC.OO.N", 4)])
def test_small_molecules_and_salts_have_views_too(smiles: str, atoms: int) -> None:
    """Catches an empty view, and growth that ends with the first component."""
    views = views_of(MoleculeRecords.of([smiles], "test"), 5, 0.8, seed=0)
    assert np.diff(views.arrays().atom_offsets).tolist() == [atoms] * 5


def test_growth_follows_the_draws() -> None:
    """Catches atoms chosen by anything else: C-C-C-C-C from the middle, to the side with the higher draws."""
    graphs = MoleculeRecords.of(["CCCCC"], "test").arrays()
    kept = grown_subgraphs(graphs, 0.6, np.array([0.8, 0.1, 0.9, 0.2, 0.3]))
    assert kept.tolist() == [False, False, True, True, True]
    owner, place = owners(graphs)
    assert owner.tolist() == [0] * 5 and place.tolist() == [0, 1, 2, 3, 4] and bond_ends(graphs).shape == (2, 8)


def sizes_by_rdkit(smiles: str) -> list[tuple[int, ...]]:
    molecule = Chem.MolFromSmiles(smiles)
    cut = [b for b in molecule.GetBonds() if b.GetBondType() == Chem.BondType.SINGLE and not b.IsInRing()]
    pieces = (Chem.FragmentOnBonds(molecule, [bond.GetIdx()], addDummies=False) for bond in cut)
    return sorted(tuple(sorted(map(len, Chem.GetMolFrags(piece)))) for piece in pieces)


def test_every_acyclic_single_bond_is_cut_once(records: MoleculeRecords) -> None:
    """Catches a ring opened, a double bond cut, a bond cut twice and atoms lost; RDKit finds the same cuts."""
    sides = sides_of(records, 100, seed=0)
    assert sides is not None
    sizes = np.sort(np.stack([sides.sizes[sides.first], sides.sizes[sides.second]], 1), 1)
    for place, smiles in enumerate(records.smiles):
        assert sorted(map(tuple, sizes[sides.molecule == place].tolist())) == sizes_by_rdkit(smiles)
    assert len(set(sides.parts.fingerprints())) == len(sides.parts)


def test_the_sides_of_a_cut_are_the_whole_without_its_bond(records: MoleculeRecords) -> None:
    """Catches sides of different cuts put together: atoms add up, and one bond is missing."""
    sides = sides_of(records, 2, seed=0)
    assert sides is not None and np.bincount(sides.molecule).max() <= 2
    whole, parts = records.arrays(), sides.parts.graphs
    for cut in range(0, len(sides.molecule), 5):
        one, other = parts.take(sides.first[[cut]]), parts.take(sides.second[[cut]])
        of = whole.take(sides.molecule[[cut]])
        assert sorted(of.atoms.tolist()) == sorted(one.atoms.tolist() + other.atoms.tolist())
        assert len(of.bonds) == len(one.bonds) + len(other.bonds) + 2
        assert all(networkx.is_connected(graph(side, 0)) for side in (one, other))


def test_molecules_without_a_cut_have_none() -> None:
    """Catches an error on molecules that cannot be cut at all."""
    sides = sides_of(MoleculeRecords.of(["c1ccccc1", "C", "C=C"], "test"), 3, seed=0)
    assert sides is not None and len(sides.molecule) == 0


def pictures(dtype: type) -> ImageRecords:
    pixels = np.random.default_rng(0).integers(1, 255, (20, 2, 28, 20)).astype(dtype)
    return ImageRecords(pixels / np.float32(255) if dtype is np.float32 else pixels, np.zeros(20, int), "test", ("a",))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_views_of_pictures_are_shifted_by_up_to_a_tenth_and_mirrored(dtype: type) -> None:
    """Catches pixels that wrap around, a shift too far, another type, and views that are all the same."""
    records = pictures(dtype)
    views = views_of(records, 4, 0.8, seed=0)
    assert views.pixels.dtype == dtype and views.pixels.shape == (80, 2, 28, 20)
    found = set()
    for place, view in enumerate(views.pixels):
        whole = np.pad(records.pixels[place // 4], ((0, 0), (2, 2), (2, 2)))
        candidates = {
            (mirror, down, right): np.array_equal(
                view, (whole[..., ::-1] if mirror else whole)[:, down:, right:][:, :28, :20]
            )
            for mirror in (False, True)
            for down in range(5)
            for right in range(5)
        }
        assert sum(candidates.values()) == 1
        found |= {key for key, fits in candidates.items() if fits}
    assert {mirror for mirror, _, _ in found} == {False, True}
    assert {down for _, down, _ in found} == set(range(5)) == {right for _, _, right in found}
    assert np.array_equal(views.pixels, views_of(records, 4, 0.8, seed=0).pixels)
    assert np.array_equal(views.pixels[8:12], views_of(records.take(np.array([2])), 4, 0.8, seed=0).pixels)


def test_a_shift_moves_to_the_right_by_a_positive_number() -> None:
    """Catches a shift by the other picture's number."""
    pixels = np.arange(1, 7, dtype=np.uint8).reshape(2, 1, 1, 3)
    assert shifted(pixels, np.array([1, -2]), 3).ravel().tolist() == [0, 1, 2, 6, 0, 0]


def test_kinds_of_data_without_views_or_parts_say_so() -> None:
    """Catches parts of pictures, and views of tables that nobody defined."""
    assert sides_of(pictures(np.uint8), 3, seed=0) is None
    with pytest.raises(TypeError, match="no views of TableRecords"):
        views_of(TableRecords.__new__(TableRecords), 3, 0.8, seed=0)
