"""Synthetic accessibility (Ertl & Schuffenhauer 2009) by RDKit's own scorer, without unpickling its table."""

from __future__ import annotations

import gzip
import importlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
from rdkit import Chem, RDConfig


def synthetic_accessibility(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """Score molecules from 1 (easy to make) to 10: (molecules,)."""
    scorer = _scorer()
    return np.array([scorer.calculateScore(molecule) for molecule in molecules])


@cache
def _scorer() -> ModuleType:
    scorer = importlib.import_module("rdkit.Contrib.SA_Score.sascorer")
    scorer._fscores = fragment_scores()  # type: ignore[attr-defined]
    return scorer


@cache
def fragment_scores() -> dict[int, float]:
    """Read RDKit's table of fragment scores: fragment -> score."""
    with gzip.open(Path(RDConfig.RDContribDir) / "SA_Score" / "fpscores.pkl.gz") as stream:
        return scores_in(stream.read())


def scores_in(content: bytes) -> dict[int, float]:
    r"""Read lists of one score and the fragments that have it out of a pickle of protocol 0, a line of text a number.

    The lines are read as data and nothing is ever executed.

    >>> scores_in(b"(lp0\n(lp1\nF-2.5\naI17\naI4\naa(lp2\nF1.25\naI5\naa.")
    {17: -2.5, 4: -2.5, 5: 1.25}
    """
    table: dict[int, float] = {}
    for of_score in content.split(b"F")[1:]:
        score, _, fragments = of_score.partition(b"\n")
        table |= dict.fromkeys(map(int, re.findall(rb"I(\d+)\n", fragments)), float(score))
    return table
