"""Choose DP-SGD's options on public records: what `conf/paper/vae_metric_privacy.yaml` gives its DP-SGD.

python -m scripts.tune_dp_sgd [--seed 100] [--epsilon 8]

The 500 records of the paper's auxiliary pool at scale=small are cut in two, four times; a classifier is trained on one
half by DP-SGD and tested on the other. A seed that is tuned on is not reported.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from scripts.ending import exit_code
from telltale.data.images import fashion_mnist
from telltale.data.pools import PoolSizes, deal
from telltale.data.seeds import derive, generator
from telltale.defenses.dp_sgd import DPSGD
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

SIZES = PoolSizes(members=250, non_members=250, auxiliary=500, population=2000, disjoint=250, test=1000)
DEALS = 4
BATCHES, EPOCHS, RATES, CLIPS = (64, 125, 250), (20, 40, 100, 200), (0.01, 0.02, 0.05, 0.1), (1.0,)
MODEL = {"_target_": "telltale.models.mlp.MLP", "widths": [256, 128], "activation": "relu", "shape": (1, 28, 28)}
TASK = {
    "_target_": "telltale.objectives.classification.Classification",
    **{"classes": 10, "epochs": 40, "batch_size": 64, "learning_rate": 0.05, "weight_decay": 0.0005},
    **{"optimizer": "sgd", "momentum": 0.9, "schedule": "cosine"},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the accuracy of each setting on records not trained on, the best last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--epsilon", type=float, default=8.0)
    parser.add_argument("--store", type=Path, default=Path("outputs/store"))
    options = parser.parse_args(arguments)
    public: Any = deal(fashion_mnist.load().records, SIZES, options.seed).auxiliary
    members = np.zeros((DEALS, len(public)), bool)
    for place, row in enumerate(members):
        row[generator(options.seed, "half", place).permutation(len(public))[: len(public) // 2]] = True
    owner, measured = Owner(Store(options.store)), {}
    for batch, epochs, rate, clip in product(BATCHES, EPOCHS, RATES, CLIPS):
        tried = {"batch_size": batch, "epochs": epochs, "learning_rate": rate, "clip": clip}
        private = DPSGD(options.epsilon, accountant="pld", **tried)  # type: ignore[arg-type]
        recipe = Recipe(MODEL, TASK, TrainerOptions()).protect(private)
        seeds = [derive(options.seed, "tuned", place) for place in range(DEALS)]
        releases = owner.train_many(recipe, public, members, seeds)
        right = [
            (release.labels(public) == public.labels)[~row].mean()
            for release, row in zip(releases, members, strict=True)
        ]
        measured[tuple(tried.items())] = float(np.mean(right))
        print(", ".join(f"{name} {value}" for name, value in tried.items()), f"{np.mean(right):.3f}", flush=True)
    best = max(measured, key=lambda tried: measured[tried])
    print("best:", ", ".join(f"{name} {value}" for name, value in best), f"{measured[best]:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
