"""The one spelling under which a molecule is known everywhere: RDKit's canonical SMILES, written until it stays.

RDKit's canonical SMILES of a canonical SMILES may be another, and of some molecules two or more take turns for ever.
Writing a molecule once more costs about what an InChIKey costs, and nothing where a text is canonical already; the key
would also join tautomers, which are different graphs to a model, and parts spellings of cages that are joined here.
"""

from __future__ import annotations

from collections.abc import Sequence

from rdkit import Chem, rdBase

from telltale.data.molecules.parallel import in_chunks

LONGEST = 10_000  # characters of a SMILES; RDKit recurses along a chain, and one of 20,000 atoms ends the process


def canonicalise(
    smiles: Sequence[str], workers: int | None = None, description: str = "reading molecules"
) -> list[str | None]:
    """Return the canonical SMILES of each text, None where it is no molecule or one without atoms.

    Atom-map numbers are no part of a molecule. Texts of more than LONGEST characters are none, either.
    """
    return [text for chunk in in_chunks(_canonicalise, smiles, workers, description) for text in chunk]


def canonical(molecule: Chem.Mol, written: str = "") -> str | None:
    """Return the canonical SMILES, which canonicalised again is itself; None where RDKit cannot read its own.

    written: the text that the molecule was read from, which needs no second look where it is canonical already. Of
    spellings that take turns it is the first by alphabet. The molecule loses its atom-map numbers.
    """
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    spellings, spelling = [written], Chem.MolToSmiles(molecule)
    while spelling not in spellings:
        spellings.append(spelling)
        if (again := Chem.MolFromSmiles(spelling)) is None:
            return None
        spelling = Chem.MolToSmiles(again)
    return min(spellings[spellings.index(spelling) :])


def _canonicalise(smiles: list[str]) -> list[str | None]:
    with rdBase.BlockLogs():
        return [_of_text(text) for text in smiles]


def _of_text(text: str) -> str | None:
    if not (text.isascii() and text.isprintable()) or " " in text or len(text) > LONGEST:
        return None  # RDKit would drop what follows such a character and read the rest
    molecule = Chem.MolFromSmiles(text)
    return canonical(molecule, text) if molecule is not None and molecule.GetNumAtoms() else None
