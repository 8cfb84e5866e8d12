"""Pictures are scored as their definitions say, and what needs the truth is called an oracle."""

from __future__ import annotations

import numpy as np
import pytest

from telltale.evaluation.image_similarity import mape, ssim, window_means
from telltale.evaluation.reconstruction import (
    ORACLE,
    Hidden,
    over_pictures,
    recognised,
    score_reconstruction,
    stealth,
)
from telltale.evaluation.statistics import Resampling
from telltale.evidence import ReconstructedRecords

RNG = np.random.default_rng(0)
PICTURES = RNG.uniform(0, 255, (1, 30, 1, 12, 12)).round()
HIDDEN = Hidden(PICTURES, RNG.integers(0, 3, (1, 30)))
PLAN = Resampling.over(30, 200, seed=0)


def scored(evidence: ReconstructedRecords, hidden: Hidden = HIDDEN) -> dict:
    return score_reconstruction(evidence, hidden, PLAN)


def test_a_copy_has_no_error_and_full_similarity() -> None:
    """Catches a scale that differs between what is hidden and what is decoded."""
    found = scored(ReconstructedRecords(PICTURES / 255))
    assert found["mape"].value == pytest.approx(0, abs=1e-9) and found["ssim"].value == pytest.approx(1)
    assert found["badly_encoded"].value == 0 and found["well_encoded"].value == 1


def test_a_shift_of_grey_is_the_error() -> None:
    """Catches a percentage in place of grey levels."""
    dark = Hidden(PICTURES / 2, HIDDEN.labels)
    found = scored(ReconstructedRecords((PICTURES / 2 + 25) / 255), dark)
    assert found["mape"].value == pytest.approx(25) and found["badly_encoded"].value == 1


def test_only_an_oracle_turns_a_negative() -> None:
    """Catches the truth used in the attacker's own figure."""
    found = scored(ReconstructedRecords(1 - PICTURES / 255))
    assert found["mape"].value > 60 and found["oracle_sign_mape"].value == pytest.approx(0, abs=1e-9)
    assert found["oracle_sign_mape"].note == ORACLE


def test_the_private_mean_and_deviation_are_an_oracle_too() -> None:
    """Catches moments of the truth in the attacker's decoding."""
    carrier = (PICTURES - PICTURES.mean()) / PICTURES.std()
    evidence = ReconstructedRecords(
        np.clip(0.5 + 0.1 * carrier, 0, 1), carrier=carrier, groups=np.zeros(PICTURES.shape[1:]), group_names=("w",)
    )
    found = scored(evidence)
    assert found["oracle_moment_mape"].value == pytest.approx(0, abs=1e-9)
    assert found["mape"].value > 5
    assert found["correlation_w"].value == pytest.approx(1) == found["correlation"].value


@pytest.mark.parametrize(("height", "width"), [(7, 7), (8, 8), (25, 25), (12, 30)])
def test_ssim_is_that_of_scikit_image(height: int, width: int) -> None:
    """Catches a window that hangs over the edge and a biased covariance."""
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is the oracle of this test only")
    one = RNG.uniform(0, 255, (4, 2, height, width))
    other = np.clip(one + RNG.normal(0, 40, one.shape), 0, 255)
    ours = ssim(one, other)
    for place in range(4):
        theirs = metrics.structural_similarity(one[place], other[place], data_range=255, channel_axis=0)
        assert ours[place] == pytest.approx(theirs, abs=1e-9)


def test_ssim_of_a_picture_with_its_negative_is_below_that_of_noise() -> None:
    """Catches a similarity that ignores the sign of the covariance."""
    assert ssim(PICTURES, 255 - PICTURES).mean() < ssim(PICTURES, RNG.permuted(PICTURES, axis=1)).mean() < 0.3


def test_window_means_are_means_of_windows() -> None:
    """Catches sums that are off by a row."""
    picture = RNG.normal(size=(9, 11))
    means = window_means(picture, 3)
    assert means.shape == (7, 9)
    assert means[2, 5] == pytest.approx(picture[2:5, 5:8].mean()) and means[6, 8] == pytest.approx(
        picture[6:9, 8:11].mean()
    )


def test_averages_over_pictures_have_the_interval_of_their_spread() -> None:
    """Catches weights that are not those of the plan: 1.96 s / sqrt(n) for a mean."""
    values = np.random.default_rng(1).normal(10, 2, (1, 400))
    estimate = over_pictures(values, Resampling.over(400, 2000, seed=0))
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_recognition_counts_the_classes_that_an_honest_model_sees() -> None:
    """Catches labels of another victim or picture."""
    found = recognised(ReconstructedRecords(PICTURES / 255), HIDDEN, PLAN, lambda shown: HIDDEN.labels[0])
    wrong = recognised(ReconstructedRecords(PICTURES / 255), HIDDEN, PLAN, lambda shown: 3 + np.zeros(30))
    assert (found.value, wrong.value) == (1, 0)


def test_weights_of_one_law_are_close_and_shifted_ones_are_not() -> None:
    """Catches a distance between densities in place of distribution functions."""
    levels = (np.arange(1000) + 0.5) / 1000
    normal = np.quantile(np.random.default_rng(2).normal(size=100_000), levels)[None]
    flat = 3.4 * levels[None] - 1.7
    same, other = stealth(normal, normal), stealth(flat, normal)
    assert same["weight_ks"].value == 0 and other["weight_ks"].value == pytest.approx(0.06, abs=0.02)
    assert same["weight_kurtosis"].value == pytest.approx(0, abs=0.15)
    assert other["weight_kurtosis"].value == pytest.approx(-1.2, abs=0.02)
    assert mape(PICTURES, PICTURES).shape == (1, 30)
