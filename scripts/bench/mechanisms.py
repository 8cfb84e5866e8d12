"""Noise on latent codes: a million draws of each mechanism, and von Mises-Fisher against SciPy's record by record."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy.special import ive
from scipy.stats import vonmises_fisher

from telltale.defenses.vae_metric_privacy.angular import Purkayastha, VonMisesFisher
from telltale.defenses.vae_metric_privacy.euclidean import Gaussian, LaplaceL1, LaplaceL2
from telltale.defenses.vae_metric_privacy.mechanism import Mechanism

WIDTH = 64
EPSILON = 64.0


def draws(records: int = 1_000_000, repeats: int = 3) -> dict[str, Any]:
    """Time every mechanism on many single-precision codes, clipping included: median seconds."""
    codes = np.random.default_rng(0).standard_normal((records, WIDTH), dtype=np.float32)
    seconds = {}
    for kind in (LaplaceL2, LaplaceL1, Gaussian, VonMisesFisher, Purkayastha):
        taken = []
        for repeat in range(repeats):
            began = time.perf_counter()
            kind(EPSILON).perturb(codes, repeat)
            taken.append(time.perf_counter() - began)
        seconds[kind.__name__] = float(np.median(taken))
    return {"records": records, "width": WIDTH, "seconds": seconds}


def against_scipy(records: int = 100_000, looped: int = 5_000, repeats: int = 3) -> dict[str, Any]:
    """Time von Mises-Fisher noise a record, ours on all records and SciPy's on `looped`: median of ratios, moments."""
    directions = np.random.default_rng(0).standard_normal((records, WIDTH))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    seconds, drawn = np.empty((repeats, 2)), [np.empty(0)] * 2
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        for way in range(2):
            began = time.perf_counter()
            if way == 0:
                drawn[0] = _ours(directions, repeat)
            else:
                drawn[1] = np.concatenate([vonmises_fisher.rvs(u, EPSILON, 1, rng) for u in directions[:looped]])
            seconds[repeat, way] = (time.perf_counter() - began) / len(drawn[way])
    along = [(points * directions[: len(points)]).sum(1) for points in drawn]
    rows = {
        name: {
            "microseconds": float(1e6 * np.median(seconds[:, way])),
            "ratio": float(np.median(seconds[:, way] / seconds[:, 0])),
            "mean": float(along[way].mean()),
            "deviation": float(along[way].std()),
            "error": float(along[way].std() / np.sqrt(len(along[way]))),
        }
        for way, name in enumerate(("ours", "SciPy, record by record"))
    }
    exact = float(ive(WIDTH / 2, EPSILON) / ive(WIDTH / 2 - 1, EPSILON))
    return {"records": records, "looped": looped, "width": WIDTH, "kappa": EPSILON, "exact": exact, "ways": rows}


def _ours(directions: np.ndarray, seed: int) -> np.ndarray:
    mechanism: Mechanism = VonMisesFisher(EPSILON, clip_radius=1.0)
    return mechanism.perturb(directions, seed)
