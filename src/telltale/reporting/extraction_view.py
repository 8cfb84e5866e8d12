"""How extracted molecules are shown and kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from telltale.evaluation.score import ScoredExtraction
from telltale.evaluation.unjudged import AGREEMENT
from telltale.evidence import ExtractedMolecules
from telltale.reporting import figures
from telltale.reporting.drawing import drawn, estimates_of
from telltale.reporting.outcome import Outcome
from telltale.reporting.page import MoleculeCard, PageFigure
from telltale.reporting.summary import Reading
from telltale.writing import cell

MOLECULES_DRAWN = 48
ALPHA = "Mixing weight α of Eq. (1) over all candidates."


def reading(target: ExtractedMolecules) -> Reading:
    """Say what a person reads first."""
    k = sorted(target.k)[len(target.k) // 2]
    return Reading(
        headlines=[
            *(f"precision_at_{k}", f"novel_precision_at_{k}", "auc", "novel_auc", "exact_membership_auc"),
            AGREEMENT,
        ],
        sizes={"candidates": len(target.smiles)},
        resampled="templates",
        brief=("novel_auc", "exact_membership_auc"),
    )


def write(target: ExtractedMolecules, outcome: Outcome, folder: Path) -> None:
    """Keep every candidate with all its scores and what it really was, as CSV and parquet.

    Where nobody knows what they really were, the ranking alone, as candidates.csv.
    """
    import pandas as pd  # slow, and other evidence does without it

    found = _scored(outcome).matched.get("target")
    alike = {name: guess for name, guess in outcome.present.items() if np.array_equal(guess.smiles, target.smiles)}
    table: dict[str, Any] = {"smiles": target.smiles, "template": target.templates, "novel": target.novel}
    if target.joins is not None:
        table["joins"] = target.joins
    for victim in range(len(target.scores)):
        suffix = f"_{victim}" if len(target.scores) > 1 else ""
        if found is not None:
            table |= {f"hit{suffix}": found.parts[victim], f"exact_hit{suffix}": found.exact[victim]}
        if found is not None and found.disjoint is not None:
            table[f"hit_disjoint{suffix}"] = found.disjoint[victim]
        if target.mixing is not None:
            table[f"alpha{suffix}"] = target.mixing[victim]
        for name, guess in alike.items():
            table[f"score_{name}{suffix}"] = guess.scores[victim if len(guess.scores) > 1 else 0]
    frame = pd.DataFrame(table)
    first_score = next(name for name in frame.columns if name.startswith("score_target"))
    for_people = frame.assign(smiles=frame["smiles"].map(cell), template=frame["template"].map(cell))
    best_first = for_people.sort_values(first_score, ascending=False, kind="stable")
    if found is None:
        best_first.to_csv(folder / "candidates.csv", index=False)
        return
    best_first.to_csv(folder / "evidence.csv", index=False)
    frame.to_parquet(folder / "evidence.parquet", index=False)
    _write_lists({name: guess for name, guess in outcome.present.items() if name not in alike}, outcome, folder)
    if target.membership is not None:
        scores = {
            f"membership_{name}": guess.membership.scores
            for name, guess in outcome.present.items()
            if guess.membership is not None
        }
        np.savez_compressed(folder / "evidence.npz", allow_pickle=False, **scores)


def _write_lists(others: Mapping[str, ExtractedMolecules], outcome: Outcome, folder: Path) -> None:
    """Keep lists that hold other candidates than the target's, one under the other; scores of every victim."""
    import pandas as pd

    frames = []
    for name, guess in others.items():
        found = _scored(outcome).matched[name]
        table: dict[str, Any] = {"list": name, "smiles": guess.smiles, "template": guess.templates}
        table["novel"] = guess.novel
        for victim, scores in enumerate(guess.scores):
            suffix = f"_{victim}" if len(found.parts) > 1 else ""
            table[f"hit{suffix}"], table[f"exact_hit{suffix}"] = found.parts[victim], found.exact[victim]
            table[f"score{suffix}"] = scores
        frames.append(pd.DataFrame(table))
    if frames:
        pd.concat(frames, ignore_index=True).to_parquet(folder / "lists.parquet", index=False)


def draw(target: ExtractedMolecules, outcome: Outcome, folder: Path) -> list[PageFigure]:
    """Draw precision curves, AUC intervals, score and mixing-weight histograms."""
    scored, roles = _scored(outcome), outcome.titled(outcome.roles)
    of_alpha = {} if target.mixing is None else {"alpha": (partial(figures.mixing_histogram, target.mixing), ALPHA)}
    if outcome.unknown:
        return drawn(of_alpha, folder, outcome.kept)
    target_metrics = scored.metrics["target"]
    made = {
        "precision_vs_k": (
            partial(figures.precision_curves, outcome.titled(scored.curves), roles, target_metrics["base_rate"].value),
            "Share of the top K that is part of a training molecule, all candidates; bands are 95 % over rings.",
        ),
        "novel_precision_vs_k": (
            partial(
                figures.precision_curves,
                outcome.titled(scored.novel_curves),
                roles,
                target_metrics["novel_base_rate"].value,
                "Precision of the top K, novel candidates",
            ),
            "The same on candidates that no auxiliary molecule contains: only these are news to the attacker.",
        ),
        "novel_auc": (
            partial(figures.forest, outcome.titled(estimates_of("novel_auc", scored)), roles, "novel AUC", 0.5),
            "AUC on novel candidates. What controls reach is chemistry, not memory.",
        ),
        "scores": (
            partial(figures.score_histograms, *_listed(target, scored.hits)),
            "Scores of the candidates.",
        ),
    }
    return drawn(made | of_alpha, folder, outcome.kept)


def cards(target: ExtractedMolecules, outcome: Outcome) -> list[MoleculeCard]:
    """Return the best-scored molecules of the first victim, marked as hit, novel hit or miss.

    Where molecules are grown, the best of those that a single join does not make stand in the second half.
    """
    order = np.argsort(-target.scores[0], kind="stable")[: int(target.listed_for(0).sum())]
    joins = np.ones(len(target.smiles), int) if target.joins is None else target.joins
    best, beyond = order[:MOLECULES_DRAWN], order[joins[order] > 1][: MOLECULES_DRAWN // 2]
    if len(beyond):
        best = np.array(list(dict.fromkeys([*order[: MOLECULES_DRAWN - len(beyond)], *beyond])), int)
    rank_of = {place: rank for rank, place in enumerate(order.tolist())}
    hits = None if outcome.unknown else _scored(outcome).hits[0]

    def verdict(place: int) -> str:
        if hits is None:
            return "not known"
        return ("novel hit" if target.novel[place] else "hit") if hits[place] else "miss"

    return [
        MoleculeCard(
            smiles=target.smiles[place],
            rank=rank_of[place] + 1,
            score=float(target.scores[0, place]),
            verdict=verdict(place),
            template=target.templates[place],
            joins=int(joins[place]),
        )
        for place in best.tolist()
    ]


def gallery(target: ExtractedMolecules, outcome: Outcome) -> None:
    """Return nothing: what was extracted stands on the cards."""


def _listed(target: ExtractedMolecules, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, hits and novelty of the first victim's list where lists differ, of all victims where not."""
    if target.listed is None:
        return target.scores, hits, target.novel
    of = target.listed[0]
    return target.scores[:1, of], hits[:1, of], target.novel[of]


def _scored(outcome: Outcome) -> ScoredExtraction:
    assert isinstance(outcome.scored, ScoredExtraction)
    return outcome.scored
