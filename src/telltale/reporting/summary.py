"""What a run comes to, made once and shown three times: on the console, on the page and by the logger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isinf, nan
from pathlib import Path
from typing import Any

from telltale.evaluation.comparison import Tests
from telltale.evaluation.extraction import DISCORDANT_NEEDED, LeakageEstimate
from telltale.evaluation.score import ScoredMembership
from telltale.evaluation.statistics import Estimate
from telltale.evaluation.variance import students_quantile
from telltale.reporting.answering import Spoken
from telltale.reporting.outcome import Outcome, titles_of
from telltale.reporting.sentences import (
    exposure_sentence,
    interval,
    leakage_sentence,
    metric_title,
    privacy_sentence,
    rivals_sentence,
    success_sentence,
    verdict,
)

Metrics = Mapping[str, Estimate]


@dataclass(frozen=True)
class Heading:
    """What was run on what: the words of the configuration and the sizes of the pools by name."""

    attack: str
    model: str
    objective: str
    defense: str
    scale: str
    dataset: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    what: str = ""

    @classmethod
    def of(cls, choices: Mapping[str, str], pools: Any, sizes: Mapping[str, int], what: str = "") -> Heading:
        """Return the heading of a run with these words of the command line; sizes: those of the evidence.

        pools: what the run was about (`report.Subject`); what: the first line, where it is not about a recipe.
        """
        words = {group: str(choices[group]) for group in ("attack", "model", "objective", "defense", "scale")}
        own = {"auxiliary": len(pools.auxiliary)} if not what else {}
        sizes = {"members": pools.member_count, **own, **sizes}
        return cls(**words, dataset=f"{pools.source}, {pools.available:,} records", sizes=sizes, what=what)

    def lines(self) -> tuple[str, str]:
        """Return the two lines of a title: what was run, and on which data."""
        sizes = " · ".join(f"{count:,} {name}" for name, count in self.sizes.items())
        recipe = f"{self.attack} on {self.model}, {self.objective}; defence {self.defense}; scale {self.scale}"
        what = self.what or recipe
        return what, self.dataset + (f": {sizes}" if sizes else "")


@dataclass(frozen=True)
class Reading:
    """How a person reads one kind of evidence.

    headlines   names of the metrics that are read first; those that nobody has are not shown
    sizes       of the evidence, for the title, by name
    resampled   what the intervals resample beside models, e.g. "points"
    brief       those of the headlines that a narrow console shows
    queries     title of the column of queries
    shared_by   what the queries of a piece of evidence are divided by in that column
    data        names of the target's metrics that are of the data alone: what they can carry, whoever attacks
    """

    headlines: Sequence[str]
    sizes: Mapping[str, int]
    resampled: str
    brief: Sequence[str] = ("auc", "tpr_at_fpr_0.01")
    queries: str = "queries"
    shared_by: int = 1
    data: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The end of a run in numbers and sentences.

    heading     what was run on what
    answer      whether it leaks, and what to type next
    headlines   names of the metrics that a person reads first
    brief       those of the headlines that a narrow console shows
    evidence    metrics by name of evidence
    roles       target, rival, control or variant, by name of evidence
    leakage     what the attack reaches above its strongest control, by metric
    owner       how well the owner's own task is learned, by name
    success     the same as a sentence
    versus      sentence: how the attack stands against its rivals
    notes       sentences that are shown as they are
    columns     what evidence cost: title -> name of evidence -> text
    guarantee   what the defence promises and on what grounds; None: nothing
    queries     records that the target was asked about, by call
    seconds     time by stage
    report      the page
    outcome     what was found, for who reads on from Python
    data        what the data can carry, by metric: it stands before everything that an attack found
    """

    heading: Heading
    headlines: Sequence[str]
    evidence: Mapping[str, Metrics]
    roles: Mapping[str, str]
    brief: Sequence[str] = ()
    leakage: Mapping[str, LeakageEstimate] = field(default_factory=dict)
    owner: Mapping[str, float] = field(default_factory=dict)
    success: str = ""
    versus: str = ""
    notes: Sequence[str] = ()
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    guarantee: Mapping[str, Any] | None = None
    queries: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    report: Path | None = None
    answer: Spoken | None = None
    outcome: Outcome | None = None
    data: Metrics = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        outcome: Outcome,
        heading: Heading,
        reading: Reading,
        seconds: Mapping[str, float],
        report: Path,
        answer: Spoken | None = None,
    ) -> Summary:
        """Put an outcome into words; seconds: by stage; report: where the page will lie."""
        return cls(
            heading=heading,
            headlines=reading.headlines,
            brief=reading.brief,
            evidence=outcome.scored.metrics,
            roles=outcome.roles,
            leakage=outcome.scored.leakage,
            owner=outcome.target,
            success=success_sentence(outcome.target),
            versus=rivals_sentence(tests_of(outcome), titles_of(outcome.roles, heading.attack)["target"]),
            notes=_notes(outcome, reading.resampled),
            columns=_cost_columns(outcome, reading.queries, reading.shared_by),
            guarantee=outcome.guarantee,
            queries=outcome.queries,
            seconds=dict(seconds),
            report=report,
            answer=answer,
            data={name: of[name] for name in reading.data if name in (of := outcome.scored.metrics["target"])},
        )

    @cached_property
    def titles(self) -> dict[str, str]:
        """What a person calls each piece of evidence, in the one order: attack, rivals, controls, variants."""
        titles = titles_of(self.roles, self.heading.attack)
        return {name: title for name, title in titles.items() if name in self.evidence}

    @property
    def target(self) -> Metrics:
        """The metrics of the attack."""
        return self.evidence["target"]

    @property
    def headline(self) -> float:
        """The first of the headlines that the target has, as one number for a sweep to optimise; NaN without one."""
        return next((float(self.target[name].value) for name in self.headlines if name in self.target), nan)

    @cached_property
    def present(self) -> list[str]:
        """The headlines that any evidence has."""
        return [name for name in self.headlines if any(name in metrics for metrics in self.evidence.values())]

    @property
    def discordant(self) -> Estimate | None:
        """Whether the score tells molecules found only in G from those found only in G′, where that was measured."""
        return self.target.get("discordant_auc")

    def metrics_of(self, role: str) -> dict[str, Metrics]:
        """Return the metrics of all evidence in one role, by name."""
        return {name: self.evidence[name] for name in self.titles if self.roles[name] == role}

    def leakages(self) -> dict[str, LeakageEstimate]:
        """Return the leakage in each of the headlines, in their order, by its title, which names one of several."""
        of = f" of {self.titles['target']}" if "rival" in self.roles.values() else ""
        return {f"{metric_title(name)}{of}": self.leakage[name] for name in self.headlines if name in self.leakage}

    def sentences(self) -> list[str]:
        """Say what the numbers come to, the primary question first and the notes last."""
        sentences = [
            f"Leakage in {title}: {leakage_sentence(estimate)}." for title, estimate in self.leakages().items()
        ]
        if self.discordant is not None:
            sentences.insert(
                0,
                "Primary: does the score tell molecules found only in G from those found only in G′? "
                f"AUC {interval(self.discordant)} on {self.discordant.n} discordant candidates "
                f"({DISCORDANT_NEEDED} needed): {verdict(self.discordant)}.",
            )
        if self.versus:
            sentences.append(f"Against its rivals {self.versus}.")
        if self.success:
            sentences.append(f"The model's own success: {self.success}.")
        return [*sentences, *self.notes]


