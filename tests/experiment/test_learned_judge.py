"""An attacker who sees decoded rows only comes close to the best test, and learns nothing where there is nothing."""

from __future__ import annotations

import numpy as np

from telltale.audits.learned_judge import learned_judge
from telltale.audits.one_record_test import best_balanced_accuracy, one_record_test
from telltale.defenses.vae_metric_privacy.euclidean import Gaussian, LaplaceL2
from telltale.defenses.vae_metric_privacy.labels import Labels
from telltale.defenses.vae_metric_privacy.synthesis import Synthesis


def mixed(codes: np.ndarray) -> np.ndarray:
    """A decoder that loses nothing: more features than numbers in a code, and no bend that is flat."""
    weights = np.random.default_rng(3).standard_normal((codes.shape[1], 12))
    seen = codes @ weights
    return np.where(seen > 0, seen, 0.3 * seen)


def test_decoding_without_loss_costs_the_attacker_next_to_nothing() -> None:
    """Catches a judge that is trained on other noise than it meets, or on the wrong side."""
    for mechanism in (LaplaceL2(0.5), Gaussian(4.0)):
        synthesis = Synthesis(mechanism, Labels(), 3, 2)
        judge = learned_judge(synthesis, mixed, 8_000, seed=0)
        measured = one_record_test(synthesis, 20_000, 1, judge)
        assert best_balanced_accuracy(synthesis) - 0.02 < measured.accuracy and measured.low <= synthesis.bound


def test_a_decoder_that_forgets_the_code_leaves_chance() -> None:
    """Catches a judge to which the code, or the coin, leaks past the decoder."""
    synthesis = Synthesis(LaplaceL2(5.0), Labels(), 3, 2)
    judge = learned_judge(synthesis, lambda codes: np.ones((len(codes), 4)), 2_000, seed=0)
    measured = one_record_test(synthesis, 10_000, 1, judge)
    assert measured.low < 0.5 < measured.high
