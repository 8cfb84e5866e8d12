"""Corruptions equal a per-molecule reference, whichever molecules share the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import networkx
import numpy as np
import pytest
import torch

from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.graphs import MASKED_ELEMENT
from telltale.data.molecules.records import MoleculeRecords
from telltale.objectives import corruption
from telltale.objectives.attribute_masking import masked_atoms
from telltale.objectives.edge_prediction import unbonded_pairs
from telltale.training.batches import make_batch
from telltale.training.counter_random import record_keys, uniform
from tests.training.small import molecules

RATES = (0.0, 0.15, 0.2, 0.5, 1.0)


@pytest.fixture(scope="module")
def records() -> MoleculeRecords:
    odd = ["C", "CC", "[Na+].[Cl-]", "c1ccccc1", "C" * 40, "*C"]
    return MoleculeRecords.of([*molecules(60).smiles, *odd], "test")


def batch_of(records: MoleculeRecords, rows: np.ndarray | list[int] | None = None) -> MoleculeBatch:
    rows = np.arange(len(records)) if rows is None else np.asarray(rows)
    return make_batch(records.arrays(), rows, record_keys(records.fingerprints()[rows], 3, 5))


def piece(batch: MoleculeBatch, molecule: int) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
    """One molecule of a batch as plain lists: atoms, bonds, ends counted within the molecule."""
    atoms = batch.molecule_of == molecule
    bonds = batch.molecule_of[batch.ends[0]] == molecule
    ends = batch.ends[:, bonds] - batch.first_atom[molecule]
    return batch.atoms[atoms].tolist(), batch.bonds[bonds].tolist(), ends.T.tolist()


@pytest.mark.parametrize("rate", RATES)
def test_exactly_the_published_number_of_atoms_is_masked_and_dropped(records: MoleculeRecords, rate: float) -> None:
    """Catches numbers drawn over the batch, float32's rounding of n * rate, and rounding where the authors cut off."""
    batch = batch_of(records)
    sizes = torch.bincount(batch.molecule_of).tolist()
    masked, dropped = masked_atoms(batch, rate, "role"), corruption.share_of_atoms(batch, rate, "role")
    counts = [torch.bincount(batch.molecule_of[chosen], minlength=len(batch)).tolist() for chosen in (masked, dropped)]
    assert counts == [[min(size, int(rate * size + 1)) for size in sizes], [int(rate * size) for size in sizes]]


def test_of_22_atoms_four_are_masked() -> None:
    """Catches the nearest whole number, 3, where Hu et al. (2020) mask int(0.15 * 22 + 1)."""
    assert int(masked_atoms(batch_of(MoleculeRecords.of(["C" * 22], "test")), 0.15, "role").sum()) == 4


@pytest.mark.parametrize("rate", RATES)
def test_a_subgraph_is_one_connected_part_of_the_published_size(records: MoleculeRecords, rate: float) -> None:
    """Catches a part with gaps, one that never grows beyond its first atom's neighbours, and one of all pieces."""
    batch = batch_of(records)
    part = corruption.connected_part(batch, rate, "role")
    for molecule in range(len(batch)):
        atoms, _, ends = piece(batch, molecule)
        whole, kept = networkx.Graph(), networkx.Graph()
        for graph, (nodes, bonds) in ((whole, (atoms, ends)), (kept, piece(part, molecule)[::2])):
            graph.add_nodes_from(range(len(nodes)))
            graph.add_edges_from(bonds)
        most = len(atoms) - int(rate * len(atoms))
        pieces = [len(one) for one in networkx.connected_components(whole)]
        assert len(kept) in {min(most, size) for size in pieces}
        assert len(kept) == 0 or networkx.is_connected(kept)


