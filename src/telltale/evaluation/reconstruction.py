"""Scores reconstructed pictures against those that were hidden (Song et al., CCS 2017; sheet 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from telltale.data.images.tones import WHITE, stretched, tones
from telltale.evaluation.image_similarity import mape, ssim
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import ReconstructedRecords

BADLY_ENCODED = 20.0  # MAPE above which a picture counts as lost; the threshold is ours
COARSE = "SSIM windows of pictures below 11 pixels a side are few: coarse"
ORACLE = "oracle: uses the truth; no attacker has it"


@dataclass(frozen=True)
class Hidden:
    """What was hidden in each victim: pictures (victims, payload, c, h, w), 0 to 255, and their labels."""

    pictures: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, payload: tuple[Any, ...], channels: int) -> Hidden:
        """Read the truth's records; channels: of the reconstruction, 1 = compared by luminance."""
        return cls(
            np.stack([tones(records.pixels, channels) for records in payload]),
            np.stack([records.labels for records in payload]),
        )


def score_reconstruction(evidence: ReconstructedRecords, hidden: Hidden, plan: Resampling) -> dict[str, Estimate]:
    """Score one attack's pictures; with several victims each number is the mean over victims.

    plan: resamples hidden pictures, and victims where there are several. Under the names of other decodings and
    under `oracle_…` (the better of picture and negative; the private mean and deviation) stand what they reach.
    """
    count = hidden.pictures.shape[1]
    decodings = {name: pictures[:, :count] for name, pictures in evidence.decodings.items()}
    metrics = _scores("", evidence.records[:, :count], hidden, plan)
    for name, pictures in decodings.items() if len(decodings) > 1 else ():
        metrics |= _scores(f"{name}_", pictures, hidden, plan)
    metrics |= _oracles(evidence, hidden, plan)
    if evidence.stretched:
        after = Hidden(stretched(hidden.pictures), hidden.labels)
        metrics |= _scores("stretched_", evidence.records[:, :count], after, plan)
    return metrics | _correlations(evidence, hidden) | _sizes(evidence)


def _sizes(evidence: ReconstructedRecords) -> dict[str, Estimate]:
    sizes = {"stored_bits": evidence.stored_bits, "bits_per_weight": evidence.bits_per_weight}
    known = {name: bits for name, bits in sizes.items() if bits is not None}
    return {name: Estimate.exact(float(bits.mean()), len(bits)) for name, bits in known.items()}


def _scores(prefix: str, pictures: np.ndarray, hidden: Hidden, plan: Resampling) -> dict[str, Estimate]:
    error = mape(WHITE * pictures, hidden.pictures)
    similarity = ssim(WHITE * pictures, hidden.pictures)
    coarse = COARSE if min(hidden.pictures.shape[-2:]) < 11 else ""
    return {
        f"{prefix}mape": over_pictures(error, plan),
        f"{prefix}ssim": over_pictures(similarity, plan, coarse),
        f"{prefix}badly_encoded": over_pictures(error > BADLY_ENCODED, plan),
        f"{prefix}well_encoded": over_pictures(error <= BADLY_ENCODED, plan),
    }


def _oracles(evidence: ReconstructedRecords, hidden: Hidden, plan: Resampling) -> dict[str, Estimate]:
    """Score what only the truth makes possible: Song et al. keep the better of each picture and its negative."""
    shown = WHITE * evidence.records[:, : hidden.pictures.shape[1]]
    either = np.minimum(mape(shown, hidden.pictures), mape(WHITE - shown, hidden.pictures))
    metrics = {"oracle_sign_mape": over_pictures(either, plan, ORACLE)}
    if evidence.carrier is None:
        return metrics
    carrier = evidence.carrier[:, : hidden.pictures.shape[1]]
    mean = hidden.pictures.mean((1, 2, 3, 4), keepdims=True)
    private = np.clip(mean + hidden.pictures.std((1, 2, 3, 4), keepdims=True) * carrier, 0, WHITE)
    return metrics | {"oracle_moment_mape": over_pictures(mape(private, hidden.pictures), plan, ORACLE)}


