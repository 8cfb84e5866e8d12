"""Fine-tuned on BBBP from a released encoder, and from fresh weights: who is in that set is known exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.jobs import Run
from telltale.models.released.start import document_of_start
from telltale.papers.results import Measured
from telltale.store.sources import source_digest

STARTED = "telltale.models.released.start.StartedEncoder"
LIRA = "telltale.attacks.membership.lira.LiRA"
CLASSIFICATION = "telltale.objectives.classification.Classification"
SIZES = {
    "smoke": (
        *("scale=smoke", "victims=4", "pools.members=40", "pools.non_members=40", "pools.auxiliary=20"),
        *("pools.population=40", "pools.test=40", "objective.epochs=2", "model.layers=5", "model.width=300"),
    ),
    "small": (
        *("scale=small", "victims=6", "pools.members=150", "pools.non_members=150", "pools.auxiliary=200"),
        *("pools.population=300", "pools.test=300", "objective.epochs=30"),
    ),
}
FIXED = (
    *("attack=lira", "model=hu2020", "dataset=moleculenet", "dataset.name=bbbp", "objective=classification"),
    *("objective.optimizer=adam", "objective.learning_rate=0.001", "objective.batch_size=8"),
    *("controls=untrained", "rivals=membership", "seed=1", "logger=none"),
)
RIVALS = ("rmia", "lira_offline", "loss")


@dataclass(frozen=True)
class Start:
    """Where fine-tuning begins: kind of the encoder, its weights; None = fresh ones."""

    name: str
    kind: str
    weights: Path | None


@dataclass(frozen=True)
class Tuned:
    """What a run says: areas of the attacks by name, the untrained control's, the found share, and the owner's task."""

    start: Start
    areas: Mapping[str, Measured]
    found: Measured
    control: Measured
    task: Mapping[str, float]
    answer: str


def starts(folder: Path) -> list[Start]:
    """List the released encoders of a folder, then each of their kinds from fresh weights."""
    files = sorted(folder.glob("*.safetensors"))
    released = [Start(file.stem, file.stem.split("_")[0], file.resolve()) for file in files]
    fresh = [Start(f"{kind}, fresh", kind, None) for kind in dict.fromkeys(one.kind for one in released)]
    return sorted([*released, *fresh], key=lambda start: (start.kind == "gat", start.kind))  # slow ones last


def run_of(start: Start, scale: str, tasks: Path, folder: Path) -> Run:
    """Return the run that fine-tunes from a start and attacks."""
    weights = "null" if start.weights is None else f"'{start.weights}'"
    begin = (f"model.kind={start.kind}", f"model.start={weights}", f"dataset.root='{tasks.resolve()}'")
    words = (*FIXED, *SIZES[scale], *begin)
    held = document_of_start({"_target_": STARTED, "start": start.weights and str(start.weights)})
    made_by = {"words": list(words), **held, "code": source_digest([STARTED, LIRA, CLASSIFICATION])}
    name = start.name.replace(", ", "_")
    return Run(words, folder / name, folder / f"{name}.log", made_by)


def read(start: Start, run: Run) -> Tuned:
    """Read the figures of a finished run."""
    document: dict[str, Any] = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))
    metrics, rivals = document["metrics"], document["rivals"]
    areas = {"lira": metrics["auc"], **{name: rivals[name]["auc"] for name in RIVALS if name in rivals}}
    control = Measured.of(document["controls"]["untrained"]["auc"])
    measured = {name: Measured.of(entry) for name, entry in areas.items()}
    answer = str((document.get("answer") or {}).get("kind", ""))
    return Tuned(start, measured, Measured.of(metrics["tpr_at_fpr_0.01"]), control, document["target"], answer)
