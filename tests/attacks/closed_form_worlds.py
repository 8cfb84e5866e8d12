"""Games in the closed-form worlds, small and quick, that several tests share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from telltale.attacks.membership.lira import LiRA
from telltale.attacks.membership.rmia import RMIA
from telltale.attacks.membership.shadow_attack import ShadowAttack
from telltale.attacks.membership.shadow_classifier import ShadowClassifier
from telltale.attacks.membership.threshold import Threshold
from telltale.attacks.membership.vector_lira import VectorLiRA
from telltale.attacks.tmi.adapted_lira import AdaptedLiRA
from telltale.attacks.tmi.attack import TMI
from telltale.data.closed_form import canaries, gaussian_mean
from telltale.data.pools import PoolSizes, deal
from telltale.data.tables.records import TableRecords
from telltale.evaluation.closed_form import ScoreLaw
from telltale.evaluation.ranking import Ranked, measure
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import MembershipScores
from telltale.game.game import Game
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

MEMBERS = 100
LEARNING_RATE, HEAD_INIT, SCALE = 0.001, 0.0001, 20.0
SIZES = PoolSizes(members=MEMBERS, non_members=MEMBERS, auxiliary=1, population=1000)
FPRS = (0.01, 0.05, 0.1)

ATTACKS: Mapping[str, ShadowAttack] = {
    "lira": LiRA(),
    "lira_fixed": LiRA(variance="fixed"),
    "lira_global": LiRA(variance="global"),
    "lira_median": LiRA(variance="global", centre="median"),
    "lira_offline": LiRA(online=False),
    "lira_offline_fixed": LiRA(online=False, variance="fixed"),
    "rmia": RMIA(),
    "rmia_offline": RMIA(online=False),
    "loss": Threshold("loss"),
    "confidence": Threshold("confidence"),
    "logit": Threshold("logit"),
    "modified_entropy": Threshold("modified_entropy", per_class=True),
    "entropy": Threshold("entropy"),
    "largest": Threshold("largest"),
    "gap": Threshold("gap"),
    "shadow_classifier": ShadowClassifier(shadows=5, epochs=60),
    "vector_lira": VectorLiRA(),
    "vector_lira_global": VectorLiRA(variance="global"),
    "adapted_lira": AdaptedLiRA(),
    "adapted_lira_fixed": AdaptedLiRA(covariance="fixed"),
    "rmia_argmax": RMIA(label="argmax"),
    "tmi": TMI(),
    "tmi_standardised": TMI("standardised", epochs=20),
}


@dataclass(frozen=True)
class Played:
    """A game whose models are trained, and what the attacks say of it."""

    game: Game
    scores: dict[str, MembershipScores]

    def measured(self, attack: str, scores: MembershipScores | None = None) -> dict[str, Estimate]:
        """Return AUC and TPR at each of FPRS, over all victims and points."""
        membership = self.game.unseal().membership
        victims, points = membership.shape
        plan = Resampling.crossed(victims, points, 200, seed=0)
        found = measure(
            np.ravel((scores or self.scores[attack]).scores),
            np.ravel(membership),
            plan.pooled(np.arange(plan.clusters)),
            {"auc": Ranked.auc, **{f"tpr {fpr}": partial(Ranked.tpr_at_fpr, fpr=fpr) for fpr in FPRS}},
        )
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
    """Run every attack on the target's world."""
    world = {access: game.world(access) for access in {attack.access for attack in ATTACKS.values()}}
    return Played(game, {name: attack.run(world[attack.access]) for name, attack in ATTACKS.items()})


def optimum(law: ScoreLaw) -> dict[str, float]:
    """Name the curve's values as `Played.measured` does."""
    return {"auc": law.auc(), **{f"tpr {fpr}": law.tpr(fpr) for fpr in FPRS}}


def deviation(estimate: Estimate) -> float:
    """Return the bootstrap standard error."""
    return float(np.std(estimate.replicates))
