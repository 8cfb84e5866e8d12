"""Whose molecules the attacker has, and what it grows from: words of attack.auxiliary and attack.templates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from telltale.attacks.molextract.auxiliary import AuxiliaryPool, hard
from telltale.attacks.molextract.candidates import VocabularyOptions
from telltale.attacks.molextract.ring_free import CHAINS, with_chains
from telltale.attacks.molextract.vocabulary import Block, Vocabulary
from telltale.data.molecules.moses import load
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.molecules.substructure import SubstructureIndex
from telltale.errors import InputError
from telltale.evaluation.frechet import frechet_chemnet_distances

OPTIONS = VocabularyOptions(rings=4, motifs=6, largest_motif=6)


@pytest.fixture(scope="module")
def molecules() -> MoleculeRecords:
    return load(cache="outputs/cache/molecules").records.take(np.arange(1200))


@pytest.fixture(scope="module")
def dealt(molecules: MoleculeRecords) -> MoleculeRecords:
    return molecules.take(np.arange(100))


@pytest.mark.parametrize("source", ["nci", "b3db"])
def test_another_source_gives_as_many_molecules_and_teaches_its_own_candidates(
    source: str, dealt: MoleculeRecords
) -> None:
    """Catches labels and rings that still come from the molecules that were dealt out."""
    pool = AuxiliaryPool(OPTIONS, source)
    chosen = pool.chosen(dealt)
    assert len(chosen) == len(dealt) and chosen.labels is None
    assert chosen.smiles.tolist() == AuxiliaryPool(OPTIONS, source).chosen(dealt).smiles.tolist()
    candidates = pool.of(dealt)
    assert (
        candidates.in_auxiliary == SubstructureIndex(chosen.smiles.tolist()).contains(list(candidates.smiles))
    ).all()
    assert candidates.digest != AuxiliaryPool(OPTIONS, "own").of(dealt).digest
    assert pool.notes(dealt, dealt)[0].startswith(f"auxiliary molecules: 100 of {chosen.source}; 0 of them")


def test_what_was_dealt_out_is_the_attackers_by_default(dealt: MoleculeRecords) -> None:
    pool = AuxiliaryPool(OPTIONS, "own")
    assert pool.chosen(dealt) is dealt and pool.notes(dealt, dealt) == ()


def test_the_hard_part_is_four_fifths_and_looks_at_nothing_else(dealt: MoleculeRecords) -> None:
    """Catches a choice that hangs on the order in which molecules were dealt."""
    kept = set(hard(dealt).smiles.tolist())
    assert len(kept) == 80 and kept < set(dealt.smiles.tolist())
    assert set(hard(dealt.take(np.arange(100)[::-1])).smiles.tolist()) == kept
    assert "the 80 least typical of 100" in AuxiliaryPool(OPTIONS, "hard").notes(dealt, dealt)[0]


@pytest.mark.slow
def test_the_hard_part_lies_farther_from_training_molecules_than_any_four_fifths(molecules: MoleculeRecords) -> None:
    """Catches a rule by which the Fréchet ChemNet distance does not rise, for which the paper keeps 80 %."""
    pytest.importorskip("fcd_torch")
    auxiliary, training = molecules.take(np.arange(600)), molecules.smiles[600:].tolist()
    rng = np.random.default_rng(0)
    parts = [hard(auxiliary), *(auxiliary.take(np.sort(rng.permutation(600)[:480])) for _ in range(3))]
    of_hard, *by_chance = frechet_chemnet_distances([part.smiles.tolist() for part in parts], training)
    assert of_hard > max(by_chance)  # type: ignore[operator, type-var]


def test_a_source_with_fewer_molecules_gives_all_it_has_and_says_so(dealt: MoleculeRecords) -> None:
    """Catches a smaller auxiliary set that nobody is told of: the paper's own 20,000 are more than there are."""
    many = replace(dealt, smiles=np.array(["C" * (1 + n) for n in range(5000)], object), labels=None)
    pool = AuxiliaryPool(OPTIONS, "nci")
    number = len(pool.chosen(many))
    assert 4000 < number < 5000
    assert pool.notes(many, dealt)[0].startswith(f"auxiliary molecules: {number:,} (all, in place of 5,000) of NCI")


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("attack.auxiliary", lambda: AuxiliaryPool(OPTIONS, "pubchem")),
        ("attack.templates", lambda: replace(OPTIONS, templates="chains")),
    ],
)
def test_a_word_that_is_none_is_refused(field: str, make: object) -> None:
    with pytest.raises(InputError, match=field):
        make()  # type: ignore[operator]


def test_chains_are_grown_at_each_carbon_up_to_symmetry() -> None:
    """Catches a site that is missed, one that counts twice, and counts that include carbons of a ring."""
    some = Vocabulary((Block("c1ccccc1", (0,), 3),), (Block("O", (0,), 2),))
    chains = with_chains(some, ["CCCCC1CCCC1", "CC", "c1ccccc1O"]).rings[1:]
    assert [block.smiles for block in chains] == list(CHAINS)
    assert [len(block.sites) for block in chains] == [1, 2, 2, 3, 3]
    assert [block.count for block in chains] == [2, 1, 1, 1, 1]


def test_candidates_of_chains_are_templates_of_their_own(dealt: MoleculeRecords) -> None:
    """Catches chains that are dropped on the way, or that take candidates from the rings."""
    rings = AuxiliaryPool(OPTIONS, "own").of(dealt)
    both = AuxiliaryPool(replace(OPTIONS, templates="rings_and_chains"), "own").of(dealt)
    assert len(both.vocabulary.rings) == len(rings.vocabulary.rings) + len(CHAINS)
    of_ring = both.ring < len(rings.vocabulary.rings)
    assert both.smiles[of_ring].tolist() == rings.smiles.tolist() and (~of_ring).sum() > 5
