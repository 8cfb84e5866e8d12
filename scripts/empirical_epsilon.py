"""Hold private training to its promise: lower bounds on ε beside the accountant's, and with the noise left out.

python -m scripts.empirical_epsilon [--epsilons 1 4 8] [--models 32] [--folder FOLDER] [--page FILE] [overrides …]

Models come from the store, so that a second start takes seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from torch import Size, Tensor, device, zeros

from scripts.jobs import COMMAND, ROOT, Run
from scripts.pages import machine
from telltale.evaluation.canary_audit import ALL_MODELS, RETRAINED
from telltale.evaluation.empirical_epsilon import most_by_one_run, most_by_retraining, one_run
from telltale.papers.grid_view import markdown

PAGE = ROOT / "docs" / "empirical_epsilon.md"
WITHOUT_NOISE = "--without-noise"
CANARIES = 1000
COMMON: tuple[str, ...] = (
    *("attack=canary_audit", "defense=dp_sgd", "model=mlp", "model.widths=[64]", "controls=none", "logger=none"),
    *("pools.members=1000", f"pools.canaries={CANARIES}", "pools.auxiliary=100", "pools.test=1000", "seed=0"),
    *("defense.learning_rate=0.5", "defense.batch_size=150", "defense.epochs=40"),
    *("objective.momentum=0", "objective.weight_decay=0", "objective.schedule=constant"),
)


@dataclass(frozen=True)
class Row:
    """What one setting came to: the accountant's ε and δ, and lower bounds.

    each: one bound a model; together: all models side by side; retrained: one canary in all of them.
    """

    name: str
    epsilon: float
    delta: float
    each: np.ndarray
    together: float
    retrained: float
    accuracy: float

    def cells(self) -> list[str]:
        """Return the row of the table."""
        above = f"{int((self.each > self.epsilon).sum())} of {len(self.each)}"
        quartiles = np.quantile(self.each, [0, 0.5, 1])
        spread = "{1:.2f} ({0:.2f} to {2:.2f})".format(*quartiles)
        verdict = "**above**" if max(self.together, self.retrained) > self.epsilon else "not above"
        return [
            self.name,
            f"{self.epsilon:.2f}",
            f"{100 * self.accuracy:.0f} %",
            spread,
            above,
            f"{self.together:.2f}",
            f"{self.retrained:.2f}",
            verdict,
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every setting and write the page; 1 where a run fails."""
    if arguments is None and sys.argv[1:2] == [WITHOUT_NOISE]:
        return run_without_noise(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epsilons", nargs="+", type=float, default=[1.0, 4.0, 8.0])
    parser.add_argument("--models", type=int, default=32)
    parser.add_argument("--folder", type=Path, default=Path("outputs/empirical_epsilon"))
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("overrides", nargs="*", help="more words for every run, e.g. trainer=cpu")
    options = parser.parse_args(arguments)
    rows = []
    for broken in (False, True):
        for epsilon in options.epsilons:
            name = f"ε = {epsilon:g}" + (", noise left out" if broken else "")
            folder = options.folder / f"epsilon-{epsilon:g}{'-without-noise' if broken else ''}"
            words = (*COMMON, f"victims={options.models}", f"defense.epsilon={epsilon}", *options.overrides)
            print(f"{name}: {folder}/run.log", file=sys.stderr, flush=True)
            if not audit(folder, words, broken):
                print(f"failed: {name}; see {folder}/run.log", file=sys.stderr)
                return 1
            rows.append(read(name, folder))
    options.page.write_text(page(rows, options.models), encoding="utf-8")
    print(options.page)
    return 0


def audit(folder: Path, words: Sequence[str], broken: bool) -> bool:
    """Play one game as a process of its own; tell whether it ended well, if not the log says why."""
    start = ("-m", "scripts.empirical_epsilon", WITHOUT_NOISE) if broken else COMMAND
    # weights trained without noise must never be found by a run that asks for noise
    store = f"paths.store={folder}/store" if broken else f"paths.store={folder.parent}/store"
    return Run((*words, store), folder, folder / "run.log", start=start).play()


def run_without_noise(words: Sequence[str]) -> int:
    """Run the command with DP-SGD that counts its noise and adds none; the self-test, which would refuse it, is off."""
    import telltale.run

    with (
        mock.patch("telltale.training.private.step.gaussians", silence),
        mock.patch("telltale.training.private.settle.require_private"),
        mock.patch.object(sys, "argv", ["src/run.py", *words]),
    ):
        telltale.run.main()
    return 0


def silence(shapes: Sequence[Size], seeds: Sequence[int], step: int, device: device) -> list[Tensor]:
    """Return zeros in the place of telltale.training.private.noise.gaussians."""
    return [zeros(len(seeds), *shape, device=device) for shape in shapes]


def read(name: str, folder: Path) -> Row:
    """Read a finished run: its bounds, and with its evidence those of every single model."""
    document = json.loads((folder / "metrics.json").read_text())
    promised, metrics = document["guarantee"], document["metrics"]
    with np.load(folder / "evidence.npz", allow_pickle=False) as kept:
        pairs = zip(kept["target"], kept["membership"], strict=True)
        each = np.array([one_run(scores, coins, promised["delta"]) for scores, coins in pairs])
    together, retrained = (metrics[one]["value"] for one in (ALL_MODELS, RETRAINED))
    accuracy = document["target"]["accuracy"]
    return Row(name, promised["epsilon"], promised["delta"], each, together, retrained, accuracy)


def page(rows: Sequence[Row], models: int) -> str:
    """Write the page: what was done, and one row for each setting."""
    columns = ["setting", "accountant's ε", "test accuracy", "one model: median (range)", "models above ε"]
    columns += ["all models side by side", "one canary, retrained models", "lower bound above ε?"]
    honest = [row for row in rows if "left out" not in row.name]
    wrong, number = sum(int((row.each > row.epsilon).sum()) for row in honest), sum(len(row.each) for row in honest)
    delta = rows[0].delta
    most = {
        "most_one": most_by_one_run(CANARIES, delta),
        "most_all": most_by_one_run(CANARIES * models, delta),
        "most_retrained": most_by_retraining(models - models // 2, delta),
    }
    head = HEAD.format(
        models=models, delta=delta, wrong=wrong, number=number, machine=machine("torch", "opacus"), **most
    )
    return f"{head}{markdown([columns, *(row.cells() for row in rows)])}\n"


HEAD = """# Empirical ε beside the accountant's

Written by `python -m scripts.empirical_epsilon`. Question: does DP-SGD keep its promise, and would we see it if it did
not? `attack=canary_audit defense=dp_sgd`, Fashion-MNIST, an MLP with 64 hidden units, trained from scratch.

{models} models for each ε. 1,000 members are in every model, each of 1,000 canaries (pictures of noise with random
labels) by a fair coin of its own in each model. The attacker sees class probabilities of the final model only. Every
bound is a lower bound on ε at δ = {delta:g} that is wrong in at most 5 % of repetitions:

- **one model**: its own canaries (Steinke, Nasr, Jagielski 2023). **models above ε**: how often that bound exceeds the
  accountant's ε; with correct DP-SGD in at most 5 %. Seen: {wrong} of {number}.
- **all models side by side**: the same on all coins of all models, each canary's score less its mean over models.
- **one canary, retrained models**: canary and threshold chosen on half of the models, error rates by Clopper and
  Pearson on the other half.
- Were every guess right, the three would show {most_one:.2f}, {most_all:.2f} and {most_retrained:.2f}: a promise of
  more is beyond them, however badly training was broken.
- **noise left out**: the accountant counts noise that is never added. The self-test at the start of private training
  refuses this before anything is trained; for the table it was switched off.

A bound far below ε is no proof of more privacy: this attacker sees little of what ε protects against.

{machine}

"""


if __name__ == "__main__":
    sys.exit(main())
