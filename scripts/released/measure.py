"""What an audit finds of one released model, and what the same numbers are where there is nothing to find."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scripts.released.tables import Table
from telltale.auditing.judging import Manner, judged
from telltale.auditing.released import ask
from telltale.configuration.parsed import attacks_named
from telltale.evaluation.estimate import Estimate
from telltale.evaluation.influence import auc_influence
from telltale.evaluation.membership import auc_replicates, tpr_replicates
from telltale.evaluation.statistics import Resampling
from telltale.evaluation.strata import AMONG_ALIKE, NO_MODEL, within_strata
from telltale.reporting.answering import spoken
from telltale.targets.function import FunctionTarget

OTHER_SEEDS = range(1, 201)
ALARMS = 10  # false alarms below which a rate of them is not measured


@dataclass(frozen=True)
class Figures:
    """One attack on one model's rows: how many of either kind, AUC, TPR at 10 % and, where there are enough, at 1 %."""

    members: int
    others: int
    auc: Estimate
    tpr_10: Estimate
    tpr_1: Estimate | None


@dataclass(frozen=True)
class Found:
    """What was found of one model.

    plain      minus the absolute error, on all rows
    once       the same, molecules that occur once
    scaffold   the same between rows of one scaffold (AUC), and the members and others that have such a partner
    by_attack  every attack without shadows, on the rows that are no part of the population
    kind, sentence    the verdict, and in words
    strongest  the attack that the verdict speaks of
    detector   AUC of a detector that never asks the model
    alike      AUC of each attack among records that look alike to it
    null       AUC of plain error with the roles of other seeds: (200,)
    oracle     |stored mean of the targets - that of the members|, in scales: of the model's seed, and the nearest other
    error      mean absolute error of members and of others
    """

    table: Table
    plain: Figures
    once: Figures
    scaffold: Estimate
    partners: tuple[int, int]
    by_attack: dict[str, Figures]
    kind: str
    sentence: str
    strongest: str
    detector: Estimate
    alike: dict[str, Estimate]
    null: np.ndarray = field(repr=False)
    oracle: tuple[float, float]
    error: tuple[float, float]

    @property
    def p(self) -> float:
        """How often the roles of another seed would give plain error an AUC as large."""
        return float((1 + (self.null >= self.plain.auc.value).sum()) / (1 + len(self.null)))


def measure(table: Table, seed: int = 0, replicates: int = 1000) -> Found:
    """Audit one model and its controls. The population is cut from its held-out rows, as for any model."""
    said = dict(zip(table.smiles, table.prediction.tolist(), strict=True))
    target = FunctionTarget(lambda smiles: [said[text] for text in smiles], gives="values")
    asked = ask(target, table.given, seed)
    outcome = judged(asked.answers, attacks_named("audit"), Manner(seed, replicates), challenge=asked.challenge)
    answer, names = spoken(outcome), dict(zip(outcome.attacks, (outcome.attack, *outcome.rivals), strict=True))
    member, groups = asked.answers.membership[0], asked.answers.groups
    metrics = outcome.scored.metrics
    scaffold, partners = of_one_scaffold(table, seed, replicates)
    return Found(
        table,
        figures(table.error, table.member, table.groups, seed, replicates),
        figures(table.error[table.once], table.member[table.once], None, seed, replicates),
        scaffold,
        partners,
        {
            name: figures(outcome.evidence[key].scores[0], member, groups, seed, replicates)
            for key, name in names.items()
        },
        answer.kind,
        answer.sentence,
        names.get(answer.attack, answer.attack),
        metrics[NO_MODEL]["auc"],
        {name: metrics[key][AMONG_ALIKE] for key, name in names.items()},
        np.array([auc(table.error, table.roles_of(other) == "train") for other in OTHER_SEEDS]),
        stored_mean(table),
        (float(-table.error[table.member].mean()), float(-table.error[~table.member].mean())),
    )


def figures(scores: np.ndarray, member: np.ndarray, groups: np.ndarray | None, seed: int, replicates: int) -> Figures:
    """Measure scores, (n,), against membership, (n,); groups: (n,) rows that are drawn as one."""
    plan = plan_of(len(scores), groups, seed, replicates)
    guess, truth, others = scores[None], member[None], int((~member).sum())
    rates = [0.1, 0.01] if others * 0.01 >= ALARMS else [0.1]
    tprs = [plan.estimate(row, len(scores), limits=(0.0, 1.0)) for row in tpr_replicates(guess, truth, plan, rates)]
    area = plan.estimate(auc_replicates(guess, truth, plan), len(scores), limits=(0.0, 1.0))
    return Figures(int(member.sum()), others, area, tprs[0], tprs[1] if len(tprs) > 1 else None)


def plan_of(points: int, groups: np.ndarray | None, seed: int, replicates: int) -> Resampling:
    """Return the bootstrap of one model's rows."""
    units = None if groups is None else np.unique(groups, return_inverse=True)[1]
    return Resampling.crossed(1, points, replicates, seed=seed, drawn_with=units)


def of_one_scaffold(table: Table, seed: int, replicates: int) -> tuple[Estimate, tuple[int, int]]:
    """Return the AUC of plain error between rows of one scaffold with a ring, and how many of either kind count."""
    ringed = table.scaffolds != ""
    strata = np.unique(table.scaffolds, return_inverse=True)[1]
    inside, outside = (np.unique(strata[ringed & side]) for side in (table.member, ~table.member))
    used = ringed & np.isin(strata, np.intersect1d(inside, outside))
    plan = plan_of(int(used.sum()), table.groups[used], seed, replicates)
    found = within_strata(table.error[used][None], table.member[used][None], strata[used], plan)[AMONG_ALIKE]
    return found, (int((used & table.member).sum()), int((used & ~table.member).sum()))


def stored_mean(table: Table) -> tuple[float, float]:
    """Return by how much the stored mean misses that of a seed's members, in scales: (its own seed, nearest other)."""
    off = [abs(table.mean_of(seed) - table.mean) / table.scale for seed in (0, *OTHER_SEEDS)]
    return off[0], min(off[1:])


def auc(scores: np.ndarray, member: np.ndarray) -> float:
    """Return the AUC alone."""
    return float(auc_influence(scores, member)[0])
