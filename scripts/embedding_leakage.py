"""Measure where embeddings begin to leak: pre-training objectives by sizes of the training set, every signal, controls.

python -m scripts.embedding_leakage [--objectives …] [--sizes …] [--victims 6] [--jobs 2] [--fresh] [--page FILE]
    [overrides …]

What is finished is found again while the code that makes it stays as it is; encoders come from the store.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from scripts.ending import exit_code
from scripts.jobs import ROOT, Run, play_all
from scripts.pages import machine
from telltale.attacks.embedding_membership.attack import VARIANTS
from telltale.papers.grid_view import markdown
from telltale.store.sources import source_digest
from telltale.writing import write_table

PAGE = ROOT / "docs" / "embedding_membership.md"
SIZES = (100, 300, 1000)
EPOCHS = {  # by size; enough to fit so few molecules
    "infograph": (100, 100, 80),
    "graphcl": (300, 150, 80),
    "edge_prediction": (300, 150, 80),
    "attribute_masking": (300, 150, 80),
    "random_labels": (300, 200, 100),
}
PRICES = {  # seconds for a thousand molecules and epochs on one core, for the order and the first estimate
    "infograph": 0.73,
    "graphcl": 0.75,
    "edge_prediction": 0.53,
    "attribute_masking": 0.5,
    "random_labels": 0.45,
}
ATTACKS = ("norm", "logistic")  # signals, calibrated, that meet the controls; the first has all others as rivals
COMMON: tuple[str, ...] = (
    *("attack=embedding_membership", "model=gin", "model.layers=3", "model.width=128", "objective.batch_size=128"),
    *("scale=small", "pools.auxiliary=800", "seed=1", "logger=none"),  # signals were chosen on seed 0
)
ROWS = ("objective", "members", "epochs", "attack", "evidence", "metric", "value", "low", "high")


@dataclass(frozen=True)
class Job:
    """One row of the table: two runs on the same encoders."""

    objective: str
    members: int
    victims: int
    folder: Path
    extra: tuple[str, ...] = ()

    @property
    def epochs(self) -> int:
        """Look the training time up."""
        return EPOCHS[self.objective][SIZES.index(self.members)]

    @property
    def price(self) -> float:
        """Guess the seconds: each victim and its disjoint control are trained."""
        return 2 * self.victims * PRICES[self.objective] * self.members * self.epochs / 1000

    def words(self, signal: str) -> tuple[str, ...]:
        """Return the overrides of one run."""
        rivals = "" if signal != ATTACKS[0] else ",".join(VARIANTS)
        return (
            *COMMON,
            f"objective={self.objective}",
            f"objective.epochs={self.epochs}",
            f"pools.members={self.members}",
            f"victims={self.victims}",
            f"attack.signal={signal}",
            "attack.calibrated=true",
            f"attack.rivals=[{rivals}]",
            *self.extra,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, cheap rows first; write the CSV as rows come, and the page; 1 if a row failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objectives", nargs="+", default=list(EPOCHS), choices=list(EPOCHS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--victims", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=2, help="rows at a time, one core each")
    parser.add_argument("--folder", type=Path, default=Path("outputs/embedding_leakage"))
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--fresh", action="store_true", help="run again what is finished; trained models are kept")
    parser.add_argument("overrides", nargs="*", help="more words for every run, e.g. trainer=cpu")
    options = parser.parse_args(arguments)
    if options.victims < 4 or options.jobs < 1:
        print("error: --victims from 4, --jobs from 1", file=sys.stderr)
        return 2
    jobs = [
        Job(objective, members, options.victims, options.folder / f"{objective}-{members}", tuple(options.overrides))
        for objective in options.objectives
        for members in options.sizes
    ]
    failed = measure(sorted(jobs, key=lambda job: job.price), options.jobs, options.fresh, options.folder)
    results = list(finished(jobs))
    options.page.write_text(page(results, options.victims), encoding="utf-8")
    print(options.page)
    for job in failed:
        print(f"failed: {job.objective}, {job.members} molecules; see {job.folder}/*.log", file=sys.stderr)
    return 1 if failed else 0


def measure(jobs: Sequence[Job], at_once: int, fresh: bool, folder: Path) -> list[Job]:
    """Run what is not finished, `at_once` rows at a time; return the rows that failed."""
    waiting = [job for job in jobs if fresh or not is_finished(job)]
    left, began, spent = sum(job.price for job in waiting), time.monotonic(), 0.0
    _tell(f"{len(jobs)} rows, {len(jobs) - len(waiting)} of them there; about {_minutes(left / at_once)} for the rest")
    write_csv(list(finished(jobs)), folder / "results.csv")
    failed = []
    for number, (job, succeeded) in enumerate(play_all(waiting, run, at_once), 1):
        if not succeeded:
            failed.append(job)
        write_csv(list(finished(jobs)), folder / "results.csv")
        left, spent = left - job.price, spent + job.price
        rest = _minutes(left * (time.monotonic() - began) / spent)
        outcome = _headline(job) if succeeded else "failed"
        _tell(f"{number} of {len(waiting)}: {job.objective}, {job.members} molecules: {outcome}; about {rest} left")
    return failed


def run(job: Job) -> bool:
    """Do both runs of a row; tell whether they ended well."""
    runs = [run_of(job, signal) for signal in ATTACKS]  # made by the code that the first of them begins with
    return all(one.play(threads=1) for one in runs)


def run_of(job: Job, signal: str) -> Run:
    """Return one of the two runs of a row."""
    return Run(job.words(signal), job.folder / signal, job.folder / f"{signal}.log", fingerprint(job, signal))


def fingerprint(job: Job, signal: str) -> dict[str, Any]:
    """Say what decides the figures of a run: its words, the code of its models, and the attack's."""
    import yaml

    objective = yaml.safe_load((ROOT / "conf" / "objective" / f"{job.objective}.yaml").read_text())["_target_"]
    files = sorted((ROOT / "src" / "telltale" / "attacks" / "embedding_membership").glob("*.py"))
    attack = blake2b(b"".join(file.read_bytes() for file in files), digest_size=8).hexdigest()
    code = source_digest(["telltale.models.gin.GIN", objective])
    return {"words": list(job.words(signal)), "models": code, "attack": attack}