def test_a_subgraph_grows_anywhere() -> None:
    """Catches a part that always holds the first atom, or grows the same way for every molecule and epoch."""
    chain = replace(batch_of(MoleculeRecords.of(["C" * 30], "test"), [0] * 400), keys=torch.arange(400) * 7919)
    places = torch.stack([torch.arange(30).repeat(400), torch.zeros(400 * 30, dtype=torch.int64)], 1)
    kept = corruption.connected_part(chain.with_atoms(places), 0.5, "role")
    assert kept.sizes().tolist() == [15] * 400
    begins = torch.bincount(kept.atoms[kept.first_atom, 0], minlength=16)
    assert len(begins) == 16 and (begins[1:15] > 5).all()


def test_masked_are_the_atoms_with_the_lowest_draws(records: MoleculeRecords) -> None:
    """Catches an inverse permutation taken for the permutation."""
    batch = batch_of(records)
    masked = masked_atoms(batch, 0.3, "role")
    for molecule in range(len(batch)):
        size = int((batch.molecule_of == molecule).sum())
        draws = uniform(batch.keys[molecule].expand(size), "role", torch.arange(size))
        lowest = set(draws.argsort()[: int(0.3 * size + 1)].tolist())
        own = masked[batch.molecule_of == molecule]
        assert set(own.nonzero().flatten().tolist()) == lowest


def test_every_atom_is_masked_equally_often(records: MoleculeRecords) -> None:
    """Catches a preference for an atom's place: the first atom of a SMILES is no more private than the last."""
    one = batch_of(records, [0])
    size = len(one.atoms)
    counts = torch.zeros(size)
    for epoch in range(2000):
        keys = torch.from_numpy(record_keys(records.fingerprints()[:1], 0, epoch))
        drawn = MoleculeBatch(one.atoms, one.bonds, one.ends, one.molecule_of, one.first_atom, keys)
        counts += masked_atoms(drawn, 0.15, "role")
    expected = 2000 * int(0.15 * size + 1) / size
    assert ((counts - expected).abs() < 5 * expected**0.5).all()


def test_kept_atoms_carry_the_bonds_between_them_and_no_other(records: MoleculeRecords) -> None:
    """Catches an off-by-one in the new indices, and bonds that lost an end."""
    batch = batch_of(records)
    kept = ~corruption.share_of_atoms(batch, 0.4, "role")
    smaller = corruption.drop_atoms(batch, 0.4, "role")
    assert len(smaller) == len(batch)  # a molecule may become empty, none disappears
    for molecule in range(len(batch)):
        atoms, bonds, ends = piece(batch, molecule)
        stay = kept[batch.molecule_of == molecule].tolist()
        new = {old: place for place, old in enumerate(old for old, stays in enumerate(stay) if stays)}
        both = [(bond, end) for bond, end in zip(bonds, ends, strict=True) if stay[end[0]] and stay[end[1]]]
        expected = (
            [atoms[old] for old in new],
            [bond for bond, _ in both],
            [[new[end[0]], new[end[1]]] for _, end in both],
        )
        assert piece(smaller, molecule) == expected


def test_hops_are_those_of_a_breadth_first_search(records: MoleculeRecords) -> None:
    """Catches one hop too many or too few, and hops that leak from one molecule to the next."""
    batch = batch_of(records)
    centres = corruption.choose_atom(batch, "role")
    assert torch.equal(batch.molecule_of[centres], torch.arange(len(batch)))
    graph = networkx.Graph(batch.ends.T.tolist())
    graph.add_nodes_from(range(len(batch.atoms)))
    for furthest in (1, 3, 50):
        found = corruption.hops_from(batch, centres, furthest).tolist()
        expected = [furthest + 1] * len(batch.atoms)
        for centre in centres.tolist():
            for atom, hops in networkx.single_source_shortest_path_length(graph, centre, furthest).items():
                expected[atom] = hops
        assert found == expected


def test_a_bond_is_dropped_in_both_directions(records: MoleculeRecords) -> None:
    """Catches a directed draw, which would leave half a bond behind; and a rate that is not the rate."""
    batch = batch_of(records)
    smaller = corruption.drop_bonds(batch, 0.3, "role")
    ends = {tuple(pair) for pair in smaller.ends.T.tolist()}
    assert ends == {(second, first) for first, second in ends}
    assert 0.6 < smaller.ends.shape[1] / batch.ends.shape[1] < 0.8
    assert corruption.drop_bonds(batch, 0.0, "role").ends.shape == batch.ends.shape
    assert corruption.drop_bonds(batch, 1.0, "role").ends.shape[1] == 0


