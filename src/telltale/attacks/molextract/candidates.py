"""Candidate molecules: every ring joined with every motif at every attachment site (paper, sections 3.1 and 3.2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import rdkit
from rdkit import Chem, rdBase

from telltale.attacks.molextract.ring_free import TEMPLATES, with_chains
from telltale.attacks.molextract.vocabulary import Block, Vocabulary, learn, read
from telltale.checks import choice, whole_number
from telltale.data.kept import content_digest
from telltale.data.molecules.cache import through_cache, write_whole
from telltale.data.molecules.records import MoleculeRecords, as_texts
from telltale.data.molecules.substructure import SubstructureIndex
from telltale.errors import InputError
from telltale.progress import track
from telltale.store.sources import source_digest


@dataclass(frozen=True)
class VocabularyOptions:
    """How templates and motifs are found.

    `vocabulary` names a user's list in place of what is learned; templates: rings, or chains as well.
    """

    rings: int
    motifs: int
    largest_motif: int
    vocabulary: str | None = None
    templates: str = "rings"

    def __post_init__(self) -> None:
        choice("attack.templates", self.templates, TEMPLATES)
        for name in ("rings", "motifs", "largest_motif"):
            whole_number(f"attack.{name}", getattr(self, name))


@dataclass(frozen=True, eq=False)
class Candidates:
    """Distinct candidates Ĝ = R ∪ M in a fixed order.

    smiles: (n,); ring, motif: (n,) place in the vocabulary; in_auxiliary: (n,) bool, contained in an auxiliary
    molecule: the label the attacker trains on; proposed, valid: joins tried, joins that sanitise.
    """

    vocabulary: Vocabulary
    smiles: np.ndarray
    ring: np.ndarray
    motif: np.ndarray
    in_auxiliary: np.ndarray
    proposed: int
    valid: int
    cache: Path | None

    def __len__(self) -> int:
        return len(self.smiles)

    def take(self, rows: np.ndarray) -> Candidates:
        """Return some of the candidates, of the same rings and motifs."""
        kept = {name: getattr(self, name)[rows] for name in ("smiles", "ring", "motif", "in_auxiliary")}
        return replace(self, **kept)

    @cached_property
    def molecules(self) -> MoleculeRecords:
        """Return the candidates as records."""
        return MoleculeRecords(self.smiles, "candidates", cache=self.cache)

    @cached_property
    def ring_molecules(self) -> MoleculeRecords:
        """Return the vocabulary's rings as records."""
        return _records([block.smiles for block in self.vocabulary.rings], "rings", self.cache)

    @cached_property
    def motif_molecules(self) -> MoleculeRecords:
        """Return the vocabulary's motifs as records."""
        return _records([block.smiles for block in self.vocabulary.motifs], "motifs", self.cache)

    @cached_property
    def digest(self) -> str:
        """Name the candidates by all that a ranking may use of them."""
        blocks = [
            content_digest([block.smiles for block in kind], np.array([block.count for block in kind]))
            for kind in (self.vocabulary.rings, self.vocabulary.motifs)
        ]
        return content_digest(self.smiles, self.ring, self.motif, self.in_auxiliary, blocks)

    @cached_property
    def sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Count the heavy atoms |R| and |M| of each candidate's parts: (n,), (n,)."""
        return heavy_atoms(self.ring_molecules)[self.ring], heavy_atoms(self.motif_molecules)[self.motif]


def heavy_atoms(molecules: MoleculeRecords) -> np.ndarray:
    """Count heavy atoms: (molecules,)."""
    return np.diff(molecules.arrays().atom_offsets)


def _records(smiles: Sequence[str], source: str, cache: Path | None) -> MoleculeRecords:
    return MoleculeRecords(as_texts(smiles), source, cache=cache)


class Pool:
    """The candidates of one vocabulary, shared by all that rank them: enumerated once for each auxiliary set."""

    def __init__(self, options: VocabularyOptions) -> None:
        self.options = options
        self._candidates: dict[str, Candidates] = {}

    def of(self, auxiliary: MoleculeRecords) -> Candidates:
        """Return the candidates that these molecules teach."""
        key = digest(auxiliary)
        if key not in self._candidates:
            self._candidates[key] = enumerate_candidates(auxiliary, self.options)
        return self._candidates[key]


def digest(molecules: MoleculeRecords) -> str:
    """Name a set of molecules, in its order, by what it holds."""
    return blake2b(molecules.fingerprints().tobytes(), digest_size=12).hexdigest()


def enumerate_candidates(auxiliary: MoleculeRecords, options: VocabularyOptions) -> Candidates:
    """Enumerate all distinct candidates of a vocabulary and label them by the auxiliary set; kept on disk."""
    cache, kept_at = auxiliary.cache, None  # of a user's list nothing is kept: the file may change
    if cache and not options.vocabulary:
        kept_at = Path(cache) / f"candidates-{_key(digest(auxiliary), options)}.json"
    return through_cache(
        kept_at,
        load=lambda file: _from_json(json.loads(file.read_text(encoding="utf-8")), cache),
        save=lambda made, file: write_whole(
            file, lambda part: part.write_text(json.dumps(_to_json(made)), encoding="utf-8")
        ),
        make=lambda: _made(auxiliary, options),
    )


