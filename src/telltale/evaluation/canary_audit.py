"""From the scores of canaries to lower bounds on ε, each with what it can show at most and what it stands on."""

from __future__ import annotations

import numpy as np

from telltale.evaluation.empirical_epsilon import most_by_one_run, most_by_retraining, one_run, pooled, retrained
from telltale.evaluation.secrets import exposures
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evaluation.trade_off_bound import FAMILY, trade_off_bound
from telltale.evaluation.variance import CONFIDENCE
from telltale.evidence import CanaryScores, MembershipScores, SecretScores

ONE_RUN, ALL_MODELS, RETRAINED = (f"empirical_epsilon_{name}" for name in ("one_run", "all_models", "retrained"))
F_DP_ONE_RUN, F_DP_ALL_MODELS = (f"empirical_epsilon_f_dp_{name}" for name in ("one_run", "all_models"))
KINDS = ((None, ONE_RUN, ALL_MODELS), (trade_off_bound, F_DP_ONE_RUN, F_DP_ALL_MODELS))


def of_canaries(evidence: MembershipScores, coins: np.ndarray, plan: Resampling) -> dict[str, Estimate]:
    """Return the bounds on ε of scores of canaries, and the exposure of secrets; empty for any other scores."""
    bits = exposures(evidence, coins, plan) if isinstance(evidence, SecretScores) else {}
    return empirical_epsilon(evidence, coins) | bits


def empirical_epsilon(evidence: MembershipScores, coins: np.ndarray) -> dict[str, Estimate]:
    """Bound ε five ways from scores of canaries and coins (victims, canaries); empty for any other scores.

    An estimate's value is the bound, at 95 %; it has no interval. `one_run` is the first model's, fixed before
    anything was seen: each model's bound is valid, the largest of several is not. `f_dp` bounds hold under a family of
    trade-off functions, and have no finite ε at δ = 0.
    """
    if not isinstance(evidence, CanaryScores):
        return {}
    scores, delta = evidence.scores, evidence.delta
    if isinstance(evidence, SecretScores):  # of k copies a proof for one record promises kε and a larger δ
        once = evidence.copies == 1
        scores, coins = scores[:, once], coins[:, once]
    models, canaries = scores.shape
    if not canaries:
        return {}
    bounds = {}
    for bound, of_one, of_all in KINDS if delta else KINDS[:1]:
        condition = "" if bound is None else f", holds under {FAMILY}"
        each = np.array([one_run(row, coin, delta, bound=bound) for row, coin in zip(scores, coins, strict=True)])
        note = _reach(most_by_one_run(canaries, delta, bound=bound), "canaries", condition)
        if models > 1:
            spread = f"median {np.median(each):.2f}, {each.min():.2f} to {each.max():.2f}"
            note += f"; bounds of all {models} models: {spread}, of which the largest is no bound"
        bounds[of_one] = Estimate.exact(each[0], canaries, note)
        if models > 1:
            note = _reach(most_by_one_run(models * canaries, delta, bound=bound), "canaries", condition)
            bounds[of_all] = Estimate.exact(pooled(scores, coins, delta, bound=bound), models * canaries, note)
    if models > 3:
        most = most_by_retraining(models - models // 2, delta)
        bounds[RETRAINED] = Estimate.exact(retrained(scores, coins, delta), models, _reach(most, "models"))
    return bounds


def _reach(most: float, of: str, condition: str = "") -> str:
    return f"lower bound at {100 * CONFIDENCE:g} %{condition}, at most {most:.2f} with so many {of}"
