"""Changed copies of a user's records, as inputs of the user's own model: what an encoder is asked about beside them.

Pictures are shifted by up to a tenth of their side and mirrored or not, as in `attack=embedding_membership`; of a
molecule the larger side of a single bond that is cut, capped with hydrogen, is asked about. Changes follow from the
record and a seed alone: every encoder is asked about the same copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from telltale.attacks.embedding_membership.views import SHIFT, shifted
from telltale.data.digests import as_digests, digests_of
from telltale.training.counter_random import record_keys, uniform

CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class InputViews:
    """Makes copies. seed: of the changes; number: of copies a record."""

    seed: int
    number: int

    def __call__(self, inputs: Any) -> list[Any]:
        """Return the copies, each of the inputs' own kind and number; empty where the kind of data has none."""
        if isinstance(inputs, list) and inputs and isinstance(inputs[0], str):
            texts = _of_texts(inputs)
            draws = [_uniform(record_keys(texts, self.seed, view), "cut") for view in range(self.number)]
            return [_cut(inputs, draw) for draw in draws]
        if isinstance(inputs, np.ndarray) and inputs.ndim in (3, 4) and inputs.dtype.kind in "fiu":
            digests = digests_of(inputs)
            return [_moved(inputs, record_keys(digests, self.seed, view)) for view in range(self.number)]
        return []


def _moved(pictures: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return pictures (n, height, width) or with channels before or after: shifted, and mirrored by a coin."""
    last = pictures.ndim == 4 and pictures.shape[1] not in CHANNELS and pictures.shape[3] in CHANNELS
    pixels = pictures[:, None] if pictures.ndim == 3 else np.moveaxis(pictures, 3, 1) if last else pictures
    pixels = np.where(_uniform(keys, "mirror")[:, None, None, None] < 0.5, pixels[..., ::-1], pixels)
    for axis in (2, 3):
        most = max(1, int(SHIFT * pixels.shape[axis]))
        by = np.floor(_uniform(keys, f"shift {axis}") * (2 * most + 1)).astype(int) - most
        pixels = shifted(pixels, by, axis)
    pixels = pixels[:, 0] if pictures.ndim == 3 else np.moveaxis(pixels, 1, 3) if last else pixels
    return np.ascontiguousarray(pixels)


def _uniform(keys: np.ndarray, role: str) -> np.ndarray:
    return np.asarray(uniform(torch.from_numpy(keys), role).double())


def _of_texts(texts: list[str]) -> np.ndarray:
    from hashlib import blake2b

    return as_digests(blake2b(text.encode(), digest_size=16).digest() for text in texts)


def _cut(smiles: list[str], draws: np.ndarray) -> list[str]:
    """Return the larger side of one cut of each molecule; the molecule itself where there is nothing to cut."""
    from rdkit import rdBase

    with rdBase.BlockLogs():
        return [_larger_side(text, draw) for text, draw in zip(smiles, draws.tolist(), strict=True)]


def _larger_side(smiles: str, draw: float) -> str:
    from rdkit import Chem

    from telltale.attacks.molextract.vocabulary import acyclic_single_bonds

    molecule = Chem.MolFromSmiles(smiles)
    bonds = [] if molecule is None else [bond.GetIdx() for bond in acyclic_single_bonds(molecule)]
    if not bonds:
        return smiles
    pieces = Chem.FragmentOnBonds(molecule, [bonds[int(draw * len(bonds))]], addDummies=False)
    sides = [Chem.MolToSmiles(side) for side in Chem.GetMolFrags(pieces, asMols=True, sanitizeFrags=False)]
    larger = max(sides, key=lambda side: (len(side), side))
    return smiles if Chem.MolFromSmiles(larger) is None else larger
