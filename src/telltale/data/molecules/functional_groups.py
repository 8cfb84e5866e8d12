"""Which of RDKit's 85 functional groups a molecule has: what Grover's motif prediction is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import Fragments

from telltale.data.molecules.parallel import in_chunks
from telltale.data.records import Records

GROUPS = tuple(sorted(name for name in dir(Fragments) if name.startswith("fr_")))


def functional_groups(smiles: Sequence[str]) -> np.ndarray:
    """Say which groups of GROUPS each molecule has: (molecules, groups) bool.

    >>> [GROUPS[place] for place in functional_groups(["CCO"])[0].nonzero()[0]]
    ['fr_Al_OH', 'fr_Al_OH_noTert']
    """
    parts = in_chunks(_groups_of, list(smiles), None, "functional groups")
    return np.concatenate([np.zeros((0, len(GROUPS)), bool), *parts])


def _groups_of(smiles: list[str]) -> np.ndarray:
    searched = [getattr(Fragments, name) for name in GROUPS]
    with rdBase.BlockLogs():  # featurising has told of them
        molecules = [Chem.MolFromSmiles(one) for one in smiles]
    return np.array([[search(molecule) > 0 for search in searched] for molecule in molecules], bool)


def groups_of_records(records: Records) -> np.ndarray:
    """Do as `functional_groups` for records, once a molecule in each process: a run's models share many."""
    smiles = records.smiles.tolist()  # type: ignore[attr-defined]
    if new := [text for text in dict.fromkeys(smiles) if text not in _KNOWN]:
        _KNOWN.update(zip(new, functional_groups(new), strict=True))
    return np.stack([_KNOWN[text] for text in smiles]) if smiles else functional_groups([])


_KNOWN: dict[str, np.ndarray] = {}  # of each canonical SMILES asked for
