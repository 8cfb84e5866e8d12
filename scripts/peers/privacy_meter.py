"""Privacy Meter's offline RMIA, and its one-run audit on null data; source only, given by a path."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

import numpy as np

from scripts.peers.answers import Case
from scripts.peers.comparison import Comparison
from scripts.peers.formulas import rmia, rmia_of_largest

NAME = "Privacy Meter"


def load(source: Path) -> list[Comparison]:
    """Import it from a checkout and return what is compared."""
    sys.path.insert(0, str(source))
    from attacks import run_rmia

    def offline(case: Case) -> np.ndarray:
        (target, shadows), (others, of_others) = case.confidences, case.population_confidences
        columns = [target, 1 - target, *shadows]  # it leaves the second, as the victim's complement, out
        members = np.stack([case.truth, ~case.truth, *case.members], 1)
        population = np.stack([others, others, *of_others], 1)
        scores = run_rmia(0, np.stack(columns, 1), population, members, len(shadows) // 2, 0.3)
        return np.asarray(scores)

    return [
        Comparison(
            NAME,
            "RMIA offline, a = 0.3",
            offline,
            lambda case: rmia(case, online=False),
            cause="of the population, which is in no model, it averages the largest half of the reference "
            "probabilities: every marginal is too high, and scores saturate at 1",
            explained=lambda case: rmia_of_largest(case, online=False),
        )
    ]


def one_run_audit(scores: np.ndarray, coins: np.ndarray) -> float:
    """Return its largest one-run bound at δ = 0, not corrected for having been picked."""
    with mock.patch.dict(sys.modules, {"visualize": mock.MagicMock()}):  # it draws, which nothing here does
        from audit import compute_abstain_attack_results
    return float(compute_abstain_attack_results(scores, coins)["eps_opt"])
