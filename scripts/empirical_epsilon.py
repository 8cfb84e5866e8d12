"""Hold private training to its promise: lower bounds on ε beside the accountants', and with the noise left out.

python -m scripts.empirical_epsilon [--epsilons 1 2 4 8] [--models 32] [--folder FOLDER] [--page FILE] [overrides …]

Models come from the store, so that a second start takes seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from torch import Size, Tensor, device, zeros

from scripts.coin_games import GAMES, table_of_games
from scripts.ending import exit_code
from scripts.jobs import COMMAND, ROOT, Run
from scripts.pages import machine
from telltale.attacks.canary_audit import CANARIES as KINDS
from telltale.evaluation.canary_audit import ALL_MODELS, F_DP_ALL_MODELS, RETRAINED
from telltale.evaluation.empirical_epsilon import most_by_one_run, most_by_retraining, one_run
from telltale.evaluation.trade_off_bound import FAMILY, trade_off_bound
from telltale.papers.grid_view import markdown
from telltale.training.private.accountant import ACCOUNTANTS, epsilon_of

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
class Setting:
    """One game: the ε that is asked for, the kind of canary, and whether the noise is left out."""

    epsilon: float
    canary: str
    broken: bool = False

    @property
    def name(self) -> str:
        """Return what the row is called."""
        return f"ε = {self.epsilon:g}, {self.canary}" + (", noise left out" if self.broken else "")

    def folder(self, under: Path) -> Path:
        """Return where its run goes."""
        return under / f"epsilon-{self.epsilon:g}-{self.canary}{'-without-noise' if self.broken else ''}"


@dataclass(frozen=True)
class Row:
    """What one setting came to: every accountant's ε of the same steps, δ, and lower bounds.

    each, each_f_dp: one bound a model; together, together_f_dp: all models side by side; retrained: one canary in all.
    """

    setting: Setting
    epsilons: Mapping[str, float]
    delta: float
    each: np.ndarray
    each_f_dp: np.ndarray
    together: float
    together_f_dp: float
    retrained: float
    accuracy: float

    @property
    def least(self) -> float:
        """Return the least ε that an accountant proves."""
        return min(self.epsilons.values())

    def cells(self) -> list[str]:
        """Return the row of the table."""
        above = " / ".join(str(int((bounds > self.least).sum())) for bounds in (self.each, self.each_f_dp))
        exceeded = max(self.together, self.retrained) > self.least
        return [
            self.setting.name,
            *(f"{self.epsilons[accountant]:.2f}" for accountant in ACCOUNTANTS),
            f"{100 * self.accuracy:.0f} %",
            *(
                "{1:.2f} ({0:.2f} to {2:.2f})".format(*np.quantile(bounds, [0, 0.5, 1]))
                for bounds in (self.each, self.each_f_dp)
            ),
            f"{above} of {len(self.each)}",
            f"{self.together:.2f}",
            f"{self.together_f_dp:.2f}",
            f"{self.retrained:.2f}",
            "**above**" if exceeded else "by f-DP" if self.together_f_dp > self.least else "not above",
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every setting and write the page; 1 where a run fails."""
    if arguments is None and sys.argv[1:2] == [WITHOUT_NOISE]:
        return run_without_noise(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epsilons", nargs="+", type=float, default=[1.0, 2.0, 4.0, 8.0])
    parser.add_argument("--models", type=int, default=32)
    parser.add_argument("--folder", type=Path, default=Path("outputs/empirical_epsilon"))
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("overrides", nargs="*", help="more words for every run, e.g. trainer=cpu")
    options = parser.parse_args(arguments)
    settings = [Setting(epsilon, kind) for kind in KINDS for epsilon in options.epsilons]
    settings += [Setting(epsilon, KINDS[0], broken=True) for epsilon in options.epsilons]
    rows = []
    for setting in settings:
        folder = setting.folder(options.folder)
        words = (*COMMON, f"attack.canary={setting.canary}", f"victims={options.models}")
        words += (f"defense.epsilon={setting.epsilon}", *options.overrides)
        print(f"{setting.name}: {folder}/run.log", file=sys.stderr, flush=True)
        if not audit(folder, words, setting.broken):
            print(f"failed: {setting.name}; see {folder}/run.log", file=sys.stderr)
            return 1
        rows.append(read(setting, folder))
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
    import telltale.command

    with (
        mock.patch("telltale.training.private.step.gaussians", silence),
        mock.patch("telltale.training.private.settle.require_private"),
        mock.patch.object(sys, "argv", ["src/run.py", *words]),
    ):
        telltale.command.main()
    return 0


def silence(shapes: Sequence[Size], seeds: Sequence[int], step: int, device: device) -> list[Tensor]:
    """Return zeros in the place of telltale.training.private.noise.gaussians."""
    return [zeros(len(seeds), *shape, device=device) for shape in shapes]


def read(setting: Setting, folder: Path) -> Row:
    """Read a finished run: its bounds, and with its evidence those of every single model."""
    document = json.loads((folder / "metrics.json").read_text())
    promised, metrics = document["guarantee"], document["metrics"]
    delta = promised["delta"]
    steps = promised["sigma"], promised["sampling_rate"], promised["steps"], delta
    with np.load(folder / "evidence.npz", allow_pickle=False) as kept:
        pairs = list(zip(kept["target"], kept["membership"], strict=True))
    each, each_f_dp = (
        np.array([one_run(scores, coins, delta, bound=bound) for scores, coins in pairs])
        for bound in (None, trade_off_bound)
    )
    together, together_f_dp, retrained = (metrics[one]["value"] for one in (ALL_MODELS, F_DP_ALL_MODELS, RETRAINED))
    return Row(
        setting,
        epsilons={accountant: epsilon_of(*steps, accountant) for accountant in ACCOUNTANTS},
        delta=delta,
        each=each,
        each_f_dp=each_f_dp,
        together=together,
        together_f_dp=together_f_dp,
        retrained=retrained,
        accuracy=document["target"]["accuracy"],
    )


def page(rows: Sequence[Row], models: int) -> str:
    """Write the page: what was done, one row for each setting, and the bounds on games whose ε is known."""
    delta = rows[0].delta
    most_retrained = most_by_retraining(models - models // 2, delta)
    columns = ["setting", *(f"ε by {accountant.upper()}" for accountant in ACCOUNTANTS), "test accuracy"]
    columns += ["one model: median (range)", "one model, f-DP: median (range)", "models above ε (f-DP)", "all models"]
    columns += ["all models, f-DP", f"one canary, retrained models (at most {most_retrained:.2f})", "bound above ε?"]
    honest = [row for row in rows if not row.setting.broken]
    counted = {
        "wrong": sum(int((row.each > row.least).sum()) for row in honest),
        "wrong_f_dp": sum(int((row.each_f_dp > row.least).sum()) for row in honest),
        "number": sum(len(row.each) for row in honest),
    }
    most = {
        f"most_{what}{suffix}": most_by_one_run(canaries, delta, bound=bound)
        for what, canaries in (("one", CANARIES), ("all", CANARIES * models))
        for suffix, bound in (("", None), ("_f_dp", trade_off_bound))
    }
    said = {"models": models, "delta": delta, "most_retrained": most_retrained, "family": FAMILY, "games": GAMES}
    head = HEAD.format(machine=machine("torch", "opacus", "dp-accounting"), **said, **counted, **most)
    table = markdown([columns, *(row.cells() for row in rows)])
    return f"{head}{table}\n\n{GAMES_HEAD.format(**said)}{markdown(table_of_games(CANARIES, delta))}\n"


HEAD = """# Empirical ε beside the accountants'

Written by `python -m scripts.empirical_epsilon`. Question: does DP-SGD keep its promise, and would we see it if it did
not? `attack=canary_audit defense=dp_sgd`, Fashion-MNIST, an MLP with 64 hidden units, trained from scratch.

{models} models for each ε. 1,000 members are in every model, each of 1,000 canaries (`noise`: pictures of a few lit
pixels with random labels; `mislabelled`: pictures with a wrong label) by a fair coin of its own in each model. The
attacker sees class probabilities of the final model only. σ is the least at which RDP proves the ε that was asked for;
PRV and PLD prove the smaller one beside it for the same steps. Every bound is a lower bound on ε at δ = {delta:g} that
is wrong in at most 5 % of repetitions:

- **one model**: its own canaries (Steinke, Nasr, Jagielski 2023), for any mechanism. **f-DP**: the same guesses
  (Mahloujifar, Melis, Chaudhuri 2024); holds under {family}.
- **models above ε (f-DP)**: how often that bound exceeds the least accountant's ε; with correct DP-SGD in at most 5 %.
  Seen: {wrong} of {number}, by f-DP {wrong_f_dp}.
- **all models**: the same on all coins of all models side by side, each canary's score less its mean over models.
- **one canary, retrained models**: canary and threshold chosen on half of the models, error rates by Clopper and
  Pearson on the other half. So few models cannot show more than {most_retrained:.2f}.
- Were every guess right, one model would show {most_one:.2f} (f-DP {most_one_f_dp:.2f}) and all models {most_all:.2f}
  (f-DP {most_all_f_dp:.2f}): a promise of more is beyond them, however badly training was broken.
- **noise left out**: the accountant counts noise that is never added. The self-test at the start of private training
  refuses this before anything is trained; for the table it was switched off.

A bound far below ε is no proof of more privacy: this attacker sees little of what ε protects against.

{machine}

"""

GAMES_HEAD = """## The bounds on mechanisms whose ε is known

{games:,} games each on 1,000 coins, the same four shares of guesses, δ = {delta:g}; no training. **above the truth**:
how often a bound exceeds the mechanism's own ε, to be at most 5 %. Randomised response is outside
{family}: f-DP then bounds ε of the Gaussian function below the mechanism's own,
**family's truth**, and may well exceed the mechanism's.

"""


if __name__ == "__main__":
    sys.exit(exit_code(main))
