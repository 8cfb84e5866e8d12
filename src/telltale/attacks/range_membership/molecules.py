"""Ranges of molecules: all that contain a fragment, or all that are similar to a known molecule.

What is sampled is the attacker's own molecules in the range, and molecules that it makes: a fragment grown by a side
of one of its molecules, a known molecule with one side chain in place of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
import rdkit
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdFingerprintGenerator

from telltale.attacks.molextract.candidates import VocabularyOptions, digest, enumerate_candidates, join
from telltale.attacks.molextract.vocabulary import Block, acyclic_single_bonds, learn
from telltale.attacks.range_membership.ranges import RangeOptions, Ranges, packed
from telltale.data.kept import Kept, content_digest
from telltale.data.molecules.records import MoleculeRecords, as_texts
from telltale.data.molecules.substructure import SubstructureIndex
from telltale.data.seeds import generator
from telltale.game.world import Knowledge
from telltale.progress import track

TRIES = 30  # a sample, to make a molecule that is new to the range and lies in it
SIDES = 5000  # of molecules, the most frequent, that a fragment is grown by
Draw = Callable[[], str | None]


def containing(knowledge: Knowledge, options: RangeOptions, kept: Kept) -> Ranges:
    """Return ranges "contains this fragment", for fragments ring + motif of the attacker's own molecules."""
    challenge, auxiliary = knowledge.challenge, knowledge.auxiliary
    fragments = enumerate_candidates(
        auxiliary, VocabularyOptions(options.rings, options.motifs, options.largest_motif)
    ).smiles
    inside = _containing(fragments, challenge, kept)
    chosen = packed(inside, options.most_inside, options.ranges, knowledge.seed)
    names = fragments[chosen]
    own = _containing(names, auxiliary, kept)
    sides = _Sides(auxiliary)

    def drawn(place: int, rng: np.random.Generator) -> Draw:
        return partial(sides.grown, Chem.MolFromSmiles(names[place]), rng)

    return _sampled(knowledge, options, names, names, inside[chosen], own, drawn)


def similar(knowledge: Knowledge, options: RangeOptions, kept: Kept) -> Ranges:
    """Return ranges "similar to this molecule", by the Tanimoto similarity of ECFP4, about the attacker's own ones."""
    challenge, auxiliary = knowledge.challenge, knowledge.auxiliary
    prints = _fingerprints(auxiliary.smiles)
    inside = _similarity(prints, _fingerprints(challenge.smiles)) >= options.similarity
    chosen = packed(inside, options.most_inside, options.ranges, knowledge.seed)
    centres = auxiliary.smiles[chosen]
    own = _similarity([prints[place] for place in chosen], prints) >= options.similarity
    own[np.arange(len(chosen)), chosen] = False  # the centre is no sample of its own range
    motifs = learn(auxiliary.smiles.tolist(), 1, options.motifs, options.largest_motif).motifs
    names = [f"Tanimoto >= {options.similarity:g} to {centre}" for centre in centres]

    def drawn(place: int, rng: np.random.Generator) -> Draw:
        centre, print_ = Chem.MolFromSmiles(centres[place]), prints[chosen[place]]

        def draw() -> str | None:
            made = _swapped(centre, motifs, options.largest_motif, rng)
            return made if made and _similarity([print_], _fingerprints([made]))[0, 0] >= options.similarity else None

        return draw

    return _sampled(knowledge, options, names, centres, inside[chosen], own, drawn)