def _made(auxiliary: MoleculeRecords, options: VocabularyOptions) -> Candidates:
    if options.vocabulary:
        vocabulary = read(options.vocabulary)
    else:
        vocabulary = learn(auxiliary.smiles.tolist(), options.rings, options.motifs, options.largest_motif)
    if options.templates == "rings_and_chains":
        vocabulary = with_chains(vocabulary, auxiliary.smiles.tolist())
    _require_parts(vocabulary, auxiliary, options)
    smiles, ring, motif, proposed, valid = join_all(vocabulary)
    if not smiles:
        raise InputError(
            "attack.vocabulary", options.vocabulary, "no ring and motif could be joined to a valid molecule"
        )
    in_auxiliary = SubstructureIndex(auxiliary.smiles.tolist()).contains(smiles)
    arrays = as_texts(smiles), np.array(ring), np.array(motif), in_auxiliary
    return Candidates(vocabulary, *arrays, proposed, valid, auxiliary.cache)


def _require_parts(vocabulary: Vocabulary, auxiliary: MoleculeRecords, options: VocabularyOptions) -> None:
    """Refuse, by InputError, molecules that teach no ring to grow from, or no side chain to attach."""
    chain = f"side chain of at most {options.largest_motif} heavy atoms"
    for kind, what in (("rings", "ring with a substituent"), ("motifs", chain)):
        if not getattr(vocabulary, kind):
            expected = f"molecules with rings and side chains: of the attacker's {len(auxiliary):,} none has a {what}"
            raise InputError("dataset", auxiliary.source, expected)


def join_all(vocabulary: Vocabulary) -> tuple[list[str], list[int], list[int], int, int]:
    """Join every ring with every motif at every pair of sites.

    Returns distinct canonical SMILES, ring and motif of each, joins tried and joins valid. A molecule that arises
    from several rings belongs to the most frequent one.
    """
    parts: dict[str, tuple[int, int]] = {}  # ring and motif of each molecule
    proposed = valid = 0
    motifs = [(Chem.MolFromSmiles(block.smiles), block) for block in vocabulary.motifs]
    for place, ring in enumerate(track(vocabulary.rings, "joining rings and motifs")):
        ring_molecule = Chem.MolFromSmiles(ring.smiles)
        for other, (motif_molecule, motif) in enumerate(motifs):
            for site, motif_site in product(ring.sites, motif.sites):
                proposed += 1
                joined = join(ring_molecule, site, motif_molecule, motif_site)
                if joined is not None:
                    valid += 1
                    parts.setdefault(joined, (place, other))
    rings, others = zip(*parts.values(), strict=True) if parts else ((), ())
    return list(parts), list(rings), list(others), proposed, valid


def join(ring: Chem.Mol, site: int, motif: Chem.Mol, motif_site: int) -> str | None:
    """Join two molecules by a single bond in place of a hydrogen each; None where no valid molecule results."""
    joined = joined_molecule(ring, site, motif, motif_site)
    return None if joined is None else Chem.MolToSmiles(joined, isomericSmiles=False)


def joined_molecule(ring: Chem.Mol, site: int, motif: Chem.Mol, motif_site: int) -> Chem.Mol | None:
    """Return what `join` spells, the ring's atoms before the motif's."""
    joined = Chem.RWMol(Chem.CombineMols(ring, motif))
    ends = site, ring.GetNumAtoms() + motif_site
    for end in ends:
        atom = joined.GetAtomWithIdx(end)
        if atom.GetTotalNumHs() == 0:
            return None
        if atom.GetNumExplicitHs():
            atom.SetNumExplicitHs(atom.GetNumExplicitHs() - 1)
    joined.AddBond(*ends, Chem.BondType.SINGLE)
    with rdBase.BlockLogs():  # a join that cannot be is counted, not told
        failed = Chem.SanitizeMol(joined, catchErrors=True)
    return None if failed else joined


def _key(auxiliary_key: str, options: VocabularyOptions) -> str:
    code = source_digest([f"{__name__}.{enumerate_candidates.__name__}"])
    return blake2b(f"{auxiliary_key}{options}{rdkit.__version__}{code}".encode(), digest_size=12).hexdigest()


def _to_json(candidates: Candidates) -> dict[str, object]:
    def blocks(those: tuple[Block, ...]) -> list[list[object]]:
        return [[block.smiles, block.sites, block.count] for block in those]

    return {
        "rings": blocks(candidates.vocabulary.rings),
        "motifs": blocks(candidates.vocabulary.motifs),
        "smiles": candidates.smiles.tolist(),
        "ring": candidates.ring.tolist(),
        "motif": candidates.motif.tolist(),
        "in_auxiliary": candidates.in_auxiliary.tolist(),
        "proposed": candidates.proposed,
        "valid": candidates.valid,
    }


def _from_json(kept: dict[str, Any], cache: Path | None) -> Candidates:
    def blocks(name: str) -> tuple[Block, ...]:
        return tuple(Block(smiles, tuple(sites), count) for smiles, sites, count in kept[name])

    ring, motif, in_auxiliary = (np.array(kept[name]) for name in ("ring", "motif", "in_auxiliary"))
    vocabulary = Vocabulary(blocks("rings"), blocks("motifs"))
    smiles = as_texts(kept["smiles"])
    return Candidates(vocabulary, smiles, ring, motif, in_auxiliary, kept["proposed"], kept["valid"], cache)
