"""PrivacyGuard's LiRA and RMIA, and the ε that it reads off scores; source only, given by a path."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.peers.answers import Case
from scripts.peers.comparison import Comparison
from scripts.peers.formulas import lira, rmia, rmia_of_largest, surprise

NAME = "PrivacyGuard"


def load(source: Path) -> list[Comparison]:
    """Import it from a checkout and return what is compared."""
    sys.path.insert(0, str(source))
    logging.disable(logging.INFO)
    from privacy_guard.analysis.mia.aggregate_analysis_input import AggregationType
    from privacy_guard.attacks.lira_attack import LiraAttack
    from privacy_guard.attacks.rmia_attack import RmiaAttack

    def run_lira(case: Case, online: bool) -> np.ndarray:
        target, shadows = case.phi
        sides = {name: np.where(side, shadows, np.nan) for name, side in (("in", case.members), ("out", ~case.members))}
        table = {"user_id": np.arange(len(target)), "score_orig": target}
        if online:
            for name, side in sides.items():
                table[f"score_mean_{name}"], table[f"score_std_{name}"] = np.nanmean(side, 0), np.nanstd(side, 0)
        else:
            outside = sides["out"]
            table |= {"score_mean": np.nanmean(outside, 0), "score_std": np.nanstd(outside, 0, ddof=1)}
        frame = pd.DataFrame(table)
        attack = LiraAttack(
            frame[case.truth].copy(),
            frame[~case.truth].copy(),
            AggregationType.NONE,
            online_attack=online,
            std_dev_type="global" if online else "shadows_out",
        )
        attack.run_attack()
        scores = np.empty(len(target))
        scores[case.truth], scores[~case.truth] = attack.df_train_merge.score, attack.df_test_merge.score
        return scores

    def run_rmia(case: Case, online: bool, references: int | None) -> np.ndarray:
        (target, shadows), (others, of_others) = case.confidences, case.population_confidences
        frame = _references(target, shadows, case.members)
        population = _references(others, of_others, np.zeros_like(of_others, dtype=bool))
        attack = RmiaAttack(
            frame[case.truth],
            frame[~case.truth],
            population,
            AggregationType.NONE,
            num_reference_models=references,
            alpha_coefficient=0.3,
            online=online,
        )
        attack.run_attack()
        scores = np.empty(len(target))
        scores[case.truth], scores[~case.truth] = attack.df_train_merge.score, attack.df_test_merge.score
        return scores

    largest = "of each point's reference probabilities it keeps the largest half"
    return [
        Comparison(NAME, "LiRA online, σ of each point", lambda case: run_lira(case, True), lambda case: lira(case)),
        Comparison(
            NAME,
            "LiRA offline",
            lambda case: run_lira(case, False),
            lambda case: lira(case, online=False),
            monotone=True,
            cause="two-sided, −log density, with one σ for all points: an unusually low φ looks like a member's",
            explained=lambda case: surprise(case, "common"),
        ),
        Comparison(
            NAME, "RMIA online, all references", lambda case: run_rmia(case, True, 10**6), lambda case: rmia(case)
        ),
        Comparison(
            NAME,
            "RMIA online, its number of references",
            lambda case: run_rmia(case, True, None),
            lambda case: rmia(case),
            cause=f"{largest}, which are mostly those of models with the point",
            explained=lambda case: rmia_of_largest(case, online=True),
        ),
        Comparison(
            NAME,
            "RMIA offline, a = 0.3",
            lambda case: run_rmia(case, False, None),
            lambda case: rmia(case, online=False),
            cause=f"{largest}; of the population, which is in no model, that raises every marginal",
            explained=lambda case: rmia_of_largest(case, online=False),
        ),
    ]


def epsilon(scores: np.ndarray, truth: np.ndarray, delta: float) -> float:
    """Return its empirical ε, which has no interval and says so."""
    import torch
    from privacy_guard.analysis.mia.mia_results import MIAResults

    results = MIAResults(torch.from_numpy(scores[truth]), torch.from_numpy(scores[~truth]))
    return float(results.compute_acc_auc_epsilon(delta)[2])


def _references(target: np.ndarray, shadows: np.ndarray, members: np.ndarray) -> pd.DataFrame:
    columns = {"user_id": np.arange(len(target)), "score_orig": target}
    columns |= {f"score_ref_{model}": row for model, row in enumerate(shadows)}
    columns |= {f"member_ref_{model}": row for model, row in enumerate(members)}
    return pd.DataFrame(columns)