def _sampled(
    knowledge: Knowledge,
    options: RangeOptions,
    names: Iterable[str],
    centres: np.ndarray,
    inside: np.ndarray,
    own: np.ndarray,
    drawn: Callable[[int, np.random.Generator], Draw],
) -> Ranges:
    """Sample each range: up to half of it the attacker's own molecules, the rest made; own: (ranges, auxiliary) bool.

    Where too few can be made, they come more than once.
    """
    challenge, auxiliary, number = knowledge.challenge, knowledge.auxiliary, options.samples
    rows: list[list[str]] = []
    for place, centre in enumerate(track(centres.tolist(), "sampling ranges")):
        rng = generator(knowledge.seed, f"samples of {centre}")
        mine = rng.permutation(auxiliary.smiles[own[place]])[: max(1, number // 2)].tolist()
        found, draw = dict.fromkeys(mine[:number]), drawn(place, rng)
        for _ in range(TRIES * number):
            if len(found) == number:
                break
            if (made := draw()) is not None:
                found.setdefault(made)
        several = list(found) or [centre]
        rows.append([several[sample % len(several)] for sample in range(number)])

    def including() -> MoleculeRecords:
        with_points = [[*challenge.smiles[points], *row][:number] for points, row in zip(inside, rows, strict=True)]
        return _records(with_points, auxiliary)

    return Ranges(
        tuple(names),
        _records([centres.tolist()], auxiliary),
        _records(rows, auxiliary),
        number,
        inside,
        own.sum(1),
        including,
    )


class _Sides:
    """Sides of the attacker's own molecules, cut at one bond: what a fragment is grown by to their usual size."""

    def __init__(self, auxiliary: MoleculeRecords) -> None:
        smiles = auxiliary.smiles.tolist()
        atoms = np.array([Chem.MolFromSmiles(text).GetNumAtoms() for text in smiles])
        self.least, self.most = np.quantile(atoms, [0.1, 0.9])
        self.blocks = learn(smiles, 1, SIDES, int(self.most)).motifs
        self.molecules = [Chem.MolFromSmiles(block.smiles) for block in self.blocks]
        self.sizes = np.array([molecule.GetNumAtoms() for molecule in self.molecules])

    def grown(self, fragment: Chem.Mol, rng: np.random.Generator) -> str | None:
        """Join the fragment with a random side, at random sites; None where no valid molecule results."""
        total = self.sizes + fragment.GetNumAtoms()
        fitting = np.flatnonzero((total >= self.least) & (total <= self.most))
        sites = [atom.GetIdx() for atom in fragment.GetAtoms() if atom.GetTotalNumHs()]
        if not len(self.sizes) or not sites:
            return None
        side = int(rng.choice(fitting if len(fitting) else len(self.sizes)))
        return join(fragment, int(rng.choice(sites)), self.molecules[side], int(rng.choice(self.blocks[side].sites)))


def _swapped(centre: Chem.Mol, motifs: Sequence[Block], largest: int, rng: np.random.Generator) -> str | None:
    """Put a random motif in the place of a random side chain of at most `largest` atoms; None where that fails."""
    bonds = acyclic_single_bonds(centre)
    if not bonds or not motifs:
        return None
    bond = bonds[int(rng.integers(len(bonds)))]
    pieces = Chem.FragmentOnBonds(centre, [bond.GetIdx()], addDummies=False)  # adds the hydrogens, [nH] too
    mapping: list[tuple[int, ...]] = []
    fragments = Chem.GetMolFrags(pieces, asMols=True, sanitizeFrags=False, fragsMolAtomMapping=mapping)
    core = int(np.argmax([len(atoms) for atoms in mapping]))
    (site,) = (
        mapping[core].index(end) for end in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) if end in mapping[core]
    )
    with rdBase.BlockLogs():
        if centre.GetNumAtoms() - len(mapping[core]) > largest or Chem.SanitizeMol(fragments[core], catchErrors=True):
            return None
    motif = motifs[int(rng.integers(len(motifs)))]
    return join(fragments[core], site, Chem.MolFromSmiles(motif.smiles), int(rng.choice(motif.sites)))


def _containing(fragments: np.ndarray, molecules: MoleculeRecords, kept: Kept) -> np.ndarray:
    """Tell which molecules contain each fragment: (fragments, molecules) bool."""
    document = {"fragments": content_digest(fragments), "molecules": digest(molecules), "rdkit": rdkit.__version__}

    def make() -> dict[str, np.ndarray]:
        each = np.eye(len(molecules), dtype=bool)
        return {"inside": SubstructureIndex(molecules.smiles.tolist()).contained_in(fragments.tolist(), each).T}

    return kept.arrays("ranges", document, make, __name__)["inside"]


def _fingerprints(smiles: Iterable[str]) -> list[DataStructs.ExplicitBitVect]:
    ecfp4 = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return [ecfp4.GetFingerprint(Chem.MolFromSmiles(text)) for text in smiles]


def _similarity(
    prints: Sequence[DataStructs.ExplicitBitVect], others: Sequence[DataStructs.ExplicitBitVect]
) -> np.ndarray:
    """Return the Tanimoto similarity of each pair: (prints, others)."""
    found = [DataStructs.BulkTanimotoSimilarity(print_, list(others)) for print_ in prints]
    return np.array(found).reshape(len(prints), len(others))


def _records(rows: Sequence[Sequence[str]], auxiliary: MoleculeRecords) -> MoleculeRecords:
    return MoleculeRecords(as_texts([text for row in rows for text in row]), "samples of ranges", cache=auxiliary.cache)
