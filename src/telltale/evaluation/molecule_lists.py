"""Lists of molecules of one run, each of which may hold its own: what they are matched with, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from telltale.data.kept import Kept, content_digest
from telltale.evaluation.extraction import precision_curve, score_extraction
from telltale.evaluation.matching import Matches, matches
from telltale.evaluation.memory_gain import DISCORDANT, NOVEL_DISCORDANT, memory, novel_discordant
from telltale.evaluation.statistics import Band, Estimate, Resampling
from telltale.evidence import ExtractedMolecules
from telltale.truth import Truth

LISTS_DIFFER = "cannot tell: each search proposed its own candidates, and no model judged the other's"


@dataclass(frozen=True)
class Lists:
    """The evidence of a run, by name, and what each of it matches.

    evidence   with a row of scores for every victim
    matched    of each piece of evidence, its own candidates
    common     matches of what target and disjoint model both judged, where that is not the target's own list
    clusters   all templates, of any list: what intervals resample
    """

    evidence: Mapping[str, ExtractedMolecules]
    matched: Mapping[str, Matches]
    common: Matches | None
    clusters: np.ndarray

    @classmethod
    def of(cls, evidence: Mapping[str, ExtractedMolecules], truth: Truth, against_disjoint: bool, kept: Kept) -> Lists:
        """Match all candidates; equal lists once."""
        known: dict[str, Matches] = {}

        def found(guess: ExtractedMolecules) -> Matches:
            key = content_digest(guess.smiles)
            if key not in known:
                known[key] = matches(guess.smiles, truth, against_disjoint, kept)
            return known[key]

        matched = {name: found(guess) for name, guess in evidence.items()}
        common = evidence["target"].common
        shown = [*evidence.values(), *([common] if common else [])]
        clusters = np.unique(np.concatenate([guess.templates for guess in shown]))
        return cls(evidence, matched, found(common) if common else None, clusters)

    def metrics(self, plan: Resampling) -> dict[str, dict[str, Estimate]]:
        """Score every list against what it matches."""
        return {
            name: score_extraction(guess, self.matched[name].parts, self.matched[name].exact, plan, self.clusters)
            for name, guess in self.evidence.items()
        }

    def discordant(self, plan: Resampling) -> dict[str, dict[str, Estimate]]:
        """Ask of every list by itself whether its scores tell novel molecules of G alone from those of G' alone.

        Where no model was trained on G', of all molecules too.
        """
        found: dict[str, dict[str, Estimate]] = {name: {} for name in self.evidence}
        for name, guess in self.evidence.items():
            if (compared := self.matched[name].compared) is None:
                continue
            found[name] = {NOVEL_DISCORDANT: novel_discordant(guess, *compared, plan, self.clusters)}
            if self.matched[name].beyond is not None:
                found[name][DISCORDANT] = novel_discordant(guess, *compared, plan, self.clusters, novel=False)
        return found

    def curves(self, plan: Resampling, novel: bool = False) -> dict[str, Band]:
        """Return precision against K of every list; novel: of candidates that are new to the attacker."""
        return {
            name: precision_curve(guess, self.matched[name].parts, plan, novel, self.clusters)
            for name, guess in self.evidence.items()
        }

    def memory(self, plan: Resampling) -> dict[str, Estimate]:
        """Ask whether the target knows more of G than a model of G' does, on candidates that both have judged."""
        judged = {name: guess.common or guess for name, guess in self.evidence.items()}
        of = self.common or self.matched["target"]
        if of.disjoint is None or of.beyond is not None:
            return {}
        target = judged["target"]
        alike = all(
            name not in judged or (judged[name].listed is None and np.array_equal(judged[name].smiles, target.smiles))
            for name in ("target", "disjoint", "zero_query")
        )
        if not alike:
            return {DISCORDANT: Estimate.exact(float("nan"), 0, LISTS_DIFFER)}
        return memory(judged, of.parts, of.disjoint, plan, self.clusters)