def test_hidden_atoms_are_the_mask_token_and_the_others_untouched(records: MoleculeRecords) -> None:
    """Catches a mask that leaves the chirality to be read."""
    batch = batch_of(records)
    hidden = corruption.share_of_atoms(batch, 0.2, "role")
    atoms = corruption.hide_atoms(batch, 0.2, "role").atoms
    assert torch.equal(atoms[~hidden], batch.atoms[~hidden])
    assert (atoms[hidden] == torch.tensor([MASKED_ELEMENT, 0])).all()


@pytest.mark.parametrize("corrupt", [corruption.drop_atoms, corruption.hide_atoms, corruption.drop_bonds])
def test_a_molecule_is_corrupted_alike_alone_and_in_any_batch(
    records: MoleculeRecords, corrupt: Callable[[MoleculeBatch, float, str], MoleculeBatch]
) -> None:
    """Catches draws that depend on company: DDP would then train on other corruptions than one process."""
    order = np.random.default_rng(0).permutation(len(records))
    together = corrupt(batch_of(records, order), 0.3, "role")
    for place, row in enumerate(order):
        assert piece(together, place) == piece(corrupt(batch_of(records, [row]), 0.3, "role"), 0)


def test_centres_and_unbonded_pairs_do_not_depend_on_company(records: MoleculeRecords) -> None:
    """Catches the same in context and in edge prediction."""
    together = batch_of(records)
    centres, pairs = corruption.choose_atom(together, "role"), unbonded_pairs(together)
    for row in range(len(records)):
        alone = batch_of(records, [row])
        first = together.first_atom[row]
        assert corruption.choose_atom(alone, "role")[0] == centres[row] - first
        own = pairs[:, together.molecule_of[pairs[0]] == row] - first
        assert torch.equal(unbonded_pairs(alone), own)


def test_unbonded_pairs_are_unbonded_distinct_and_within_one_molecule(records: MoleculeRecords) -> None:
    """Catches a bond, an atom paired with itself, a pair drawn twice, or two molecules taken for an unbonded pair."""
    batch = batch_of(records)
    pairs = unbonded_pairs(batch)
    bonds = {tuple(pair) for pair in batch.ends.T.tolist()}
    drawn = [tuple(pair) for pair in pairs.T.tolist()]
    assert len(set(drawn)) == len(drawn) and not bonds & set(drawn)
    assert (pairs[0] != pairs[1]).all() and (batch.molecule_of[pairs[0]] == batch.molecule_of[pairs[1]]).all()


@pytest.mark.parametrize(
    ("smiles", "expected"), [("CCCCCC", 5), ("c1ccccc1", 6), ("CCC", 2), ("C1CC1", 0), ("CC", 0), ("C", 0)]
)
def test_there_are_as_many_unbonded_pairs_as_bonds(smiles: str, expected: int) -> None:
    """Catches a pair for every atom: hexane has 5 bonds; propane's only 2 are its ends, either first."""
    assert unbonded_pairs(batch_of(MoleculeRecords.of([smiles], "test"))).shape[1] == expected


def test_every_unbonded_pair_is_drawn_equally_often() -> None:
    """Catches a preference for pairs of early atoms: butane's ordered pairs are 0-2, 0-3, 1-3, and back."""
    chain = MoleculeRecords.of(["CCCC"], "test")
    epochs = [record_keys(chain.fingerprints(), 0, epoch) for epoch in range(2000)]
    many = make_batch(chain.arrays(), np.zeros(2000, int), np.concatenate(epochs))
    first, second = unbonded_pairs(many) % 4
    counts = torch.bincount(first * 4 + second)
    assert (counts > 0).sum() == 6
    assert ((counts[counts > 0] - 1000).abs() < 5 * 1000**0.5).all()
