"""Vocabularies, releases and problems of which everything is known: nothing is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem

from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.oracle import Oracle
from telltale.attacks.molextract.growth.problem import Problem
from telltale.attacks.molextract.scorers import Constant, ScorerOptions
from telltale.attacks.molextract.vocabulary import Block, Vocabulary, _capped
from telltale.data.molecules.records import MoleculeRecords

RINGS = ("*c1ccccc1", "*c1ccc(*)nc1", "*N1CCNCC1", "*c1cc[nH]c1", "*n1ccc(*)c1", "*C1CCC(=O)CC1", "*C1CC1", "*C1C=CSC1")
MOTIFS = (
    *("*C", "*O", "*CC*", "*C(=O)N*", "*[N+](=O)[O-]", "*C#N", "*S(=O)(=O)C", "*Cl", "*OC*", "*N(C)C", "*c1ccc(*)s1"),
    *("*C(=O)[O-]", "*[NH2+]C*", "*[nH]", "*n1cccc1", "*S(=O)C", "*P(=O)(O)O", "*C=C*", "*[Si](C)(C)C", "*B(O)O"),
)


def block(text: str) -> Block | None:
    capped = _capped(text)
    return None if capped is None else Block(*capped, count=1)


def vocabulary(rings: Sequence[str] = RINGS, motifs: Sequence[str] = MOTIFS) -> Vocabulary:
    kinds = (tuple(known for text in kind if (known := block(text))) for kind in (rings, motifs))
    return Vocabulary(*kinds)


class Answering:
    """A release that embeds a molecule by what `knows` says of it: (1, 0) if it does, else (0, 1)."""

    name, access = "answering", frozenset({"embeddings"})
    budget: int | None = None

    def __init__(self, knows: Any) -> None:
        self.knows, self.queries, self.batches = knows, Counter[str](), 0

    def embeddings(self, records: MoleculeRecords) -> np.ndarray:
        self.queries["embeddings"] += len(records)
        self.batches += 1
        known = np.array([self.knows(text) for text in records.smiles])
        return np.stack([known, ~known], 1).astype(np.float32)


def part_of(molecules: Sequence[str]) -> Any:
    """Tell of a molecule whether one of these contains it."""
    parsed = [Chem.MolFromSmiles(text) for text in molecules]
    return lambda text: any(whole.HasSubstructMatch(Chem.MolFromSmiles(text)) for whole in parsed)


def problem_of(environment: Environment, knows: Any, budget: int | None = None, seed: int = 0) -> Problem:
    """Return a problem whose rings and motifs have been asked about, as after a warm-up."""
    words = environment.vocabulary
    oracle = Oracle(Answering(knows), budget)  # type: ignore[arg-type]
    oracle.embeddings([block.smiles for block in (*words.rings, *words.motifs)])
    contained = np.vectorize(knows, otypes=[bool])
    rings = np.arange(len(words.rings))
    return Problem(environment, oracle, Constant(ScorerOptions(size_weighted=False)), contained, rings, seed)
