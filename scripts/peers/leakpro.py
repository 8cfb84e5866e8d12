"""LeakPro's LiRA and RMIA, and how its result class reads tied scores; source only, given by a path."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from scipy.stats import norm

from scripts.peers.answers import Case
from scripts.peers.comparison import Comparison
from scripts.peers.formulas import beaten, lira, pooled_deviation, rmia, standardised

NAME = "LeakPro"
PLUS = 1e-6  # what it adds to both marginals of RMIA


def load(source: Path) -> list[Comparison]:
    """Import it from a checkout and return what is compared; ImportError where something it requires is missing."""
    package = ModuleType("leakpro")  # its own door asks for all that any of its parts requires
    package.__path__ = [str(source / "leakpro")]
    sys.modules["leakpro"] = package
    from leakpro.attacks.mia_attacks import lira as theirs
    from leakpro.attacks.mia_attacks import rmia as their_rmia

    theirs.tqdm = lambda items, **_: items
    logging.getLogger("leakpro").setLevel(logging.ERROR)

    def run_lira(case: Case, variance: str, online: bool, few: int) -> np.ndarray:
        attack = _fed(theirs.AttackLiRA, case)
        attack.__dict__ |= {
            "online": online,
            "var_calculation": variance,
            "num_shadow_models": len(case.shadows),
            "fix_var_threshold": few,
            "shadow_models_logits": _rescaled(attack, case.shadows, case),
            "target_logits": _rescaled(attack, case.probabilities[None], case)[0],
            "out_indices": ~case.members,
            "configs": SimpleNamespace(model_dump=dict),
        }
        return _in_order(attack, case)

    def run_rmia(case: Case, online: bool, a: float) -> np.ndarray:
        attack = _fed(their_rmia.AttackRMIA, case)
        others, of_others = case.population_confidences
        mean = of_others.mean(0)
        marginal = mean if online else 0.5 * ((a + 1) * mean + (1 - a))
        attack.__dict__ |= {
            "online": online,
            "offline_a": a,
            "gamma": 1.0,
            "temperature": 1.0,
            "epsilon": PLUS,
            "ground_truth_indices": case.labels,
            "logits_theta": np.log(case.probabilities),
            "logits_shadow_models": np.log(case.shadows),
            "out_indices": ~case.members,
            "ratio_z": (others / (marginal + PLUS))[None],
            "configs": SimpleNamespace(model_dump=dict),
        }
        return _in_order(attack, case)

    return [
        Comparison(
            NAME,
            "LiRA online, σ of each point",
            lambda case: run_lira(case, "carlini", True, 0),
            lambda case: lira(case),
        ),
        Comparison(
            NAME,
            "LiRA offline, σ of each point",
            lambda case: run_lira(case, "carlini", False, 0),
            lambda case: lira(case, online=False),
            monotone=True,
            cause="log Φ(z), which is 0 from z = 38 on, where ours, −log(1 − Φ(z)), still tells points apart",
            explained=lambda case: norm.logcdf(standardised(case)),
        ),
        Comparison(
            NAME,
            "LiRA online as it comes, fewer than 64 shadows",
            lambda case: run_lira(case, "carlini", True, 32),
            lambda case: lira(case),
            cause="below 64 shadows it takes one σ a side, of the φ of all points together; its result does not say so",
            explained=pooled_deviation,
        ),
        Comparison(
            NAME,
            "RMIA online, γ = 1, temperature 1, our population",
            lambda case: run_rmia(case, True, 0.0),
            lambda case: rmia(case),
            cause=f"it adds {PLUS:g} to both marginals",
            explained=lambda case: _with_plus(case, online=True, a=0.0),
        ),
        Comparison(
            NAME,
            "RMIA offline, a = 0.33",
            lambda case: run_rmia(case, False, 0.33),
            lambda case: rmia(case, online=False, a=0.33),
            cause=f"it adds {PLUS:g} to both marginals",
            explained=lambda case: _with_plus(case, online=False, a=0.33),
        ),
    ]


def tied_area(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the area that its result class reads off scores."""
    from leakpro.reporting.mia_result import MIAResult

    result = MIAResult.from_full_scores(truth.astype(int), scores, "scores", {})
    return float(result.roc_auc)


def _with_plus(case: Case, online: bool, a: float) -> np.ndarray:
    """Return our RMIA with its addition to both marginals."""
    from telltale.attacks.membership.rmia import ReferenceMeans

    (target, shadows), (others, of_others) = case.confidences, case.population_confidences
    means = ReferenceMeans.of(np.concatenate([shadows, of_others], 1), case.members)
    if online:  # a plain mean over all references, however many have the point
        marginal = np.concatenate([shadows.mean(0), of_others.mean(0)])
    else:
        marginal = means.offline(a)
    return beaten(np.concatenate([target, others]) / (marginal + PLUS), len(target))


def _rescaled(attack: Any, probabilities: np.ndarray, case: Case) -> np.ndarray:
    return np.array([attack.rescale_logits(np.log(one), case.labels) for one in probabilities])


def _fed(attack: type, case: Case) -> Any:
    """Return an attack that was not set up: it would train models of its own; what it reads is put in its place."""
    return object.__new__(type(attack.__name__, (attack,), {"audit_dataset": _audited(case)}))


def _audited(case: Case) -> dict[str, np.ndarray]:
    return {"in_members": np.flatnonzero(case.truth), "out_members": np.flatnonzero(~case.truth)}


def _in_order(attack: Any, case: Case) -> np.ndarray:
    attack.run_attack()
    scores = np.empty(len(case.truth))
    scores[case.truth], scores[~case.truth] = attack.in_member_signals.ravel(), attack.out_member_signals.ravel()
    return scores
