"""Synthetic accessibility (Ertl & Schuffenhauer 2009) by RDKit's own scorer, without unpickling its table."""

from __future__ import annotations

import gzip
import importlib
import pickletools
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
    """Read RDKit's table of fragment scores: lists of one score and the fragments that have it.

    The file is a pickle of plain lists; its opcodes are listed as data and nothing is ever executed.
    """
    table: dict[int, float] = {}
    score = 0.0
    with gzip.open(Path(RDConfig.RDContribDir) / "SA_Score" / "fpscores.pkl.gz") as stream:
        for opcode, argument, _ in pickletools.genops(stream.read()):
            if opcode.name == "FLOAT":
                score = float(argument)  # type: ignore[arg-type]
            elif opcode.name == "INT":
                table[int(argument)] = score  # type: ignore[arg-type]
    return table
