"""The rows of the table: a defence on encoders of one objective, its two runs, and what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml

from scripts.jobs import ROOT, Run
from telltale.papers.results import Measured
from telltale.store.sources import source_digest

ATTACKS = ("membership", "extraction")
CODE = ("attacks/embedding_membership", "attacks/molextract", "defenses", "game", "evaluation")
# objective -> words; private training needs a loss of each molecule alone and no BatchNorm
BASES = {
    "infograph": ("objective=infograph",),
    "edge prediction": ("objective=edge_prediction", "model.norm=layer"),
}
SIZES = {
    "smoke": ("scale=smoke", "victims=4", "pools.members=60", "pools.non_members=60", "pools.disjoint=60"),
    "small": ("scale=small", "victims=6", "pools.members=150", "pools.non_members=150", "pools.disjoint=150"),
}
LEARNED = {
    "smoke": ("pools.auxiliary=120", "pools.test=60", "objective.epochs=4"),
    "small": ("pools.auxiliary=600", "pools.test=300", "objective.epochs=80", "objective.batch_size=64"),
}
SCALES = tuple(SIZES)
OF_ATTACK: dict[str, dict[str, tuple[str, ...]]] = {
    "membership": {
        "smoke": ("attack.views=2", "attack.cuts=2"),
        "small": ("attack.views=4", "attack.cuts=4"),
    },
    "extraction": {
        "smoke": ("attack.k=[10]", "attack.rings=4", "attack.motifs=15"),
        "small": ("attack.k=[50]", "attack.rings=12", "attack.motifs=40"),
    },
}
FIXED: dict[str, tuple[str, ...]] = {
    "membership": (
        *("attack=embedding_membership", "attack.signal=logistic"),
        "attack.rivals=[norm,norm_calibrated]",
    ),
    "extraction": ("attack=molextract", "attack.cuts=0", "attack.rivals=[]"),
}


@dataclass(frozen=True)
class Row:
    """A defence on encoders of one objective; words: of the defence, as on the command line."""

    name: str
    objective: str
    words: tuple[str, ...]
    says: str


@dataclass(frozen=True)
class Found:
    """What the two runs of a row say.

    novel, base      precision of the published list among candidates that are new to the attacker; of the best control
    membership       AUC of all signals, calibrated; control: its best control
    norm             AUC of the plain distance, without shadows, and calibrated by them
    probes           name of a task -> AUC of the linear probe, its interval over splits
    guarantee        ε, where one is proven
    """

    row: Row
    novel: Measured
    base: tuple[str, Measured]
    membership: Measured
    control: tuple[str, Measured]
    norm: tuple[Measured, Measured]
    probes: Mapping[str, Measured]
    guarantee: str

    @property
    def use(self) -> float:
        """Average the probes' AUC over tasks."""
        return sum(one.value for one in self.probes.values()) / len(self.probes)


def _row(name: str, objective: str, words: str, says: str) -> Row:
    return Row(name, objective, tuple(words.split()), says)


ROWS = (
    _row("none", "infograph", "defense=none", "no defence"),
    _row("noise-0.1", "infograph", "defense=output_noise defense.sigma=0.1", "output noise, σ 0.1"),
    _row("noise-0.3", "infograph", "defense=output_noise defense.sigma=0.3", "output noise, σ 0.3"),
    _row("noise-1", "infograph", "defense=output_noise defense.sigma=1", "output noise, σ 1"),
    _row("rounding-1", "infograph", "defense=rounding defense.decimals=1", "rounding, 1 decimal"),
    _row("rounding-0", "infograph", "defense=rounding defense.decimals=0", "rounding, whole numbers"),
    _row("top-32", "infograph", "defense=top_dimensions defense.k=32", "top 32 of 128 dimensions"),
    _row("top-8", "infograph", "defense=top_dimensions defense.k=8", "top 8 of 128 dimensions"),
    _row("limit-2000", "infograph", "defense=query_limit defense.queries=2000", "query limit, 2,000 records"),
    _row("limit-500", "infograph", "defense=query_limit defense.queries=500", "query limit, 500 records"),
    _row("early", "infograph", "defense=early_stopping", "early stopping, on public records"),
    _row("layer-none", "edge prediction", "defense=none", "no defence"),
    _row("layer-early", "edge prediction", "defense=early_stopping", "early stopping, on public records"),
    _row("layer-dp-8", "edge prediction", "defense=dp_sgd defense.epsilon=8", "DP-SGD, ε 8"),
)


