"""Records as plain numbers, for a detector that never asks the model, whatever it is that the model takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from telltale.errors import InputError

MORGAN_BITS = 512
WORDS = 512  # counts of words, hashed
LOOKED_AT = 100  # texts, from which it is told whether they are SMILES


def numbers_of(inputs: Any) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return records as plain numbers, (n, width) float32, and what there is to tell of that.

    Arrays are flattened, columns of a frame are as in a table of the owner's (`featurised`), SMILES are Morgan counts,
    other texts counts of words. A number that is missing is the middle of its column, with a flag beside. None for
    what is none of these.
    """
    if (texts := texts_of(inputs)) is not None:
        if are_smiles(texts):
            return morgan_counts(texts), ()
        return _words(texts), ("texts that are no SMILES: a detector without the model sees counts of their words",)
    if hasattr(inputs, "numbers"):
        return np.asarray(inputs.numbers(), np.float32), ()
    if hasattr(inputs, "iloc"):
        return _of_frame(inputs if inputs.ndim == 2 else inputs.to_frame("value"))
    try:
        array = np.asarray(inputs)
    except ValueError:  # of different shapes
        return None, ()
    if array.dtype.kind in "fiub" and array.ndim:
        return _filled(array.reshape(len(array), -1))
    if array.dtype.kind in "OU" and array.ndim == 2:
        import pandas as pd

        return _of_frame(pd.DataFrame(array).infer_objects())
    return None, ()


def texts_of(inputs: Any) -> list[str] | None:
    """Return records that are one text each, of a list, an array or a series; None for what is none of these."""
    several = np.ndim(inputs) != 1 if hasattr(inputs, "dtype") else not isinstance(inputs, list)
    if several or not len(inputs):
        return None
    texts = inputs.tolist() if hasattr(inputs, "tolist") else inputs
    return texts if all(isinstance(text, str) for text in texts) else None


def are_smiles(texts: Sequence[str]) -> bool:
    """Tell texts that are meant as SMILES, of which a few may be bad, from others; a word may be one by chance.

    >>> are_smiles(["CCO", "c1ccccc1", "C1CC"]), are_smiles(["I liked it", "So did I"])
    (True, False)
    """
    from telltale.data.molecules.canonical import canonicalise

    some = list(dict.fromkeys(texts))[:LOOKED_AT]
    return 2 * sum(canonical is not None for canonical in canonicalise(some)) >= len(some)


def morgan_counts(smiles: Sequence[str], bits: int = MORGAN_BITS) -> np.ndarray:
    """Return Morgan fingerprints of radius 2 as counts, (n, bits) float32. Raises InputError for a bad SMILES."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=bits)
    counts = np.zeros((len(smiles), bits), np.float32)
    with rdBase.BlockLogs():
        for row, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text)
            if molecule is None:
                raise InputError("dataset.smiles", repr(text), f"row {row}: expected a SMILES that RDKit can read")
            counts[row] = generator.GetCountFingerprintAsNumPy(molecule)
    return counts


def _words(texts: list[str]) -> np.ndarray:
    from sklearn.feature_extraction.text import HashingVectorizer

    counts = HashingVectorizer(n_features=WORDS, alternate_sign=False, norm=None, dtype=np.float32).transform(texts)
    return np.asarray(counts.toarray())


def _filled(numbers: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Fill what is missing or endless, (n, width), and put a flag beside each column that has such."""
    with np.errstate(over="ignore"):
        numbers = numbers.astype(np.float32)
    gone = ~np.isfinite(numbers)
    lacking = gone.any(0)
    if not lacking.any():
        return numbers, ()
    some = np.where(gone, np.nan, numbers)[:, lacking]
    middle = np.array([np.median(known) if len(known := column[~np.isnan(column)]) else 0.0 for column in some.T])
    numbers[:, lacking] = np.where(gone[:, lacking], middle, numbers[:, lacking])
    said = f"missing or infinite values in {lacking.sum():,} of {len(lacking):,} columns, kept beside a flag"
    return np.concatenate([numbers, gone[:, lacking]], 1, dtype=np.float32), (said,)


def _of_frame(frame: Any) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the columns of a frame as those of a table; times are seconds, and names of columns may be anything."""
    from telltale.data.tables.inferred import featurised

    if frame.shape[1] == 1 and (texts := texts_of(frame.iloc[:, 0])) is not None and len(set(texts)) > len(texts) / 2:
        return numbers_of(texts)
    names = [str(name) for name in frame.columns]
    names = names if len(set(names)) == len(names) else [f"{name} ({at})" for at, name in enumerate(names)]
    frame = frame.set_axis(names, axis=1)
    seconds = {}
    for name, column in frame.items():
        if column.dtype.kind == "M":
            column = column - column.min()
        if column.dtype.kind == "m":
            seconds[name] = column.dt.total_seconds()
    try:
        made = featurised(frame.assign(**seconds))
    except InputError as error:  # no column is left
        return None, (f"a detector without the model sees nothing: {error.expected}",)
    return made.features, made.told
