"""Which lines of a file are no use as examples of a class, and what the lines of one molecule come to together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from telltale.data.molecules.rows import FEW

FEWEST = 10  # labels from which on one stray among them is a slip


def strays(labels: np.ndarray) -> np.ndarray:
    """Return the rows of labels that are neither 0, 1 nor missing, where all but a handful are: (n,) -> (strays,).

    None where they are no slips but numbers of another kind: more than FEW of all, or more than one among FEWEST.
    """
    measured = ~np.isnan(labels)
    other = measured & ~np.isin(labels, (0, 1))
    few = other.sum() <= FEW * measured.sum() or (other.sum() == 1 and measured.sum() >= FEWEST)
    both = {0.0, 1.0} <= set(labels[measured].tolist())
    return np.flatnonzero(other) if few and both else np.zeros(0, np.int64)


def merged(
    properties: Mapping[str, np.ndarray], molecule: np.ndarray, count: int
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Give each molecule the first value of its lines that is not missing: name → (lines,) -> name → (count,) float.

    molecule: (lines,) which molecule a line is of, -1 = of none. The second answer counts, by name, the lines that
    hold another value than the one which counts.
    """
    values, differing = {}, {}
    for name, lines in properties.items():
        rows = np.flatnonzero(~np.isnan(lines) & (molecule >= 0))
        found, first = np.unique(molecule[rows], return_index=True)
        values[name] = np.full(count, np.nan)
        values[name][found] = lines[rows[first]]
        differing[name] = int((lines[rows] != values[name][molecule[rows]]).sum())
    return values, differing
