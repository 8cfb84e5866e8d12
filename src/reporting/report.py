"""Everything a finished run shows and keeps: metrics.json, evidence, figures, page, logger, console table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from src.data.pools import Pools
from src.evaluation.extraction import DISCORDANT_NEEDED
from src.evaluation.score import Scored
from src.evaluation.statistics import Estimate
from src.evidence import ExtractedMolecules
from src.reporting import figures
from src.reporting.console import Heading, interval, leakage_sentence, print_summary, verdict
from src.reporting.metrics_file import metrics_document, write_json
from src.reporting.page import MoleculeCard, PageFigure, PageTable, write_page
from src.reporting.run_folder import RunFolder

MOLECULES_DRAWN = 48


@dataclass(frozen=True)
class Outcome:
    """What a run found: evidence by name, its scores, which names are controls and rivals, and the costs."""

    evidence: Mapping[str, Any]
    scored: Scored
    controls: tuple[str, ...]
    rivals: tuple[str, ...]
    guarantee: Mapping[str, Any] | None
    target: Mapping[str, float]
    queries: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[str, str]:
        """Say for each name of evidence what it is."""
        kinds = {"target": ("target",), "control": self.controls, "rival": self.rivals}
        return {name: kind for kind, names in kinds.items() for name in names}

    def metrics_of(self, names: tuple[str, ...]) -> dict[str, Mapping[str, Estimate]]:
        """Return the metrics of several pieces of evidence."""
        return {name: self.scored.metrics[name] for name in names if name in self.scored.metrics}


def report(run: RunFolder, outcome: Outcome, pools: Pools[Any]) -> dict[str, Any]:
    """Write and show the whole report; returns the content of metrics.json."""
    target = outcome.evidence["target"]
    write_evidence(target, outcome, run.folder)
    drawn = run.timed("figures", lambda: draw(target, outcome, run.folder / "figures"))
    document = metrics_document(
        outcome.scored.metrics["target"],
        controls=outcome.metrics_of(outcome.controls),
        rivals=outcome.metrics_of(outcome.rivals),
        leakage=outcome.scored.leakage,
        guarantee=outcome.guarantee,
        target=outcome.target,
        queries=outcome.queries,
        seconds=run.seconds,
    )
    write_json(run.folder / "metrics.json", document)
    write_replicates(outcome.scored, run.folder / "replicates.npz")
    heading, headlines = _heading(run, pools, target), headlines_of(target)
    _page(run, outcome, heading, headlines, drawn)
    _log(run, outcome, drawn, headlines)
    discordant = outcome.scored.metrics["target"].get("discordant_auc")
    print_summary(
        heading,
        outcome.scored.metrics["target"],
        headlines,
        rivals=outcome.metrics_of(outcome.rivals),
        controls=outcome.metrics_of(outcome.controls),
        leakage={name: outcome.scored.leakage[name] for name in headlines if name in outcome.scored.leakage},
        discordant=discordant,
        queries=outcome.queries,
        seconds=run.seconds,
        report=run.folder / "report.html",
        notes=_notes(outcome),
    )
    return document


def write_replicates(scored: Scored, file: Path) -> None:
    """Keep "name/metric" -> (1 + replicates,): with them, later analyses pair and pool runs."""
    arrays = {
        f"{name}/{metric}": np.concatenate([[one.value], one.replicates]).astype(np.float32)
        for name, metrics in scored.metrics.items()
        for metric, one in metrics.items()
    }
    np.savez_compressed(file, allow_pickle=False, **arrays)


@singledispatch
def headlines_of(target: Any) -> list[str]:
    """Name the metrics that a person reads first, for one kind of evidence."""
    raise TypeError(f"no report for {type(target).__name__}")


@headlines_of.register
def _(target: ExtractedMolecules) -> list[str]:
    k = sorted(target.k)[len(target.k) // 2]
    return [f"precision_at_{k}", f"novel_precision_at_{k}", "auc", "novel_auc", "exact_membership_auc"]


@singledispatch
def write_evidence(target: Any, outcome: Outcome, folder: Path) -> None:
    """Keep what the attack produced, in open formats."""
    raise TypeError(f"no file for {type(target).__name__}")


@write_evidence.register
def _(target: ExtractedMolecules, outcome: Outcome, folder: Path) -> None:
    scored = outcome.scored
    table: dict[str, Any] = {"smiles": target.smiles, "template": target.templates, "novel": target.novel}
    for victim in range(len(target.scores)):
        suffix = f"_{victim}" if len(target.scores) > 1 else ""
        table[f"hit{suffix}"], table[f"exact_hit{suffix}"] = scored.hits[victim], scored.exact_hits[victim]
        if scored.hits_disjoint is not None:
            table[f"hit_disjoint{suffix}"] = scored.hits_disjoint[victim]
        if target.mixing is not None:
            table[f"alpha{suffix}"] = target.mixing[victim]
        for name, one in outcome.evidence.items():
            if one is not None:
                table[f"score_{name}{suffix}"] = one.scores[victim if len(one.scores) > 1 else 0]
    frame = pd.DataFrame(table)
    first_score = next(name for name in frame.columns if name.startswith("score_target"))
    frame.sort_values(first_score, ascending=False, kind="stable").to_csv(folder / "evidence.csv", index=False)
    frame.to_parquet(folder / "evidence.parquet", index=False)
    if target.membership is not None:
        scores = {
            f"membership_{name}": one.membership.scores
            for name, one in outcome.evidence.items()
            if one is not None and one.membership is not None
        }
        np.savez_compressed(folder / "membership.npz", allow_pickle=False, **scores)


@singledispatch
def draw(target: Any, outcome: Outcome, folder: Path) -> list[PageFigure]:
    """Draw the figures of one kind of evidence."""
    raise TypeError(f"no figures for {type(target).__name__}")


@draw.register
def _(target: ExtractedMolecules, outcome: Outcome, folder: Path) -> list[PageFigure]:
    scored, roles = outcome.scored, outcome.roles
    target_metrics = scored.metrics["target"]
    made = {
        "precision_vs_k": (
            figures.precision_curves(scored.curves, roles, target_metrics["base_rate"].value),
            "Share of the top K that is part of a training molecule, all candidates; bands are 95 % over rings.",
        ),
        "novel_precision_vs_k": (
            figures.precision_curves(
                scored.novel_curves,
                roles,
                target_metrics["novel_base_rate"].value,
                "Precision of the top K, novel candidates",
            ),
            "The same on candidates that no auxiliary molecule contains: only these are news to the attacker.",
        ),
        "novel_auc": (
            figures.forest({name: one["novel_auc"] for name, one in scored.metrics.items()}, roles, "novel AUC", 0.5),
            "AUC on novel candidates. What controls reach is chemistry, not memory.",
        ),
        "scores": (
            figures.score_histograms(target.scores, scored.hits, target.novel),
            "Scores of the target's candidates.",
        ),
    }
    if target.mixing is not None:
        made["alpha"] = (
            figures.mixing_histogram(target.mixing),
            "Mixing weight α of Eq. (1) over all candidates.",
        )
    return [
        PageFigure(name, caption, figures.save_png(figure, folder / f"{name}.png"))
        for name, (figure, caption) in made.items()
    ]


def _heading(run: RunFolder, pools: Pools[Any], target: Any) -> Heading:
    from hydra.core.hydra_config import HydraConfig

    chosen = HydraConfig.get().runtime.choices
    sizes = {"members": pools.members, "auxiliary": len(pools.auxiliary)}
    if isinstance(target, ExtractedMolecules):
        sizes["candidates"] = len(target.smiles)
    words = {group: str(chosen[group]) for group in ("attack", "model", "objective", "defense", "scale")}
    return Heading(**words, dataset=f"{pools.source}, {pools.available:,} records", sizes=sizes)


def _notes(outcome: Outcome) -> list[str]:
    victims = len(outcome.evidence["target"].scores)
    notes = list(outcome.notes)
    if victims == 1:
        notes.append("one trained model: the intervals hold for this model only, not for the method")
    if outcome.guarantee is None:
        notes.append("no formal guarantee: what is measured is empirical only")
    return notes


def _summary(outcome: Outcome) -> list[str]:
    sentences = [
        f"Leakage in {name.replace('_', ' ')}: {leakage_sentence(one)}." for name, one in outcome.scored.leakage.items()
    ]
    discordant = outcome.scored.metrics["target"].get("discordant_auc")
    if discordant is not None:
        sentences.insert(
            0,
            "Primary: does the score tell molecules found only in G from those found only in G′? "
            f"AUC {interval(discordant)} on {discordant.n} discordant candidates "
            f"({DISCORDANT_NEEDED} needed): {verdict(discordant)}.",
        )
    success = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in outcome.target.items())
    return [*sentences, f"The target's own success: {success}.", *_notes(outcome)]


def _page(run: RunFolder, outcome: Outcome, heading: Heading, headlines: list[str], drawn: list[PageFigure]) -> None:
    what, data = heading.lines()
    metrics = outcome.scored.metrics
    present = [name for name in headlines if any(name in one for one in metrics.values())]
    rows = [
        [f"{outcome.roles[name]}: {name}", *(interval(one.get(m)) for m in present)] for name, one in metrics.items()
    ]
    tables = [
        PageTable("Target, controls and rivals, with 95 % intervals", ["", *present], rows, emphasis=[0]),
        PageTable(
            "All metrics of the target",
            ["metric", "value [95 % interval]", "n", "note"],
            [[name, interval(one), one.n, one.note] for name, one in metrics["target"].items()],
        ),
    ]
    write_page(
        run.folder / "report.html",
        what,
        data,
        _summary(outcome),
        tables,
        drawn,
        _cards(outcome),
        {
            "seed": str(run.cfg.seed),
            "queries": ", ".join(f"{call} {n:,}" for call, n in outcome.queries.items()),
        },
        OmegaConf.to_yaml(run.cfg),
    )


def _cards(outcome: Outcome) -> list[MoleculeCard]:
    target = outcome.evidence["target"]
    if not isinstance(target, ExtractedMolecules):
        return []
    best = np.argsort(-target.scores[0], kind="stable")[:MOLECULES_DRAWN]
    hits = outcome.scored.hits[0]
    return [
        MoleculeCard(
            smiles=target.smiles[place],
            rank=rank + 1,
            score=float(target.scores[0, place]),
            verdict=("novel hit" if target.novel[place] else "hit") if hits[place] else "miss",
            template=target.templates[place],
        )
        for rank, place in enumerate(best)
    ]


def _log(run: RunFolder, outcome: Outcome, drawn: list[PageFigure], headlines: list[str]) -> None:
    scalars = {
        f"{outcome.roles[name]}/{name}/{metric}": one.value
        for name, metrics in outcome.scored.metrics.items()
        for metric, one in metrics.items()
        if np.isfinite(one.value)
    }
    run.logger.log_scalars(scalars | {f"target/success/{name}": value for name, value in outcome.target.items()})
    for figure in drawn:
        run.logger.log_figure(figure.name, figure.path)
    rows = [
        [outcome.roles[name], name, metric, one.value, one.low, one.high, one.n]
        for name, metrics in outcome.scored.metrics.items()
        for metric, one in metrics.items()
    ]
    run.logger.log_table("metrics", ["role", "name", "metric", "value", "low", "high", "n"], rows)
