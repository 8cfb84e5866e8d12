"""SACRO-ML's LiRA, from the package index."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from scripts.peers.answers import Case
from scripts.peers.comparison import Comparison
from scripts.peers.formulas import lira, standardised

NAME = "sacroml"


def load() -> list[Comparison]:
    """Import it and return what is compared."""
    logging.disable(logging.INFO)
    from sacroml.attacks import likelihood_attack

    attack_of: Callable[..., likelihood_attack.LIRAAttack] = likelihood_attack.LIRAAttack
    likelihood_attack.utils.get_p_normal = lambda _: 1.0  # a test of normality that no score depends on

    def run(case: Case, mode: str, fixed: bool = False) -> np.ndarray:
        attack = attack_of(write_report=False, mode=mode, fix_variance=fixed)
        logit = likelihood_attack.utils.logit
        of_shadows = np.vectorize(logit)(case.confidences[1])
        inside = {point: list(of_shadows[case.members[:, point], point]) for point in range(len(case.truth))}
        outside = {point: list(of_shadows[~case.members[:, point], point]) for point in range(len(case.truth))}
        scores, _ = attack._compute_scores(case.labels, case.probabilities, outside, inside)
        return np.array(scores)[:, 1]

    return [
        Comparison(NAME, "LiRA online-carlini", lambda case: run(case, "online-carlini"), lambda case: lira(case)),
        Comparison(
            NAME,
            "LiRA offline",
            lambda case: run(case, "offline"),
            lambda case: lira(case, online=False),
            monotone=True,
            cause="Φ(z) itself: from z = 8.3 on it is 1, where ours, −log(1 − Φ(z)), still tells points apart",
            explained=lambda case: norm.cdf(standardised(case)),
        ),
    ]
