"""The smallest released models once more, with shadow models: a recipe like chemprop's on redraws of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.released import recipe
from scripts.released.measure import Figures, figures
from scripts.released.page import NAMES
from scripts.released.tables import Table
from scripts.released.template import SHADOWS
from telltale.auditing.judging import Manner, judged
from telltale.auditing.released import ask, with_shadows
from telltale.configuration.parsed import attacks_named
from telltale.papers.grid_view import markdown
from telltale.reporting.answering import spoken
from telltale.reporting.sentences import interval
from telltale.targets.function import FunctionTarget

MODELS, SMALLEST = 8, 2
PLAIN, *_ = NAMES  # the attacks without shadow models, plain error first


@dataclass(frozen=True)
class FoundWithShadows:
    """What every attack found of one model beside shadow models: figures by attack, and the verdict."""

    name: str
    by_attack: dict[str, Figures]
    sentence: str


def smallest(tables: Sequence[Table]) -> list[Table]:
    """Return the smallest tables."""
    return sorted(tables, key=len)[:SMALLEST]


def measure_with_shadows(table: Table, seed: int = 0, replicates: int = 1000) -> FoundWithShadows:
    """Train shadow models, each on a random half of the rows judged, and run every attack."""
    said = dict(zip(table.smiles, table.prediction.tolist(), strict=True))
    target = FunctionTarget(
        lambda smiles: [said[text] for text in smiles], gives="values", train=recipe.fit, shadow_models=MODELS
    )
    asked = with_shadows(target, ask(target, table.given, seed))
    outcome = judged(asked.answers, attacks_named("audit"), Manner(seed, replicates), challenge=asked.challenge)
    member, groups = asked.answers.membership[0], asked.answers.groups
    names = dict(zip(outcome.attacks, (outcome.attack, *outcome.rivals), strict=True))
    found = {
        name: figures(outcome.evidence[key].scores[0], member, groups, seed, replicates) for key, name in names.items()
    }
    return FoundWithShadows(table.name, found, spoken(outcome).sentence)


def best(found: FoundWithShadows) -> float:
    """Return the largest AUC of an attack that uses the shadow models."""
    return max(figures.auc.value for name, figures in found.by_attack.items() if name not in NAMES)


def section(found: Sequence[FoundWithShadows]) -> str:
    """Write the section of the page."""
    names = list(dict.fromkeys(name for one in found for name in one.by_attack))
    rows = [["attack", *(f"{one.name}: AUC; TPR at 10 %" for one in found)]]
    for name in names:
        cells = [one.by_attack.get(name) for one in found]
        told = ["–" if cell is None else f"{interval(cell.auc)}; {interval(cell.tpr_10)}" for cell in cells]
        rows.append([name.replace("_", " "), *told])
    return SHADOWS.format(
        models=MODELS,
        hidden=recipe.HIDDEN,
        epochs=recipe.EPOCHS,
        attacks=markdown(rows),
        with_shadows=", ".join(f"{best(one):.3f}" for one in found),
        plain=", ".join(f"{one.by_attack[PLAIN].auc.value:.3f}" for one in found),
        verdicts="\n".join(f"- {one.name}: {one.sentence.replace('_', ' ')}" for one in found),
    )