def words_of(row: Row, attack: str, scale: str, tasks: Path | None) -> tuple[str, ...]:
    """Return the words of a run's command line. Only membership's run has the probes: they ask the same encoders."""
    probe = ("probes=b3db",) if tasks is None else ("probes=molecules", f"probes.bbbp.root={tasks}")
    sizes = (*SIZES[scale], *LEARNED[scale], *OF_ATTACK[attack][scale])
    probes = probe if attack == "membership" else ()
    return (*FIXED[attack], *BASES[row.objective], *sizes, *row.words, *probes, "seed=1", "logger=none")


def run_of(row: Row, attack: str, scale: str, tasks: Path | None, folder: Path) -> Run:
    """Return one of the two runs of a row."""
    words = words_of(row, attack, scale, tasks)
    made_by = {"words": list(words), "code": code_of(row)}
    return Run(words, folder / row.name / attack, folder / f"{row.name}-{attack}.log", made_by)


def code_of(row: Row) -> str:
    """Digest the code that decides a row's figures: of its encoders, the attacks, the defences, the evaluation."""
    word = BASES[row.objective][0].removeprefix("objective=")
    objective = yaml.safe_load((ROOT / "conf" / "objective" / f"{word}.yaml").read_text())["_target_"]
    digest = blake2b(source_digest(["telltale.models.gin.GIN", objective]).encode(), digest_size=8)
    for part in CODE:
        for file in sorted((ROOT / "src" / "telltale" / part).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def is_finished(row: Row, scale: str, tasks: Path | None, folder: Path) -> bool:
    """Tell whether both runs are there, made by this code."""
    return all(run_of(row, attack, scale, tasks, folder).is_finished() for attack in ATTACKS)


def read(row: Row, folder: Path) -> Found:
    """Read the figures of a finished row."""
    said: dict[str, Any] = {
        attack: json.loads((folder / row.name / attack / "metrics.json").read_text(encoding="utf-8"))
        for attack in ATTACKS
    }
    membership, extraction = (said[attack] for attack in ATTACKS)
    name = next(name for name in extraction["metrics"] if name.startswith("novel_precision_at_"))
    target, rivals = membership["target"], membership["rivals"]
    tasks = [key for key in target if key.startswith("probe_auc_") and not key.endswith(("_low", "_high"))]
    probes = {
        key.removeprefix("probe_auc_"): Measured(target[key], target[f"{key}_low"], target[f"{key}_high"])
        for key in tasks
    }
    guarantee = membership.get("guarantee") or {}
    return Found(
        row,
        Measured.of(extraction["metrics"][name]),
        _largest(extraction["controls"], name),
        Measured.of(membership["metrics"]["auc"]),
        _largest(membership["controls"], "auc"),
        (Measured.of(rivals["norm"]["auc"]), Measured.of(rivals["norm_calibrated"]["auc"])),
        probes,
        f"{guarantee['epsilon']:.3g}" if "epsilon" in guarantee else "",
    )


def _largest(controls: Mapping[str, Any], metric: str) -> tuple[str, Measured]:
    """Return the control that finds most, and what it finds."""
    found = {name: Measured.of(metrics[metric]) for name, metrics in controls.items() if metric in metrics}
    best = max(found, key=lambda name: found[name].value)
    return best, found[best]
