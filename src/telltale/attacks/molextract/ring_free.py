"""Templates without a ring: molecules are grown from short alkane chains, too (paper, appendix A.4, Table 5).

The paper adds five alkane templates and does not say which; here they are the unbranched ones of two to six carbons.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem

from telltale.attacks.molextract.vocabulary import Block, Vocabulary
from telltale.progress import track

TEMPLATES = ("rings", "rings_and_chains")
CHAINS = ("CC", "CCC", "CCCC", "CCCCC", "CCCCCC")


def with_chains(vocabulary: Vocabulary, molecules: Sequence[str]) -> Vocabulary:
    """Return the vocabulary with the chains behind its rings, counted in these molecules.

    A chain may be grown at each of its carbons, one of a symmetry class; it counts at least once, as a ring does.
    """
    counts = dict.fromkeys(CHAINS, 0)
    patterns = {chain: Chem.MolFromSmarts("-".join("[C;X4;!R]" for _ in chain)) for chain in CHAINS}
    for smiles in track(molecules, "counting chains"):
        molecule = Chem.MolFromSmiles(smiles)
        for chain, pattern in patterns.items():
            if not molecule.HasSubstructMatch(pattern):
                break  # nor a longer one
            counts[chain] += 1
    chains = tuple(Block(chain, _sites(chain), max(1, counts[chain])) for chain in CHAINS)
    return Vocabulary(vocabulary.rings + chains, vocabulary.motifs)


def _sites(chain: str) -> tuple[int, ...]:
    classes = np.array(Chem.CanonicalRankAtoms(Chem.MolFromSmiles(chain), breakTies=False))
    return tuple(sorted(int(np.flatnonzero(classes == kind)[0]) for kind in np.unique(classes)))
