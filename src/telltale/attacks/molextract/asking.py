"""How a release is asked about molecules: what comes back is finite, or the molecule is named."""

from __future__ import annotations

import numpy as np

from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import NumericalError
from telltale.owner.release import Release


def embeddings_of(release: Release, molecules: MoleculeRecords) -> np.ndarray:
    """Ask for embeddings, (molecules, width). NumericalError names the first molecule whose answer is not finite."""
    try:
        answers = release.embeddings(molecules)
    except NumericalError:
        unlimited = release.restricted(release.access)  # to find the molecule costs no query of the attacker's
        for row in range(len(molecules)):
            try:
                unlimited.embeddings(molecules.take(np.array([row])))
            except NumericalError:
                raise _not_finite(release, molecules.smiles[row]) from None
        raise
    bad = np.flatnonzero(~np.isfinite(answers).all(1))
    if len(bad):
        raise _not_finite(release, molecules.smiles[bad[0]])
    return answers


def _not_finite(release: Release, smiles: str) -> NumericalError:
    return NumericalError(f"model {release.name}: its embedding of {smiles} is not finite")