def is_finished(job: Job) -> bool:
    """Tell whether both runs are there, made by this code."""
    return all(run_of(job, signal).is_finished() for signal in ATTACKS)


def finished(jobs: Sequence[Job]) -> Iterator[tuple[Job, dict[str, dict]]]:
    """Read the figures of finished rows: (row, signal -> metrics.json)."""
    for job in jobs:
        if is_finished(job):
            yield job, {signal: json.loads((job.folder / signal / "metrics.json").read_text()) for signal in ATTACKS}


def write_csv(results: Sequence[tuple[Job, Mapping[str, Mapping]]], path: Path) -> None:
    """Write every figure of every finished row, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    rows: list[Sequence[object]] = [ROWS]
    for job, documents in results:
        for signal, document in documents.items():
            groups = {"target": document["metrics"], **document["rivals"], **document["controls"]}
            groups["leakage"] = document["leakage"]
            for name, metrics in groups.items():
                for metric, one in metrics.items():
                    where = (job.objective, job.members, job.epochs, f"{signal}_calibrated", name, metric)
                    rows.append((*where, one["value"], one["low"], one["high"]))
    write_table(partial, rows)
    partial.replace(path)


def page(results: Sequence[tuple[Job, Mapping[str, Mapping]]], victims: int) -> str:
    """Write the table, one row for each objective and size."""
    columns = ["objective", "\\|G\\|", "epochs", "PW", "View", "Norm", "Norm cal.", "LR", "D / U (Norm cal.)"]
    columns += ["D / U (LR)", "LR − strongest control", "LR: TPR at 1 % FPR", "owner's task"]
    lines = [columns]
    for job, documents in results:
        norm, logistic = (documents[signal] for signal in ATTACKS)
        signals = [norm["rivals"][name]["auc"] for name in ("part_whole", "views", "norm")]
        lines.append(
            [
                job.objective.replace("_", " "),
                f"{job.members:,}",
                str(job.epochs),
                *(_interval(one) for one in (*signals, norm["metrics"]["auc"], logistic["metrics"]["auc"])),
                *(_controls(document) for document in (norm, logistic)),
                _interval(logistic["leakage"]["auc"], "+"),
                _interval(logistic["metrics"]["tpr_at_fpr_0.01"]),
                " / ".join(f"{value:.2f}" for value in norm["target"].values()),
            ]
        )
    head = HEAD.format(victims=victims, shadows=victims - 2, machine=machine("torch", "rdkit", "scikit-learn"))
    return f"{head}{markdown(lines)}\n"


HEAD = """# Where embeddings begin to leak

Written by `python -m scripts.embedding_leakage`. Question: does query access to embeddings tell that *this* molecule
was pre-trained on? `attack=embedding_membership`, MOSES, GIN 3 × 128, batches of 128, one seed (1;
signals were chosen on 0).

Of a pool of 2·|G| molecules, {victims} encoders are each trained on a random half, in complementary pairs; each is a
target in turn, the others but its complement ({shadows}) are its shadows. AUC over all targets and molecules, 95 %
intervals resample encoders and molecules. One half = nothing. The sign of every signal is fixed on shadows.

- **PW**: size-weighted part–whole cosine (Huang et al. 2024), mean over up to 8 cuts. **View**: centred cosine to 8
  connected subgraphs of 80 % of the atoms (after EncoderMI, Liu et al. 2021). **Norm**: log distance from the mean of
  800 auxiliary molecules, one query.
- **Norm cal.**: Norm less its mean over shadows. **LR**: logistic regression on all 18 calibrated signals, trained on
  shadows.
- **D / U**: the same attack on as many encoders trained on other molecules (disjoint), and on untrained ones.
- **Owner's task**: how well the owner's objective is learned, next to chance, on held-out molecules (random labels:
  on training molecules, on held-out ones, chance).

Limits: tiny over-fitted encoders; the attacker knows objective and architecture (for random labels: the labels too)
and holds the challenge molecules.

{machine}

"""


def _controls(document: Mapping[str, Any]) -> str:
    return " / ".join(_interval(document["controls"][name]["auc"]) for name in ("disjoint", "untrained"))


def _headline(job: Job) -> str:
    ((_, documents),) = finished([job])
    values = [f"{signal} {_interval(documents[signal]['metrics']['auc'])}" for signal in ATTACKS]
    return "calibrated AUC " + ", ".join(values)


def _interval(one: Mapping[str, float], sign: str = "") -> str:
    if one["value"] is None:
        return "–"
    return f"{one['value']:{sign}.3f} [{one['low']:.2f}, {one['high']:.2f}]"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(exit_code(main))
