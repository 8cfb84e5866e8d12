"""Games in the closed-form worlds, small and quick, that several tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telltale.attacks.base import Attack
from telltale.data.closed_form import canaries, gaussian_mean
from telltale.data.pools import PoolSizes, deal
from telltale.data.tables.records import TableRecords
from telltale.evaluation.closed_form import ScoreLaw
from telltale.evaluation.membership import auc_replicates, tpr_replicates
from telltale.evaluation.statistics import Estimate, Resampling, groups_of
from telltale.evidence import MembershipScores
from telltale.game.game import Game
from telltale.game.world import World
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from tests.attacks.configured import ATTACKS, judged

MEMBERS = 100
LEARNING_RATE, HEAD_INIT, SCALE = 0.001, 0.0001, 20.0
SIZES = PoolSizes(members=MEMBERS, non_members=MEMBERS, auxiliary=1, population=1000)
FPRS = (0.01, 0.05, 0.1)


class Said(dict[str, MembershipScores]):
    """What the attacks say, each when it is first asked for: one that breaks fails its own tests alone."""

    def __init__(self, world_of: Callable[[Attack], World]) -> None:
        super().__init__()
        self.world_of = world_of

    def __missing__(self, name: str) -> MembershipScores:
        """Run an attack."""
        scores = self[name] = judged(ATTACKS[name], self.world_of(ATTACKS[name]))
        return scores


@dataclass(frozen=True)
class Played:
    """A game whose models are trained, and what the attacks say of it."""

    game: Game
    scores: dict[str, MembershipScores]

    def measured(self, attack: str, scores: MembershipScores | None = None) -> dict[str, Estimate]:
        """Return AUC and TPR at each of FPRS, over all victims and points."""
        membership = self.game.unseal().membership
        victims, points = membership.shape
        plan = Resampling.crossed(victims, points, 200, seed=0, groups=groups_of(membership))
        said = (scores or self.scores[attack]).scores
        found = {"auc": auc_replicates(said, membership, plan)}
        tprs = tpr_replicates(said, membership, plan, FPRS)
        found |= {f"tpr {fpr}": tpr for fpr, tpr in zip(FPRS, tprs, strict=True)}
        return {name: plan.estimate(values, membership.size) for name, values in found.items()}


def gaussian_game(folder: Path, victims: int, dimensions: int = MEMBERS, seed: int = 0, **objective: Any) -> Game:
    """Play gaussian_mean."""
    records = gaussian_mean.load(1300, dimensions, seed).records
    return game_of(records, folder, victims, seed, **objective)


def canary_game(folder: Path, victims: int, seed: int = 0, **objective: Any) -> Game:
    """Play canaries."""
    return game_of(
        canaries.load(1300, SCALE, seed).records, folder, victims, seed, **{"head_init": HEAD_INIT} | objective
    )


def game_of(records: TableRecords, folder: Path, victims: int, seed: int = 0, **objective: Any) -> Game:
    """Set up a game with a linear model and one step; nothing is trained yet."""
    steps = {"epochs": 1, "batch_size": 10**6, "learning_rate": LEARNING_RATE, "momentum": 0.0, "schedule": "constant"}
    learns = {"_target_": "telltale.objectives.classification.Classification", "head_init": 0.0, "classes": 2, **steps}
    model = {"_target_": "telltale.models.linear.Linear", "shape": records.shape}
    recipe = Recipe(model, learns | objective, TrainerOptions(accelerator="cpu"))
    return Game(deal(records, SIZES, seed), recipe, Owner(Store(folder)), victims, seed)


def play(game: Game) -> Played:
    """Let every attack that is asked for face the target's world."""
    return Played(game, Said(lambda attack: game.world(attack.access)))


def optimum(law: ScoreLaw) -> dict[str, float]:
    """Name the curve's values as `Played.measured` does."""
    return {"auc": law.auc(), **{f"tpr {fpr}": law.tpr(fpr) for fpr in FPRS}}


def deviation(estimate: Estimate) -> float:
    """Return the standard error."""
    return estimate.standard_error
