"""One-dimensional k-means and weighted entropy on sorted weights, against scikit-learn's general k-means."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from scripts.bench.fleets import in_turn
from telltale.defenses.quantization.codebook import Codebook, distortion, nearest_level
from telltale.defenses.quantization.kmeans import kmeans
from telltale.defenses.quantization.weighted_entropy import weighted_entropy


def large(weights: int = 10_000_000, bits: int = 4, repeats: int = 3) -> dict[str, Any]:
    """Time both quantizers on many weights: median seconds."""
    values = _weights(weights)
    seconds = {}
    for name, quantizer in (("k-means", kmeans), ("weighted entropy", weighted_entropy)):
        taken = []
        for _ in range(repeats):
            began = time.perf_counter()
            quantizer(values, bits)
            taken.append(time.perf_counter() - began)
        seconds[name] = float(np.median(taken))
    return {"weights": weights, "bits": bits, "seconds": seconds}


def against_scikit_learn(weights: int = 10_000_000, bits: int = 4, repeats: int = 1) -> dict[str, Any]:
    """Time k-means side by side with scikit-learn's, one start each of theirs: seconds, ratio, squared error."""
    from sklearn.cluster import KMeans

    values = _weights(weights)

    def theirs() -> Codebook:
        found = KMeans(2**bits, n_init=1, random_state=0).fit(values[:, None])
        return nearest_level(values, np.sort(found.cluster_centers_[:, 0]))

    ways: dict[str, Callable[[], Codebook]] = {"ours": lambda: kmeans(values, bits), "scikit-learn KMeans": theirs}
    seconds = in_turn(ways, repeats)
    rows = {
        name: {
            "seconds": float(np.median(seconds[name])),
            "ratio": float(np.median(seconds[name] / seconds["ours"])),
            "error": distortion(values, run()),
        }
        for name, run in ways.items()
    }
    return {"weights": weights, "bits": bits, "ways": rows}


def _weights(number: int) -> np.ndarray:
    return (0.05 * np.random.default_rng(0).standard_t(5, number)).astype(np.float32)
