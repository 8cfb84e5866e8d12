"""The attacker's building blocks: rings and motifs, learned from auxiliary molecules or read from a list.

The paper (section 3.1) uses 84 rings and 91 motifs of its own; here they are what is frequent in the attacker's
own molecules: ring systems, and side chains cut at acyclic single bonds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase

from telltale.errors import InputError
from telltale.progress import track

Capped = tuple[str, tuple[int, ...]]  # hydrogen-capped SMILES and its sites


@dataclass(frozen=True)
class Block:
    """A ring or motif: hydrogen-capped SMILES, and the atoms where something may be attached."""

    smiles: str
    sites: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class Vocabulary:
    """Rings to grow from and motifs to attach, most frequent first; the order of sites is canonical."""

    rings: tuple[Block, ...]
    motifs: tuple[Block, ...]


def learn(molecules: Sequence[str], rings: int, motifs: int, largest_motif: int) -> Vocabulary:
    """Learn the `rings` and `motifs` most frequent blocks; a motif has at most `largest_motif` heavy atoms.

    Frequency counts molecules. A ring's sites are the positions, up to symmetry, that carry a substituent in some
    molecule; a motif is a pair of fragment and position, so that one fragment may be several motifs.
    """
    ring_counts: Counter[str] = Counter()
    ring_sites: dict[str, set[int]] = {}
    motif_counts: Counter[Capped] = Counter()
    for smiles in track(molecules, "learning rings and motifs"):
        molecule = Chem.MolFromSmiles(smiles)
        Chem.RemoveStereochemistry(molecule)
        systems = {capped for piece in set(_ring_systems(molecule)) if (capped := _capped(piece))}
        ring_counts.update({ring for ring, _ in systems})
        for ring, sites in systems:
            ring_sites.setdefault(ring, set()).update(sites)
        motif_counts.update(
            {capped for piece in set(_side_chains(molecule, largest_motif)) if (capped := _capped(piece))}
        )
    return Vocabulary(
        _most_frequent((Block(ring, tuple(sorted(ring_sites[ring])), n) for ring, n in ring_counts.items()), rings),
        _most_frequent((Block(*motif, n) for motif, n in motif_counts.items()), motifs),
    )


def read(path: str) -> Vocabulary:
    """Read a user's list: lines `ring SMILES` or `motif SMILES`, each attachment site marked by a `*`."""
    file, blocks = Path(path), {"ring": [], "motif": []}  # type: tuple[Path, dict[str, list[Block]]]
    if not file.is_file():
        raise InputError("attack.vocabulary", path, "no such file; expected lines `ring SMILES` and `motif SMILES`")
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        pieces = _capped(words[1]) if len(words) > 1 and words[0] in blocks else None
        if pieces is None:
            raise InputError(
                "attack.vocabulary",
                f"{path}:{number}",
                f"expected `ring|motif SMILES` with a *, not {line!r}",
            )
        blocks[words[0]].append(Block(*pieces, count=1))
    if not (blocks["ring"] and blocks["motif"]):
        raise InputError("attack.vocabulary", path, "needs at least one ring and one motif")
    return Vocabulary(tuple(blocks["ring"]), tuple(blocks["motif"]))


def acyclic_single_bonds(molecule: Chem.Mol) -> list[Chem.Bond]:
    """Return the bonds a molecule can be cut at: single, in no ring."""
    return [bond for bond in molecule.GetBonds() if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing()]


def _ring_systems(molecule: Chem.Mol) -> Iterable[str]:
    """Yield fused ring systems with their double-bonded neighbours, substituents replaced by `*`."""
    systems: list[set[int]] = []
    beside: set[int] = set()
    for ring in molecule.GetRingInfo().AtomRings():
        atoms = set(ring)
        touching = [system for system in systems if system & atoms]
        systems = [system for system in systems if not system & atoms] + [atoms.union(*touching)]
    if not systems:
        return
    inside = set().union(*systems)
    for bond in molecule.GetBonds():
        if bond.GetBondType() != Chem.BondType.SINGLE and not bond.IsInRing() and _ends(bond) & inside:
            beside |= _ends(bond)
    cuts = [bond.GetIdx() for bond in acyclic_single_bonds(molecule) if _ends(bond) & (inside | beside)]
    pieces = Chem.FragmentOnBonds(molecule, cuts, dummyLabels=[(0, 0)] * len(cuts)) if cuts else molecule
    for piece in Chem.GetMolFrags(pieces, asMols=True, sanitizeFrags=False):
        if any(atom.IsInRing() for atom in piece.GetAtoms()):
            yield Chem.MolToSmiles(piece)


def _side_chains(molecule: Chem.Mol, largest: int) -> Iterable[str]:
    """Yield the small sides of every acyclic single bond, the cut marked by `*`."""
    for bond in acyclic_single_bonds(molecule):
        pieces = Chem.FragmentOnBonds(molecule, [bond.GetIdx()], dummyLabels=[(0, 0)])
        for piece in Chem.GetMolFrags(pieces, asMols=True, sanitizeFrags=False):
            if piece.GetNumAtoms() - 1 <= largest:
                yield Chem.MolToSmiles(piece)


def _ends(bond: Chem.Bond) -> set[int]:
    return {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}


def _most_frequent(blocks: Iterable[Block], number: int) -> tuple[Block, ...]:
    """Sort by count, then SMILES and sites, and keep the first."""
    return tuple(sorted(blocks, key=lambda block: (-block.count, block.smiles, block.sites))[:number])


@lru_cache(maxsize=100_000)
def _capped(piece: str) -> Capped | None:
    """Replace every `*` by hydrogen: canonical SMILES and its sites, one representative a symmetry class.

    Returns None where the piece cannot be read or has no site.
    """
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(piece)
    if molecule is None:
        return None
    Chem.RemoveStereochemistry(molecule)  # RDKit would keep a hydrogen that defines a double bond's
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetAtomicNum(1)
            atom.SetIsotope(0)
            for neighbour in atom.GetNeighbors():
                neighbour.SetAtomMapNum(1)
    try:
        capped = Chem.RemoveHs(molecule)
    except Chem.MolSanitizeException:
        return None
    marked = [atom.GetIdx() for atom in capped.GetAtoms() if atom.GetAtomMapNum()]
    for atom in capped.GetAtoms():
        atom.SetAtomMapNum(0)
    smiles = Chem.MolToSmiles(capped, isomericSmiles=False)
    canonical = Chem.MolFromSmiles(smiles)
    if canonical is None or not marked or canonical.GetNumAtoms() != capped.GetNumAtoms():
        return None
    written = list(capped.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    classes = np.array(Chem.CanonicalRankAtoms(canonical, breakTies=False))
    places = (written.index(atom) for atom in marked)  # a substructure match would not tell [nH] from n
    return smiles, tuple(sorted({int(np.flatnonzero(classes == classes[place])[0]) for place in places}))
