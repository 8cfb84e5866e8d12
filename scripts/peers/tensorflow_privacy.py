"""The code that LiRA's authors released, in tensorflow/privacy; source only, given by a path."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np

from scripts.peers.answers import Case
from scripts.peers.comparison import Comparison
from scripts.peers.formulas import lira, surprise

NAME = "tensorflow/privacy"
FILE = "research/mi_lira_2021/plot.py"


def load(source: Path) -> list[Comparison]:
    """Import it from a checkout and return what is compared."""
    specification = importlib.util.spec_from_file_location("mi_lira_plot", source / FILE)
    if specification is None or specification.loader is None:
        raise ImportError(f"{source / FILE} is no module")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return [
        Comparison(
            NAME,
            "LiRA online",
            lambda case: _run(module, case, "generate_ours", False),
            lambda case: lira(case, centre="released_median"),
        ),
        Comparison(
            NAME,
            "LiRA online, fixed variance",
            lambda case: _run(module, case, "generate_ours", True),
            lambda case: lira(case, variance="released_fixed", centre="released_median"),
        ),
        Comparison(
            NAME,
            "LiRA offline",
            lambda case: _run(module, case, "generate_ours_offline", False),
            lambda case: lira(case, online=False),
            monotone=True,
            cause="two-sided, −log density, where the paper has a one-sided tail",
            explained=lambda case: surprise(case, "per_point"),
        ),
    ]


def _run(module: ModuleType, case: Case, function: str, fixed: bool) -> np.ndarray:
    target, shadows = case.phi
    predicted, _ = getattr(module, function)(
        case.members, shadows[..., None], case.truth[None], target[None, :, None], fix_variance=fixed
    )
    return -np.array(predicted)
