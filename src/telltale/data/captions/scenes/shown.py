"""What scenes show, beside their pictures, with the law of their captions."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from telltale.data.captions.scenes.claims import SceneClaims, claims_of, judged
from telltale.data.captions.scenes.facts import Facts
from telltale.data.captions.scenes.grammar import Grammar
from telltale.data.captions.scenes.likelihood import given_scene, without_scene
from telltale.data.captions.shown import Shown


@dataclass(frozen=True, eq=False)
class ScenesShown(Shown):
    """n scenes of one or more sources.

    table     (n, columns) int8, the rows of `Facts.table`
    law       (n,) int64, each one's place in `grammars`
    grammars  the laws of their captions
    """

    table: np.ndarray
    law: np.ndarray
    grammars: tuple[Grammar, ...]

    def __len__(self) -> int:
        """Count the scenes."""
        return len(self.table)

    def take(self, rows: np.ndarray) -> Self:
        """Return the scenes at `rows`."""
        return type(self)(self.table[rows], self.law[rows], self.grammars)

    def joined(self, other: Self) -> Self:
        """Return these and the others behind them."""
        table, law = np.concatenate([self.table, other.table]), other.law + len(self.grammars)
        return type(self)(table, np.concatenate([self.law, law]), self.grammars + other.grammars)

    def judged(self, captions: Sequence[str]) -> np.ndarray:
        """Count what is right and all that is said, of objects, relations, ground and light: (n, 2)."""
        return np.array(judged(captions, self._claims), np.int64).reshape(-1, 2)

    def log_probabilities(self, captions: Sequence[Sequence[str]], known: Container[str] | None = None) -> np.ndarray:
        """Return log p(captions | scene) in nats, exactly: (n,)."""
        return self._summed(captions, known, seen=True)

    def log_probabilities_unseen(
        self, captions: Sequence[Sequence[str]], known: Container[str] | None = None
    ) -> np.ndarray:
        """Return Σ log p(caption), of each caption what the grammar alone says, in nats, exactly: (n,)."""
        return self._summed(captions, known, seen=False)

    def _summed(self, captions: Sequence[Sequence[str]], known: Container[str] | None, seen: bool) -> np.ndarray:
        result = np.zeros(len(self))
        for number, grammar in enumerate(self.grammars):
            rows = np.flatnonzero(self.law == number)
            of_caption = np.repeat(rows, [len(captions[row]) for row in rows.tolist()])
            texts = [text for row in rows.tolist() for text in captions[row]]
            if seen:
                found = given_scene(grammar, Facts.of(self.table[of_caption]), texts, known)
            else:
                found = without_scene(grammar, texts, known)
            np.add.at(result, of_caption, found)
        return result

    @cached_property
    def _claims(self) -> list[SceneClaims]:
        facts, claims = Facts.of(self.table), list[SceneClaims]()
        for row, law in enumerate(self.law.tolist()):
            claims += claims_of(self.grammars[law].source, facts.take(np.array([row])))
        return claims
