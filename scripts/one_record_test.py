"""Hold the guarantee of synthetic twins to the best attack there is: one record against another, on a released row.

python -m scripts.one_record_test [--trials 500000] [--rows 20000] [--page FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from scripts.ending import exit_code
from scripts.pages import machine
from telltale.audits.learned_judge import learned_judge
from telltale.audits.one_record_test import Measured, best_balanced_accuracy, one_record_test
from telltale.data.seeds import derive
from telltale.defenses.vae_metric_privacy.angular import Purkayastha, VonMisesFisher
from telltale.defenses.vae_metric_privacy.euclidean import Gaussian, LaplaceL1, LaplaceL2
from telltale.defenses.vae_metric_privacy.labels import Labels
from telltale.defenses.vae_metric_privacy.mechanism import Mechanism
from telltale.defenses.vae_metric_privacy.norm import Norm
from telltale.defenses.vae_metric_privacy.synthesis import Synthesis, balanced_accuracy_bound
from telltale.defenses.vae_metric_privacy.trade_off import total_variation
from telltale.evaluation.statistics import CONFIDENCE
from telltale.papers.grid_view import markdown

PAGE = Path(__file__).resolve().parent.parent / "docs" / "one_record_test.md"
HEAD = (
    *("mechanism", "n", "R", "ε", "ε_y, K", "copies", "e", "e^e / (1 + e^e)", "bound", "label alone", "best possible"),
    *("measured (95 %)", "lower end ≤ bound?", "share of the bound's advantage", "on decoded rows (95 %)"),
)


def settings() -> tuple[Synthesis, ...]:
    """Return guaranteed configurations, all with a bound below 0.9."""
    copied = Labels()

    def labels(epsilon: float) -> Labels:
        return Labels("randomized_response", epsilon)

    return (
        Synthesis(LaplaceL2(0.35), labels(0.5), 2, 2),
        Synthesis(LaplaceL2(0.25), labels(0.5), 8, 2),
        Synthesis(LaplaceL2(0.05), labels(1.5), 16, 10),
        Synthesis(LaplaceL2(0.25), labels(0.7), 2, 2, copies=3),
        Synthesis(LaplaceL1(0.25), labels(0.5), 2, 2),
        Synthesis(Gaussian(2.0), labels(0.7), 16, 2),
        Synthesis(Gaussian(5.0), labels(1.0), 16, 10),
        Synthesis(Gaussian(2.0), labels(0.7), 16, 2, copies=5),
        Synthesis(VonMisesFisher(0.5), labels(0.5), 2, 2),
        Synthesis(VonMisesFisher(0.8), labels(0.7), 8, 2),
        Synthesis(VonMisesFisher(0.4, norm=Norm("release", 0.3, 0.2)), labels(1.0), 4, 2),
        Synthesis(Purkayastha(0.5), labels(1.0), 3, 2),
        Synthesis(LaplaceL2(0.5), copied, 1, 2),
        Synthesis(LaplaceL2(0.35), copied, 2, 2),
        Synthesis(Gaussian(4.0), copied, 64, 2),
        Synthesis(VonMisesFisher(0.8), copied, 2, 2),
    )


@dataclass(frozen=True)
class Row:
    """What one configuration promises, what densities say the best test reaches, and what it reached."""

    synthesis: Synthesis
    best: float | None
    measured: Measured
    decoded: Measured | None

    @property
    def kept(self) -> bool:
        """Whether the interval's lower end is within the bound."""
        lows = [one.low for one in (self.measured, self.decoded) if one is not None]
        return max(lows) <= self.synthesis.bound

    def cells(self) -> list[str]:
        """Return the row of the table."""
        one, measured = self.synthesis, self.measured
        share = (measured.accuracy - 0.5) / (one.bound - 0.5)
        return [
            title(one.mechanism),
            str(one.width),
            f"{one.mechanism.radius(one.width):.3g}",
            f"{one.mechanism.epsilon:g}",
            f"{one.labels.epsilon:g}, {one.classes}" if one.labels.covered else "copied",
            str(one.copies),
            f"{one.total[0]:.3f}",
            f"{balanced_accuracy_bound(*one.total):.4f}",
            f"{one.bound:.4f}",
            f"{(1 + total_variation(one.labels.law(one.classes, one.copies))) / 2:.4f}",
            "–" if self.best is None else f"{self.best:.4f}",
            _interval(measured),
            "yes" if self.kept else "**NO**",
            f"{share:.0%}",
            "–" if self.decoded is None else _interval(self.decoded),
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play every configuration, write the page and print it; 1 if a bound was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500_000)
    parser.add_argument("--rows", type=int, default=20_000, help="that the attacker on decoded rows learns from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    if min(options.trials, options.rows) < 1000:
        print("error: --trials and --rows from 1000", file=sys.stderr)
        return 2
    rows = [
        measure(one, options.trials, options.rows, derive(options.seed, "setting", place))
        for place, one in enumerate(settings())
    ]
    options.page.write_text(page(rows, options.trials, options.rows), encoding="utf-8")
    print(page(rows, options.trials, options.rows))
    return 0 if all(row.kept for row in rows) else 1


def measure(synthesis: Synthesis, trials: int, rows: int, seed: int) -> Row:
    """Play one configuration, on codes and, where there is one copy, on rows of a decoder fixed beforehand."""
    print(f"{title(synthesis.mechanism)}, n = {synthesis.width} …", file=sys.stderr, flush=True)
    # the best test of Gaussian noise meets its bound, so that one interval in forty would lie above it
    confidence = 1 - (1 - CONFIDENCE) / len(settings())
    measured = one_record_test(synthesis, trials, seed, confidence=confidence)
    if synthesis.copies > 1:
        return Row(synthesis, None, measured, None)
    judge = learned_judge(synthesis, Decoder(synthesis.width), rows, seed)
    decoded = one_record_test(synthesis, trials, derive(seed, "decoded"), judge, confidence)
    return Row(synthesis, best_balanced_accuracy(synthesis), measured, decoded)


class Decoder:
    """A VAE's decoder of 8 x 8 pictures, n-256-64 with ReLU and sigmoid, whose weights are drawn at random.

    Returns logits of the pixels in single precision, which is what an attacker would compute from them first.
    """

    def __init__(self, width: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.network = nn.Sequential(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, 64), nn.Sigmoid())

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Decode codes: (records, n) -> (records, 64)."""
        with torch.no_grad():
            pixels = [self.network(part) for part in torch.from_numpy(codes).float().split(2**16)]
            logits: np.ndarray = torch.logit(torch.cat(pixels), eps=1e-6).numpy()
        return logits


def title(mechanism: Mechanism) -> str:
    """Name a mechanism by its metric."""
    norm = getattr(mechanism, "norm", Norm())
    extra = "" if norm.epsilon is None else f", norm released at ε = {norm.epsilon:g}"
    delta = f", δ = {mechanism.delta:g}" if isinstance(mechanism, Gaussian) else ""
    return f"{type(mechanism).__name__} ({mechanism.metric}{extra}{delta})"


def _interval(one: Measured) -> str:
    return f"{one.accuracy:.4f} ({one.low:.4f} to {one.high:.4f})"


def page(rows: Sequence[Row], trials: int, learned: int) -> str:
    """Write the page."""
    return TEXT.format(
        trials=f"{trials:,}",
        rows=f"{learned:,}",
        machine=machine("numpy", "scipy"),
        table=markdown([HEAD, *(row.cells() for row in rows)]),
    )


TEXT = """# The best one-record test against the bound

Written by `python -m scripts.one_record_test`. Question: does the noise of `defense=vae_metric_privacy` keep the bound
that its guarantee prints, where that bound says something (below 0.9), and would we see it if it did not?

Two records as far apart as the guarantee allows: opposite clipped codes, and different labels where labels are released
by randomised response. A fair coin says which of the two is released. The attacker knows both, the mechanism and all
its options, and guesses by the sign of the log-likelihood ratio of (code, label): by Neyman and Pearson no attack on
this row does better, and none on what a decoder fixed beforehand makes of it, nor on a model trained on that, because
these are made from the row (post-processing). {trials} trials each; intervals by Clopper and Pearson, at
95 % for all rows together.

- **e**: the worst case of code and label together, all copies. **e^e / (1 + e^e)**: the bound that follows from e alone
  (for Gaussian noise with its δ).
- **bound**: what the guarantee prints. Code and label count as answers of their own (optimal composition, Kairouz, Oh,
  Viswanath 2015), labels and Gaussian noise by their exact trade-off.
- **label alone**: what the released label tells by itself; where the bound is no more than that, the code is not tried.
- **best possible**: what this test reaches on average, by numerical integration of densities, independently of the
  samplers. Where it is below the bound, no pair of opposite codes reaches it: noise in several dimensions is rarely
  in line with the two codes.
- **on decoded rows**: the same, where the attacker sees only what a decoder makes of the code (n-256-64, ReLU and
  sigmoid, weights drawn at random, single precision), and has learned the test from {rows} rows that it made itself
  (`src/telltale/audits/learned_judge.py`). Where it comes near the best possible, decoding hides nothing; in 64
  dimensions a decoder of 64 pixels, or so few rows to learn from, cost this attacker something.

{machine}

{table}
"""

if __name__ == "__main__":
    sys.exit(exit_code(main))
