"""Rings, motifs and sites learned from molecules small enough to be cut by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem

from telltale.attacks.molextract.vocabulary import Block, learn, read
from telltale.errors import InputError


def rings(*molecules: str) -> dict[str, tuple[int, ...]]:
    return {block.smiles: block.sites for block in learn(molecules, 99, 99, 8).rings}


def motifs(*molecules: str, largest: int = 8) -> dict[tuple[str, tuple[int, ...]], int]:
    return {(block.smiles, block.sites): block.count for block in learn(molecules, 99, 99, largest).motifs}


def sites_of(ring: str, *marked: str) -> tuple[int, ...]:
    """Name the sites by what they are: `marked` are SMARTS whose first atom is meant, one representative each."""
    molecule = Chem.MolFromSmiles(ring)
    classes = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    found = set()
    for pattern in marked:
        hit = {classes[match[0]] for match in molecule.GetSubstructMatches(Chem.MolFromSmarts(pattern))}
        assert len(hit) == 1, f"{pattern} names {len(hit)} kinds of atoms of {ring}"
        found.add(classes.index(hit.pop()))
    return tuple(sorted(found))


def test_positions_of_a_ring_that_symmetry_makes_equal_are_one_site() -> None:
    """Catches six sites on benzene, or sites nobody substitutes (pyridine's 3 and 4 are never used here)."""
    assert rings("Cc1ccccc1", "Cc1ccc(F)cc1") == {"c1ccccc1": (0,)}
    assert rings("Cc1ccccn1") == {"c1ccncc1": sites_of("c1ccncc1", "c1ncccc1")}
    assert rings("Cc1ccccn1", "Cc1ccncc1") == {"c1ccncc1": sites_of("c1ccncc1", "c1ncccc1", "c1ccncc1")}


def test_a_ring_nobody_substitutes_is_no_ring_to_grow_from() -> None:
    """Catches blocks without a site."""
    assert rings("c1ccccc1", "C1CC1") == {}


def test_rings_that_share_atoms_are_one_block() -> None:
    """Catches fused, bridged and spiro systems cut to pieces, and biphenyl taken for one system."""
    assert list(rings("Cc1ccc2ccccc2c1")) == ["c1ccc2ccccc2c1"]
    assert list(rings("CC12CCC(CC1)C2")) == ["C1CC2CCC1C2"]
    assert list(rings("CN1CCC2(CCCC2)C1")) == ["C1CCC2(C1)CCNC2"]
    assert rings("c1ccc(-c2ccccc2)cc1") == {"c1ccccc1": (0,)}


def test_a_double_bonded_neighbour_stays_with_its_ring_and_what_hangs_on_it_does_not() -> None:
    """Catches a lost carbonyl, and the whole chain behind an exocyclic C=C or C=N swallowed by the ring."""
    assert rings("CN1CCCC1=O") == {"O=C1CCCN1": sites_of("O=C1CCCN1", "[NH]")}
    assert list(rings("CCCCC=C1CCCC1")) == ["C=C1CCCC1"]
    assert rings("CON=C1CCCC1") == {"N=C1CCCC1": sites_of("N=C1CCCC1", "[NH]")}


def test_an_aromatic_nitrogen_gets_its_hydrogen_back_at_the_right_place() -> None:
    """Catches n without H, and a site put on the other nitrogen: imidazole's two are told apart by H alone."""
    assert rings("Cn1cccc1") == {"c1cc[nH]c1": sites_of("c1cc[nH]c1", "[nH]")}
    assert rings("Cn1ccnc1") == {"c1c[nH]cn1": sites_of("c1c[nH]cn1", "[nH]")}
    assert rings("Cn1cccn1") == {"c1cn[nH]c1": sites_of("c1cn[nH]c1", "[nH]")}
    assert rings("Cc1c[nH]cn1") == {"c1c[nH]cn1": sites_of("c1c[nH]cn1", "c(c[nH])n")}
    assert rings("Cc1cnc[nH]1") == {"c1c[nH]cn1": sites_of("c1c[nH]cn1", "c([nH])cn")}


def test_motifs_are_the_small_sides_of_every_acyclic_single_bond() -> None:
    """Catches a missed side, one counted twice in a molecule, a ring bond cut, one atom too many or too few."""
    assert motifs("CCO") == {("CO", (0,)): 1, ("O", (0,)): 1, ("C", (0,)): 1, ("CC", (0,)): 1}
    assert motifs("CCO", largest=1) == {("O", (0,)): 1, ("C", (0,)): 1}
    assert motifs("CC(C)(C)C", largest=1) == {("C", (0,)): 1}
    assert motifs("C1CCCCC1", "C=C", "C#C") == {}


def test_one_fragment_attached_at_two_places_is_two_motifs() -> None:
    """Catches motifs merged over their sites, which the candidates need apart."""
    found = motifs("CCCO", "CC(C)O", largest=3)
    assert {sites for smiles, sites in found if smiles == "CCC"} == {(0,), (1,)}


def test_stereochemistry_changes_nothing() -> None:
    """Catches the hydrogen RDKit keeps on a double bond with stereo: the motif was lost."""
    flat, marked = "CC=CN(C)C1CCCCC1C(C)N", "C/C=C/N(C)[C@H]1CCCC[C@@H]1[C@H](C)N"
    assert learn([flat], 9, 99, 8) == learn([marked], 9, 99, 8)
    assert ("C=CC", (0,)) in motifs("C/C=C/Nc1ccccc1") or ("C=CC", (2,)) in motifs("C/C=C/Nc1ccccc1")


def test_frequency_counts_molecules() -> None:
    """Catches counting a molecule's two phenyls, attached in different ways, as two."""
    learned = learn(["Cc1ccc(-c2ccccc2)cc1", "CC1CC1", "OC1CC1"], 99, 99, 8)
    assert [(block.smiles, block.count) for block in learned.rings] == [("C1CC1", 2), ("c1ccccc1", 1)]


def test_the_most_frequent_blocks_are_kept_and_ties_are_settled_by_spelling() -> None:
    """Catches an order that depends on hashing, or on the order of the molecules."""
    molecules = ["CC1CC1", "CC1CCC1", "CC1CCCC1", "OC1CCCC1"]
    first, again = learn(molecules, 2, 2, 3), learn(molecules[::-1], 2, 2, 3)
    assert first == again
    assert [block.smiles for block in first.rings] == ["C1CCCC1", "C1CC1"]


def test_a_users_list_is_read_with_its_sites(tmp_path: Path) -> None:
    """Catches sites lost or taken from the learned list, and comments read as blocks."""
    file = tmp_path / "mine.txt"
    file.write_text("# mine\nring *c1ccncc1\n\nring *c1ccc(*)cc1\nmotif *C(=O)O\nmotif *n1ccnc1\n")
    found = read(str(file))
    assert found.rings == (Block("c1ccncc1", sites_of("c1ccncc1", "c1ccncc1"), 1), Block("c1ccccc1", (0,), 1))
    assert found.motifs[0].smiles == "O=CO"
    assert found.motifs[1] == Block("c1c[nH]cn1", sites_of("c1c[nH]cn1", "[nH]"), 1)


@pytest.mark.parametrize("line", ["ring c1ccccc1", "rings *C", "ring", "motif *c1cc", "motif *F(C)C", "*C"])
def test_a_bad_line_of_a_users_list_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    """Catches a block without a site or an unreadable one that disappears in silence."""
    file = tmp_path / "mine.txt"
    file.write_text(f"ring *c1ccncc1\nmotif *C\n{line}\n")
    with pytest.raises(InputError, match=r"attack\.vocabulary=.*mine\.txt:3: expected `ring\|motif SMILES`"):
        read(str(file))


@pytest.mark.parametrize("text", ["", "ring *c1ccncc1\n", "motif *C\n"])
def test_a_users_list_without_a_ring_or_a_motif_is_refused(tmp_path: Path, text: str) -> None:
    """Catches an attack with nothing to join."""
    (tmp_path / "mine.txt").write_text(text)
    with pytest.raises(InputError, match="needs at least one ring and one motif"):
        read(str(tmp_path / "mine.txt"))


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    """Catches a traceback for a mistyped path."""
    with pytest.raises(InputError, match="no such file"):
        read(str(tmp_path / "none.txt"))