def tests_of(outcome: Outcome) -> Mapping[str, Tests]:
    """Return the paired tests of the attack against each rival; nothing where evidence is of another kind."""
    return outcome.scored.versus_rivals if isinstance(outcome.scored, ScoredMembership) else {}


def _notes(outcome: Outcome, resampled: str) -> list[str]:
    victims = len(outcome.evidence["target"].scores)
    notes = [*outcome.notes, *getattr(outcome.evidence["target"], "told", ())]
    notes.append(_of_models(victims, resampled, outcome.scored.metrics["target"].values()))
    notes += [said] if (said := exposure_sentence(outcome.scored.metrics["target"])) else []
    if audited := privacy_sentence(outcome.scored.metrics["target"], outcome.guarantee):
        notes.append(audited)
    if outcome.guarantee is None:
        notes.append("no formal guarantee: what is measured is empirical only")
    else:
        notes.append(f"guarantee: {outcome.guarantee['statement']}")
        if not audited and "auc" in outcome.scored.metrics["target"] and "replaced" in outcome.guarantee:
            notes.append(outcome.guarantee["replaced"])  # coins of canaries add and remove
        notes += [outcome.guarantee["doubt"]] if outcome.guarantee.get("doubt") else []
    return notes


def _of_models(victims: int, resampled: str, estimates: Iterable[Estimate]) -> str:
    """Say what the intervals speak of: one model, these models only, or models like these."""
    if victims == 1:
        return "one trained model: the intervals hold for this model only, not for the method"
    drawn = [estimate for estimate in estimates if estimate.replicates.size]
    degrees = min((estimate.degrees for estimate in drawn), default=inf)
    if isinf(degrees):
        return f"{victims} trained models, one pair: the intervals resample {resampled} and hold for these models only"
    units = int(degrees) + 1
    of = "models" if units == victims else f"{units} groups of models, complementary pairs as one"
    weak = f"; weak: so few reach {students_quantile(degrees):.1f} standard errors" if units < 4 else ""
    return f"{victims} trained models: the intervals resample {resampled} and {of}{weak}"


def _cost_columns(outcome: Outcome, title: str, shared_by: int) -> dict[str, dict[str, str]]:
    """Return what evidence cost as columns: title -> name of evidence -> text; queries are divided."""
    if not outcome.costs:
        return {}
    queries = {name: sum(cost.queries.values()) / shared_by for name, cost in outcome.costs.items()}
    return {
        title: {name: f"{count:,.0f}" if count >= 100 else f"{count:.3g}" for name, count in queries.items()},
        "seconds": {name: f"{cost.seconds:,.1f}" for name, cost in outcome.costs.items()},
    }
