"""Everything a finished run shows and keeps: metrics.json, evidence, figures, page, logger, console table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from telltale.data.pools import Pools
from telltale.evaluation.comparison import Tests
from telltale.evaluation.extraction import DISCORDANT_NEEDED
from telltale.evaluation.membership import OPTIMISTIC
from telltale.evaluation.score import Scored, ScoredMembership
from telltale.evidence import (
    CanaryScores,
    CaptionMembership,
    ExtractedMolecules,
    MembershipScores,
    ReconstructedRecords,
)
from telltale.reporting import caption_view, extraction_view, membership_view, reconstruction_view
from telltale.reporting.console import Heading, interval, leakage_sentence, print_summary, verdict
from telltale.reporting.metrics_file import metrics_document, write_json
from telltale.reporting.outcome import Outcome
from telltale.reporting.page import PageFigure, PageTable, write_page
from telltale.reporting.run_folder import RunFolder
from telltale.reporting.sentences import metric_title, privacy_sentence, rivals_sentence, success_sentence

# a view knows how one kind of evidence is shown: headlines, sizes, asked, write, draw, cards, gallery, RESAMPLED
VIEWS: dict[type, ModuleType] = {
    ExtractedMolecules: extraction_view,
    MembershipScores: membership_view,
    CanaryScores: membership_view,
    CaptionMembership: caption_view,
    ReconstructedRecords: reconstruction_view,
}


def report(run: RunFolder, outcome: Outcome, pools: Pools[Any]) -> dict[str, Any]:
    """Write and show the whole report; returns the content of metrics.json."""
    target = outcome.evidence["target"]
    view = VIEWS[type(target)]
    view.write(target, outcome, run.folder)
    drawn = run.timed("figures", lambda: view.draw(target, outcome, run.folder / "figures"))
    document = metrics_document(
        outcome.scored.metrics["target"],
        controls=outcome.metrics_of(outcome.controls),
        rivals=outcome.metrics_of(outcome.rivals),
        variants=outcome.metrics_of(outcome.variants),
        leakage=outcome.scored.leakage,
        guarantee=outcome.guarantee,
        target=outcome.target,
        queries=outcome.queries,
        seconds=run.seconds,
        versus_rivals=_versus(outcome.scored),
        costs=outcome.costs,
    )
    write_json(run.folder / "metrics.json", document)
    write_replicates(outcome.scored, run.folder / "replicates.npz")
    heading, headlines = _heading(pools, view.sizes(target)), view.headlines(target)
    notes, columns = _notes(outcome, view.RESAMPLED), cost_columns(outcome, *view.asked(target))
    page = _page(run, outcome, heading, headlines, columns, notes)
    write_page(**page, figures=drawn, molecules=view.cards(target, outcome), gallery=view.gallery(target, outcome))
    _log(run, outcome, drawn)
    print_summary(
        heading,
        outcome.scored.metrics["target"],
        headlines,
        rivals=outcome.metrics_of(outcome.rivals),
        controls=outcome.metrics_of(outcome.controls),
        variants=outcome.metrics_of(outcome.variants),
        leakage={name: outcome.scored.leakage[name] for name in headlines if name in outcome.scored.leakage},
        discordant=outcome.scored.metrics["target"].get("discordant_auc"),
        queries=outcome.queries,
        seconds=run.seconds,
        report=run.folder / "report.html",
        notes=notes,
        columns=columns,
        success=success_sentence(outcome.target),
        versus=rivals_sentence(_versus(outcome.scored)),
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


def _heading(pools: Pools[Any], sizes: dict[str, int]) -> Heading:
    chosen = HydraConfig.get().runtime.choices
    words = {group: str(chosen[group]) for group in ("attack", "model", "objective", "defense", "scale")}
    sizes = {"members": pools.members, "auxiliary": len(pools.auxiliary), **sizes}
    return Heading(**words, dataset=f"{pools.source}, {pools.available:,} records", sizes=sizes)


def cost_columns(outcome: Outcome, title: str, units: int) -> dict[str, dict[str, str]]:
    """Return what evidence cost as columns of the table: title -> name -> text; queries are divided by units."""
    if not outcome.costs:
        return {}
    queries = {name: sum(cost.queries.values()) / units for name, cost in outcome.costs.items()}
    return {
        title: {name: f"{count:,.0f}" if count >= 100 else f"{count:.3g}" for name, count in queries.items()},
        "seconds": {name: f"{cost.seconds:,.1f}" for name, cost in outcome.costs.items()},
    }


def _versus(scored: Scored) -> Mapping[str, Tests]:
    return scored.versus_rivals if isinstance(scored, ScoredMembership) else {}


def _notes(outcome: Outcome, resampled: str) -> list[str]:
    victims = len(outcome.evidence["target"].scores)
    notes = list(outcome.notes)
    if victims == 1:
        notes.append("one trained model: the intervals hold for this model only, not for the method")
    else:
        notes.append(f"{victims} trained models: the intervals resample {resampled} and models")
    if audited := privacy_sentence(outcome.scored.metrics["target"], outcome.guarantee):
        notes.append(audited)
    if outcome.guarantee is None:
        notes.append("no formal guarantee: what is measured is empirical only")
    else:
        notes.append(f"guarantee: {outcome.guarantee['statement']}")
        notes += [outcome.guarantee["doubt"]] if outcome.guarantee.get("doubt") else []
    return notes


def _summary(outcome: Outcome, headlines: list[str], notes: list[str]) -> list[str]:
    sentences = [
        f"Leakage in {metric_title(name)}: {leakage_sentence(one)}."
        for name, one in outcome.scored.leakage.items()
        if name in headlines
    ]
    discordant = outcome.scored.metrics["target"].get("discordant_auc")
    if discordant is not None:
        sentences.insert(
            0,
            "Primary: does the score tell molecules found only in G from those found only in G′? "
            f"AUC {interval(discordant)} on {discordant.n} discordant candidates "
            f"({DISCORDANT_NEEDED} needed): {verdict(discordant)}.",
        )
    if versus := rivals_sentence(_versus(outcome.scored)):
        sentences.append(f"Against its rivals {versus}.")
    if success := success_sentence(outcome.target):
        sentences.append(f"The target's own success: {success}.")
    return [*sentences, *notes]


def _page(
    run: RunFolder,
    outcome: Outcome,
    heading: Heading,
    headlines: list[str],
    columns: dict[str, dict[str, str]],
    notes: list[str],
) -> dict[str, Any]:
    """Return the texts of the page as arguments of `write_page`."""
    what, data = heading.lines()
    metrics = outcome.scored.metrics
    present = [name for name in headlines if any(name in one for one in metrics.values())]
    compared = [
        [
            f"{outcome.roles[name]}: {name}",
            *(interval(one.get(m)) for m in present),
            *(texts.get(name, "–") for texts in columns.values()),
        ]
        for name, one in metrics.items()
    ]
    titles = ["", *map(metric_title, present), *columns]
    everything = [[name, interval(one), one.n, one.note] for name, one in metrics["target"].items()]
    queries = ", ".join(f"{call} {n:,}" for call, n in outcome.queries.items())
    return {
        "path": run.folder / "report.html",
        "title": what,
        "subtitle": data,
        "summary": _summary(outcome, headlines, notes),
        "tables": [
            PageTable("Target, controls and rivals, with 95 % intervals", titles, compared, emphasis=[0]),
            *_guarantee_table(outcome.guarantee),
        ],
        "footer": {"seed": str(run.cfg.seed), "queries": queries},
        "configuration": OmegaConf.to_yaml(run.cfg),
        "appendix": [
            PageTable("All metrics of the target", ["metric", "value [95 % interval]", "n", "note"], everything)
        ],
    }


def _guarantee_table(guarantee: Mapping[str, Any] | None) -> list[PageTable]:
    if guarantee is None:
        return []
    rows = [[name.replace("_", " "), _in_words(value)] for name, value in guarantee.items() if value is not None]
    return [PageTable("What is guaranteed, and on what grounds", ["", ""], rows)]


def _in_words(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}".replace("inf", "∞")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(value) if isinstance(value, list | tuple) else str(value)


def _log(run: RunFolder, outcome: Outcome, drawn: list[PageFigure]) -> None:
    scalars = {
        f"{outcome.roles[name]}/{name}/{metric}": one.value
        for name, metrics in outcome.scored.metrics.items()
        for metric, one in metrics.items()
        if np.isfinite(one.value) and one.note != OPTIMISTIC  # there a number stands without its note
    }
    run.logger.log_scalars(scalars | {f"target/success/{name}": value for name, value in outcome.target.items()})
    for figure in drawn:
        run.logger.log_figure(figure.name, figure.path)
    rows = [
        [outcome.roles[name], name, metric, one.value, one.low, one.high, one.n, one.note]
        for name, metrics in outcome.scored.metrics.items()
        for metric, one in metrics.items()
    ]
    run.logger.log_table("metrics", ["role", "name", "metric", "value", "low", "high", "n", "note"], rows)
