"""Quantile regression: one threshold is one false-alarm rate for easy and for hard records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from telltale.attacks.base import Attack
from telltale.attacks.membership.by_record import Plain
from telltale.attacks.membership.quantile_regression import QuantileRegression
from telltale.evaluation.influence import auc_influence
from telltale.game.answers import world_of
from tests.auditing.worlds import of_values


def aucs(attacks: list[Attack], memory: float) -> list[float]:
    """Return the AUC of attacks on predictions whose error depends on the record, mean of two draws."""
    values = []
    for seed in range(2):
        answers = of_values(memory=memory, shift=0.0, seed=seed)
        for attack in attacks:
            scores = attack.run(world_of(answers, attack.access, 0)).scores[0]
            values.append(auc_influence(scores, answers.membership[0])[0])
    return np.reshape(values, (2, -1)).mean(0).tolist()


def test_hard_records_are_judged_by_their_own_measure() -> None:
    """Catches a signal on whose scale the difficulty of a record is no shift, and one that gains by itself."""
    plain, by_log, by_error = aucs(
        [Plain("error"), QuantileRegression("log_error"), QuantileRegression("error")], memory=0.8
    )
    assert by_log > plain + 0.02
    assert by_log > by_error
    assert aucs([QuantileRegression("log_error")], memory=0.0)[0] == pytest.approx(0.5, abs=0.04)


def test_the_logarithm_of_an_error_ranks_as_the_error() -> None:
    """Catches an exact prediction that is no number."""
    answers = of_values(memory=0.8, shift=0.0)
    assert answers.labels is not None
    exact = replace(answers, answers=np.where(np.arange(answers.points) == 7, answers.labels, answers.answers))
    world = world_of(exact, frozenset({"values"}), 0)
    scores = [Plain(signal).run(world).scores[0] for signal in ("error", "log_error")]
    assert np.isfinite(scores).all() and scores[1].argmax() == 7
    assert np.array_equal(np.argsort(scores[0]), np.argsort(scores[1]))
