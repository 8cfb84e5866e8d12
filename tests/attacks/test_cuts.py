"""Whole molecules cut at ring bonds: the exact membership test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from telltale.attacks.molextract.attack import Molextract
from telltale.attacks.molextract.candidates import heavy_atoms
from telltale.attacks.molextract.cuts import cut_at_ring_bonds, part_whole_membership
from telltale.attacks.molextract.scoring import cosine
from telltale.data.molecules.moses import load
from telltale.data.molecules.records import MoleculeRecords

HARD = [
    "C[N+](C)(C)c1ccccc1",
    "C[C@H](N)c1ccccc1",
    "Cn1ccnc1",
    "C[n+]1ccccc1",
    "[Na+].[O-]C(=O)c1ccccc1",
    "F/C=C/c1ccccc1",
    "CON=C1CCCC1C",
    "C[S@](=O)c1ccccc1",
    "c1ccc(-n2cccn2)cc1",
]


def records(*smiles: str) -> MoleculeRecords:
    return MoleculeRecords.of(smiles, "test")


def hydrogens(smiles: str) -> int:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    return sum(atom.GetAtomicNum() == 1 for atom in molecule.GetAtoms())


@pytest.fixture(scope="module")
def molecules() -> MoleculeRecords:
    drugs = load(cache="outputs/cache/molecules").records.smiles[:60]
    return records(*HARD, *drugs)


def test_sides_are_molecules_whose_atoms_add_up_with_one_hydrogen_for_each_cut_end(molecules: MoleculeRecords) -> None:
    """Catches radicals, a hydrogen lost at [nH], N+ or a stereo centre, and a salt cut into its ions."""
    cuts = cut_at_ring_bonds(molecules, 10, seed=0)
    sides = cuts.sides.smiles
    assert len(cuts.molecule) > len(molecules)
    for place, ring, rest in zip(cuts.molecule, cuts.ring_of, cuts.rest_of, strict=True):
        whole, parts = molecules.smiles[place], (sides[ring], sides[rest])
        read = [Chem.MolFromSmiles(part) for part in parts]
        assert sum(hydrogens(part) for part in parts) == hydrogens(whole) + 2, (whole, parts)
        assert sum(atom.GetNumRadicalElectrons() for one in read for atom in one.GetAtoms()) == 0
        assert read[0].GetRingInfo().NumRings() > 0, "R is the side with the ring"
    size = heavy_atoms(cuts.sides)
    assert np.array_equal(size[cuts.ring_of] + size[cuts.rest_of], heavy_atoms(molecules)[cuts.molecule])


def test_each_acyclic_single_bond_at_a_ring_is_cut_once() -> None:
    """Catches a ring opened, a double bond cut, a chain's bond cut, and one bond cut twice."""
    cuts = cut_at_ring_bonds(records("CCCc1ccc(C=O)cc1", "O=C1CCCC1"), 10, seed=0)
    pairs = {(cuts.sides.smiles[r], cuts.sides.smiles[m]) for r, m in zip(cuts.ring_of, cuts.rest_of, strict=True)}
    assert pairs == {("O=Cc1ccccc1", "CCC"), ("CCCc1ccccc1", "C=O")}
    assert cuts.molecule.tolist() == [0, 0]


def test_no_molecule_is_cut_more_often_than_asked(molecules: MoleculeRecords) -> None:
    """Catches an option that does nothing, and a choice that is not the seed's."""
    first, again, other = (cut_at_ring_bonds(molecules, 2, seed) for seed in (1, 1, 2))
    assert np.bincount(first.molecule).max() == 2
    assert np.array_equal(first.sides.smiles, again.sides.smiles)
    assert not np.array_equal(first.sides.smiles, other.sides.smiles)


def formula_release(records: MoleculeRecords) -> np.ndarray:
    """Embed by element counts (C, N, O)."""
    formulas = [Chem.MolFromSmiles(smiles) for smiles in records.smiles]
    rows = [[sum(a.GetSymbol() == symbol for a in one.GetAtoms()) for symbol in "CNO"] for one in formulas]
    return np.array(rows, np.float32)


def test_a_molecule_without_a_cut_gets_the_median_of_the_others() -> None:
    """Catches NaN, and a molecule called (non-)member for having no ring bond."""
    release: Any = SimpleNamespace(embeddings=formula_release)
    wholes = records("CCO", "Oc1ccccc1", "NCCc1ccccn1", "OCCCN1CCNCC1")
    scores = part_whole_membership(release, cut_at_ring_bonds(wholes, 9, seed=0), 0.5, True)
    assert np.isfinite(scores).all()
    assert scores[0] == np.median(scores[1:])


def test_the_score_of_a_molecule_is_the_mean_of_its_cuts() -> None:
    """Catches sides of another molecule, and a sum instead of a mean."""
    release: Any = SimpleNamespace(embeddings=formula_release)
    wholes = records("Oc1ccc(CN)cc1", "CCO")
    scores = part_whole_membership(release, cut_at_ring_bonds(wholes, 9, seed=0), 0.5, False)
    whole = np.array([[7, 1, 1]] * 2)
    mixes = 0.5 * np.array([[7, 1, 0], [6, 0, 1]]) + 0.5 * np.array([[0, 0, 1], [1, 1, 0]])
    assert scores[0] == pytest.approx(cosine(whole, mixes).mean())


def test_no_ring_anywhere_gives_one_score_to_all() -> None:
    """Catches a crash on molecules that cannot be tested."""
    release: Any = SimpleNamespace(embeddings=lambda of: np.ones((len(of), 2), np.float32))
    assert part_whole_membership(release, cut_at_ring_bonds(records("CCO", "CCC"), 4, 0), 0.5, True).tolist() == [0, 0]


def test_where_nothing_can_be_cut_the_membership_test_is_left_out_and_that_is_noted() -> None:
    """Catches sides that are asked for where there are none: a traceback after everything is trained."""
    attack = Molextract("paper", k=1, rings=1, motifs=1, largest_motif=4)
    bare, mixed = (
        SimpleNamespace(challenge=records(*smiles), auxiliary=None, seed=0, owner=SimpleNamespace(store=None))
        for smiles in (("CCO", "CCC"), ("CCO", "Oc1ccccc1"))
    )
    world: Any = SimpleNamespace(knowledge=bare, releases=[None])  # a release that is asked ends the test
    found: Any = object()
    assert attack._with_membership(found, world) is found
    (note,) = attack.notes(bare)  # type: ignore[arg-type]
    assert note.endswith("2 of 2 challenge molecules have no bond at a ring to cut; it is left out")
    (note,) = attack.notes(mixed)  # type: ignore[arg-type]
    assert note.endswith("1 of 2 challenge molecules have no bond at a ring to cut; they get the median")


def test_hydrogen_counting_of_this_file_is_right() -> None:
    """Catches a test that proves nothing."""
    assert CalcMolFormula(Chem.MolFromSmiles("Cc1ccccc1")) == "C7H8" and hydrogens("Cc1ccccc1") == 8
