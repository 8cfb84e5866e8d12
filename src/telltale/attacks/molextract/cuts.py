"""Whole molecules cut at ring bonds: Eq. (1) as a membership score, on molecules that exist as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import rdkit
from rdkit import Chem, rdBase

from telltale.attacks.molextract.asking import embeddings_of
from telltale.attacks.molextract.candidates import heavy_atoms
from telltale.attacks.molextract.scoring import Parts, part_whole_score
from telltale.attacks.molextract.vocabulary import acyclic_single_bonds
from telltale.data.kept import Kept, as_bytes, as_texts, content_digest
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.molecules.records import as_texts as as_objects
from telltale.owner.release import Release
from telltale.progress import track


@dataclass(frozen=True, eq=False)
class Cuts:
    """All cuts of some molecules.

    whole: the molecules; molecule: (cuts,) which one each cut is of; ring, rest: hydrogen-capped sides, distinct;
    ring_of, rest_of: (cuts,) place of each cut's sides in them.
    """

    whole: MoleculeRecords
    molecule: np.ndarray
    sides: MoleculeRecords
    ring_of: np.ndarray
    rest_of: np.ndarray


def cut_at_ring_bonds(molecules: MoleculeRecords, most: int, seed: int) -> Cuts:
    """Cut each molecule at up to `most` acyclic single bonds that touch a ring; the ring's side is R, the rest M."""
    rng = np.random.default_rng(seed)
    places: dict[str, int] = {}
    rows: list[tuple[int, int, int]] = []
    for place, smiles in enumerate(track(molecules.smiles.tolist(), "cutting challenge molecules")):
        molecule = Chem.MolFromSmiles(smiles)
        bonds = [bond for bond in acyclic_single_bonds(molecule) if _touches_ring(bond)]
        for chosen in rng.permutation(len(bonds))[:most]:
            sides = _sides(molecule, bonds[chosen])
            if sides is not None:
                ring, rest = (places.setdefault(side, len(places)) for side in sides)
                rows.append((place, ring, rest))
    columns = np.array(rows, int).reshape(-1, 3).T
    return _cuts(molecules, columns[0], list(places), columns[1], columns[2])


def cuts_kept(molecules: MoleculeRecords, most: int, seed: int, kept: Kept) -> Cuts:
    """Return `cut_at_ring_bonds`, found again where the same molecules were cut before."""

    def make() -> dict[str, np.ndarray]:
        cuts = cut_at_ring_bonds(molecules, most, seed)
        sides = as_bytes(cuts.sides.smiles.tolist())
        return {"molecule": cuts.molecule, "sides": sides, "ring_of": cuts.ring_of, "rest_of": cuts.rest_of}

    document = {
        "molecules": content_digest(molecules.smiles),
        **{"most": most, "seed": seed, "rdkit": rdkit.__version__},
    }
    found = kept.arrays("cuts", document, make, __name__)
    return _cuts(molecules, found["molecule"], as_texts(found["sides"]), found["ring_of"], found["rest_of"])


def _cuts(
    whole: MoleculeRecords, molecule: np.ndarray, sides: Sequence[str], ring_of: np.ndarray, rest_of: np.ndarray
) -> Cuts:
    records = MoleculeRecords(as_objects(sides), "sides of cut molecules", cache=whole.cache)
    return Cuts(whole, molecule, records, ring_of, rest_of)


def part_whole_membership(release: Release, cuts: Cuts, alpha: float, size_weighted: bool) -> np.ndarray:
    """Average Eq. (1) over each molecule's cuts: (molecules,); one without a cut gets the median."""
    whole, sides = (embeddings_of(release, molecules) for molecules in (cuts.whole, cuts.sides))
    sizes = heavy_atoms(cuts.sides)
    parts = Parts(
        sides[cuts.ring_of],
        sides[cuts.rest_of],
        whole[cuts.molecule],
        sizes[cuts.ring_of],
        sizes[cuts.rest_of],
    )
    scores = part_whole_score(parts, alpha, size_weighted)
    number = np.bincount(cuts.molecule, minlength=len(whole))
    total = np.bincount(cuts.molecule, scores, minlength=len(whole))
    mean = np.divide(total, number, out=np.full(len(whole), np.nan), where=number > 0)
    return np.where(number > 0, mean, np.nanmedian(mean) if (number > 0).any() else 0.0)


def _touches_ring(bond: Chem.Bond) -> bool:
    return bond.GetBeginAtom().IsInRing() or bond.GetEndAtom().IsInRing()


def _sides(molecule: Chem.Mol, bond: Chem.Bond) -> tuple[str, str] | None:
    """Return the ring's side and the rest as hydrogen-capped canonical SMILES, None where one is no molecule."""
    ends = (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    ring_end = next(end for end in ends if molecule.GetAtomWithIdx(end).IsInRing())
    pieces = Chem.FragmentOnBonds(molecule, [bond.GetIdx()], addDummies=False)  # adds the hydrogens, [nH] too
    members: list[tuple[int, ...]] = []
    fragments = Chem.GetMolFrags(pieces, asMols=True, sanitizeFrags=False, fragsMolAtomMapping=members)
    ring: list[str] = []
    rest: list[str] = []
    for fragment, atoms in zip(fragments, members, strict=True):
        with rdBase.BlockLogs():
            if Chem.SanitizeMol(fragment, catchErrors=True):
                return None
        (ring if ring_end in atoms else rest).append(Chem.MolToSmiles(fragment, isomericSmiles=False))
    return ring[0], ".".join(sorted(rest))  # more than one only where the molecule is a salt
