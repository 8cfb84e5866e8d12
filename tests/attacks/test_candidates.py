"""Ring + motif molecules: what is joined, what it is called, and what the attacker knows of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from telltale.attacks.molextract.candidates import (
    Candidates,
    Pool,
    VocabularyOptions,
    enumerate_candidates,
    heavy_atoms,
    join,
    join_all,
)
from telltale.attacks.molextract.vocabulary import Block, Vocabulary
from telltale.data.molecules.moses import load
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import InputError

OPTIONS = VocabularyOptions(rings=10, motifs=25, largest_motif=8)


@pytest.fixture(scope="module")
def auxiliary() -> MoleculeRecords:
    return load(cache="outputs/cache/molecules").records.take(np.arange(250))


@pytest.fixture(scope="module")
def pool(auxiliary: MoleculeRecords) -> Candidates:
    return enumerate_candidates(MoleculeRecords(auxiliary.smiles, "auxiliary"), OPTIONS)


def parsed(smiles: np.ndarray) -> list[Chem.Mol]:
    return [Chem.MolFromSmiles(one) for one in smiles]


def joined(ring: Block, motif: Block) -> list[str]:
    return join_all(Vocabulary((ring,), (motif,)))[0]


def test_a_join_is_one_single_bond_in_place_of_two_hydrogens() -> None:
    """Catches a dropped or extra hydrogen, above all on [nH] and on charged atoms."""
    assert joined(Block("c1ccccc1", (0,), 1), Block("C", (0,), 1)) == ["Cc1ccccc1"]
    assert joined(Block("c1cc[nH]c1", (3,), 1), Block("CO", (0,), 1)) == ["OCn1cccc1"]
    assert joined(Block("C1CCNCC1", (3,), 1), Block("O=[NH+][O-]", (1,), 1)) == ["O=[N+]([O-])N1CCCCC1"]


def test_a_site_without_hydrogen_gives_no_molecule() -> None:
    """Catches an atom with one bond too many."""
    pyridine, methane = Chem.MolFromSmiles("c1ccncc1"), Chem.MolFromSmiles("C")
    assert join(pyridine, 3, methane, 0) is None


def test_all_pairs_of_sites_are_tried_and_equal_molecules_kept_once() -> None:
    """Catches a motif joined at its first site only, and duplicates in the pool."""
    ring, motif = Block("c1ccncc1", (0, 1, 2), 5), Block("CCO", (0, 2), 5)
    smiles, rings, motifs, proposed, valid = join_all(Vocabulary((ring, ring), (motif,)))
    assert (proposed, valid, len(smiles), len(set(smiles))) == (12, 12, 6, 6)
    assert set(rings) == {0}, "a molecule belongs to the first ring it arises from"
    assert set(motifs) == {0}


def test_candidates_are_valid_canonical_and_distinct(pool: Candidates) -> None:
    """Catches two spellings of one molecule, which would count as two hits."""
    assert len(pool) > 200
    assert [Chem.MolToSmiles(molecule) for molecule in parsed(pool.smiles)] == pool.smiles.tolist()
    assert len(set(pool.smiles)) == len(pool)
    assert len(pool) <= pool.valid <= pool.proposed
    assert pool.valid == pool.proposed, "every site of a learned block carries a hydrogen"


def test_a_candidate_contains_its_ring_and_its_motif(pool: Candidates) -> None:
    """Catches candidates filed under another ring or motif: intervals resample by ring."""
    rings, motifs = parsed(pool.ring_molecules.smiles), parsed(pool.motif_molecules.smiles)
    for molecule, ring, motif in zip(parsed(pool.smiles), pool.ring, pool.motif, strict=True):
        assert molecule.HasSubstructMatch(rings[ring]) and molecule.HasSubstructMatch(motifs[motif])


def test_the_heavy_atoms_of_the_parts_add_up(pool: Candidates) -> None:
    """Catches sizes |R|, |M| of Eq. (1) that count hydrogens, dummies or the wrong block."""
    ring_size, motif_size = pool.sizes
    assert np.array_equal(ring_size + motif_size, [molecule.GetNumHeavyAtoms() for molecule in parsed(pool.smiles)])
    assert np.array_equal(heavy_atoms(pool.molecules), ring_size + motif_size)


def test_the_label_is_that_of_a_naive_scan(pool: Candidates, auxiliary: MoleculeRecords) -> None:
    """Catches a wrong screen: this label is all the attacker trains on."""
    known = parsed(auxiliary.smiles)
    naive = [any(molecule.HasSubstructMatch(query) for molecule in known) for query in parsed(pool.smiles)]
    assert pool.in_auxiliary.tolist() == naive
    assert 0 < pool.in_auxiliary.sum() < len(pool)


def same(first: Candidates, second: Candidates) -> bool:
    arrays = ("smiles", "ring", "motif", "in_auxiliary")
    return (
        all(np.array_equal(getattr(first, name), getattr(second, name)) for name in arrays)
        and first.vocabulary == second.vocabulary
        and (first.proposed, first.valid) == (second.proposed, second.valid)
    )


def test_the_pool_is_the_same_every_time_and_from_disk(
    pool: Candidates, auxiliary: MoleculeRecords, tmp_path: Path
) -> None:
    """Catches an order that depends on hashing, and a file that loses or changes something."""
    found = []
    for _ in range(2):
        found.append(enumerate_candidates(MoleculeRecords(auxiliary.smiles, "x", cache=tmp_path), OPTIONS))
    assert len(list(tmp_path.glob("candidates-*.json"))) == 1
    assert same(pool, found[0]) and same(pool, found[1])


def test_a_damaged_file_on_disk_is_made_anew(pool: Candidates, auxiliary: MoleculeRecords, tmp_path: Path) -> None:
    """Catches a run that breaks for ever after one was killed while writing."""
    records = MoleculeRecords(auxiliary.smiles, "x", cache=tmp_path)
    enumerate_candidates(records, OPTIONS)
    (file,) = tmp_path.glob("candidates-*.json")
    file.write_text(file.read_text()[:100])
    assert same(pool, enumerate_candidates(records, OPTIONS))


def test_other_options_and_other_molecules_are_another_file(auxiliary: MoleculeRecords, tmp_path: Path) -> None:
    """Catches a key that forgets what changes the pool."""
    for smiles, options in (
        (auxiliary.smiles, VocabularyOptions(5, 5, 8)),
        (auxiliary.smiles, VocabularyOptions(5, 5, 4)),
        (auxiliary.smiles[:99], VocabularyOptions(5, 5, 8)),
    ):
        enumerate_candidates(MoleculeRecords(smiles, "x", cache=tmp_path), options)
    assert len(list(tmp_path.glob("candidates-*.json"))) == 3


def test_a_pool_is_enumerated_once_for_equal_molecules_and_anew_for_others(auxiliary: MoleculeRecords) -> None:
    """Catches rivals that wait for the candidates again, and candidates of another game's molecules."""
    pool, few = Pool(VocabularyOptions(3, 3, 6)), auxiliary.take(np.arange(60))
    candidates = pool.of(few)
    assert pool.of(MoleculeRecords(few.smiles.copy(), "the same")) is candidates
    others = auxiliary.take(np.arange(60, 120))
    assert pool.of(others) is not candidates and same(pool.of(others), enumerate_candidates(others, pool.options))


def test_a_users_list_replaces_what_would_be_learned(auxiliary: MoleculeRecords, tmp_path: Path) -> None:
    """Catches a list that is read and not used."""
    (tmp_path / "mine.txt").write_text("ring *c1ccccc1\nmotif *C\nmotif *OC\n")
    options = VocabularyOptions(1, 1, 1, str(tmp_path / "mine.txt"))
    found = enumerate_candidates(MoleculeRecords(auxiliary.smiles, "x", cache=tmp_path), options)
    assert found.smiles.tolist() == ["Cc1ccccc1", "COc1ccccc1"]
    assert not list(tmp_path.glob("candidates-*.json"))


def test_molecules_without_rings_are_refused_in_words() -> None:
    """Catches a crash on auxiliary molecules that teach nothing."""
    with pytest.raises(InputError, match="none has a ring with a substituent"):
        enumerate_candidates(MoleculeRecords.of(["CCO", "CCC"], "chains"), OPTIONS)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "x"])
def test_sizes_that_are_no_whole_numbers_are_refused(value: object) -> None:
    """Catches an empty vocabulary by a typing error."""
    with pytest.raises(InputError, match=r"attack\.rings="):
        VocabularyOptions(value, 1, 1)  # type: ignore[arg-type]
