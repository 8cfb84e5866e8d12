"""Where the attacker's molecules come from: the owner's source, the hard part of it, or another collection.

A model is trained on the same records whichever it is, so that what the source costs is a difference on one model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from telltale.attacks.molextract.candidates import Candidates, Pool, VocabularyOptions, digest
from telltale.checks import choice
from telltale.data.molecules import b3db as b3db_data
from telltale.data.molecules import nci as nci_data
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.seeds import generator

HARD_SHARE = 0.8  # of the molecules that are kept (paper, appendix A.3)
Choose = Callable[[MoleculeRecords], MoleculeRecords]


class AuxiliaryPool(Pool):
    """The candidates that the molecules of a source teach; those dealt out say how many of another one there are."""

    def __init__(self, options: VocabularyOptions, source: str) -> None:
        super().__init__(options)
        self.source = choice("attack.auxiliary", source, SOURCES)
        self._chosen: dict[str, MoleculeRecords] = {}

    def of(self, auxiliary: MoleculeRecords) -> Candidates:
        """Return the candidates; auxiliary: the molecules that were dealt out."""
        return super().of(self.chosen(auxiliary))

    def chosen(self, auxiliary: MoleculeRecords) -> MoleculeRecords:
        """Return the attacker's molecules."""
        key = digest(auxiliary)
        if key not in self._chosen:
            self._chosen[key] = SOURCES[self.source](auxiliary)
        return self._chosen[key]

    def notes(self, auxiliary: MoleculeRecords, challenge: MoleculeRecords) -> tuple[str, ...]:
        """Say what stands in the place of the molecules that were dealt out."""
        if self.source == "own":
            return ()
        chosen = self.chosen(auxiliary)
        shared = len(set(chosen.smiles.tolist()) & set(challenge.smiles.tolist()))
        of = f"the {len(chosen):,} least typical of {len(auxiliary):,}" if self.source == "hard" else f"{len(chosen):,}"
        of += (
            "" if self.source == "hard" or len(chosen) == len(auxiliary) else f" (all, in place of {len(auxiliary):,})"
        )
        return (f"auxiliary molecules: {of} of {chosen.source}; {shared} of them are challenge points, too",)


def own(molecules: MoleculeRecords) -> MoleculeRecords:
    """Keep those that were dealt out: of the owner's source, none of them in a training set."""
    return molecules


def hard(molecules: MoleculeRecords) -> MoleculeRecords:
    """Keep the 80 % that are least typical of their source, in their order.

    The paper keeps 80 % so that their Fréchet ChemNet distance to the training molecules rises, without the rule. Ours
    looks at no training molecule: a molecule is as typical as the bits of its ECFP4 fingerprint are frequent, on
    average. All templates share the choice; the paper makes it for each.
    """
    bits = _fingerprints(molecules)
    typical = (bits * bits.mean(0)).sum(1) / np.maximum(bits.sum(1), 1)
    kept = round(HARD_SHARE * len(molecules))
    return molecules.take(np.sort(np.argsort(typical, kind="stable")[:kept]))


def nci(molecules: MoleculeRecords) -> MoleculeRecords:
    """Draw as many of the NCI collection's first 5,000, or all of them."""
    return _drawn(nci_data.load(str(molecules.cache) if molecules.cache else None).records, molecules)


def b3db(molecules: MoleculeRecords) -> MoleculeRecords:
    """Draw as many of B3DB, most of them drugs, or all of them."""
    return _drawn(b3db_data.load(str(molecules.cache) if molecules.cache else None).records, molecules)


SOURCES: dict[str, Choose] = {"own": own, "hard": hard, "nci": nci, "b3db": b3db}


def _drawn(source: MoleculeRecords, dealt: MoleculeRecords) -> MoleculeRecords:
    rows = generator(0, f"auxiliary molecules in place of {digest(dealt)}").permutation(len(source))[: len(dealt)]
    return replace(source.take(np.sort(rows)), labels=None, classes=(), properties=None, ids=None)


def _fingerprints(molecules: MoleculeRecords) -> np.ndarray:
    ecfp4 = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    return np.stack([ecfp4.GetFingerprintAsNumPy(Chem.MolFromSmiles(text)) for text in molecules.smiles.tolist()])