def _correlations(evidence: ReconstructedRecords, hidden: Hidden) -> dict[str, Estimate]:
    """Return |r| of carrier and payload by layer group, averaged over victims, and over all of it."""
    if evidence.carrier is None or evidence.groups is None:
        return {}
    target = stretched(hidden.pictures) if evidence.stretched else hidden.pictures
    count = target.shape[1]
    carrier, groups = evidence.carrier[:, :count], evidence.groups[:count]
    pairs = list(zip(carrier, target, strict=True))
    by_group = {}
    for place, name in enumerate(evidence.group_names):
        chosen = groups == place
        if chosen.any():
            values = [abs(pearson(weights[chosen], pixels[chosen])) for weights, pixels in pairs]
            by_group[f"correlation_{name.removesuffix('.weight')}"] = Estimate.exact(
                float(np.mean(values)), int(chosen.sum())
            )
    every = [abs(pearson(weights.ravel(), pixels.ravel())) for weights, pixels in pairs]
    return {"correlation": Estimate.exact(float(np.mean(every)), target[0].size)} | by_group


def recognised(
    evidence: ReconstructedRecords, hidden: Hidden, plan: Resampling, judge: Callable[[np.ndarray], np.ndarray]
) -> Estimate:
    """Return the share of decoded pictures that an honest classifier gives the hidden picture's class.

    judge(pictures (n, c, h, w) in [0, 1]) -> (n,) classes. It is no perfect judge: what it makes of the originals is
    the ceiling.
    """
    count = hidden.pictures.shape[1]
    right = [
        judge(evidence.records[min(victim, len(evidence.records) - 1), :count]) == labels
        for victim, labels in enumerate(hidden.labels)
    ]
    return over_pictures(np.stack(right), plan)


def stealth(weights: np.ndarray, benign: np.ndarray) -> dict[str, Estimate]:
    """Compare weights with those of an honestly trained model by their quantiles: (victims, quantiles) each.

    weight_ks: the largest difference of the two distribution functions; weight_kurtosis: excess kurtosis, which the
    honest ones have of their own.
    """
    distance = [_kolmogorov_smirnov(one, other) for one, other in zip(weights, benign, strict=True)]
    centred = weights - weights.mean(1, keepdims=True)
    kurtosis = (centred**4).mean(1) / np.maximum((centred**2).mean(1), 1e-30) ** 2 - 3
    return {
        "weight_ks": Estimate.exact(float(np.mean(distance)), len(weights)),
        "weight_kurtosis": Estimate.exact(float(kurtosis.mean()), len(weights)),
    }


def pearson(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of two vectors; 0 where one does not vary."""
    one, other = one - one.mean(), other - other.mean()
    length = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / length) if length > 0 else 0.0


def over_pictures(values: np.ndarray, plan: Resampling, note: str = "") -> Estimate:
    """Average over pictures, then victims, with their replicates: (victims, payload) -> an estimate.

    A guess that holds for every victim has one row. What is true or false of a picture is a share, whose interval near
    0 and 1 is as long as pictures are few.
    """
    limits, rarer = ((0.0, 1.0), values.shape[1]) if values.dtype == bool else ((-np.inf, np.inf), None)
    values = np.broadcast_to(values, (plan.victims, values.shape[1])).astype(np.float64)
    means = np.stack([plan.mean_of_first(victim, row) for victim, row in enumerate(values)])
    return plan.estimate(plan.average(means), values.shape[1], note, limits=limits, rarer=rarer)


def _kolmogorov_smirnov(one: np.ndarray, other: np.ndarray) -> float:
    levels, points = (np.arange(len(one)) + 0.5) / len(one), np.concatenate([one, other])
    return float(np.abs(np.interp(points, one, levels) - np.interp(points, other, levels)).max())
