"""RDKit's canonical SMILES, the one spelling under which a molecule is known everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from rdkit import Chem, rdBase

from telltale.data.molecules.parallel import in_chunks


def canonicalise(
    smiles: Sequence[str], workers: int | None = None, description: str = "reading molecules"
) -> list[str | None]:
    """Return the canonical SMILES of each text, None where it is no molecule or one without atoms."""
    return [text for chunk in in_chunks(_canonicalise, smiles, workers, description) for text in chunk]


def _canonicalise(smiles: list[str]) -> list[str | None]:
    with rdBase.BlockLogs():
        return [_canonical(text) for text in smiles]


def _canonical(text: str) -> str | None:
    if not (text.isascii() and text.isprintable()) or " " in text:
        return None  # RDKit would drop what follows such a character and read the rest
    molecule = Chem.MolFromSmiles(text)
    return Chem.MolToSmiles(molecule) if molecule is not None and molecule.GetNumAtoms() else None
