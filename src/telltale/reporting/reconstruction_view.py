"""How reconstructed pictures are shown and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from telltale.evidence import ReconstructedRecords
from telltale.reporting import figures, reconstruction_figures
from telltale.reporting.gallery import Gallery
from telltale.reporting.outcome import Outcome
from telltale.reporting.page import MoleculeCard, PageFigure

RESAMPLED = "pictures"


def headlines(target: ReconstructedRecords) -> list[str]:
    """Name the metrics that a person reads first."""
    return ["accuracy", "correlation", "mape", "minmax_mape", "ssim", "badly_encoded", "recognised"]


def sizes(target: ReconstructedRecords) -> dict[str, int]:
    """Name the sizes that belong in the title."""
    victims, images = target.records.shape[:2]
    return {"hidden pictures": images} | ({"models": victims} if victims > 1 else {})


def asked(target: ReconstructedRecords) -> tuple[str, int]:
    """Return what queries are divided by in the table, and what that is called."""
    return "queries per victim", max(1, len(target.records))


def write(target: ReconstructedRecords, outcome: Outcome, folder: Path) -> None:
    """Keep the pictures of all evidence and those that were hidden."""
    present = {name: one for name, one in outcome.evidence.items() if one is not None}
    arrays = {_file_name(name): one.records.astype(np.float32) for name, one in present.items()}
    arrays["hidden"] = np.stack([one.pixels for one in outcome.payload])
    np.savez_compressed(folder / "evidence.npz", allow_pickle=False, **arrays)


def draw(target: ReconstructedRecords, outcome: Outcome, folder: Path) -> list[PageFigure]:
    """Draw the pictures side by side, accuracy against error, and the histogram of the weights."""
    evidence = {name: one for name, one in outcome.evidence.items() if one is not None}
    order = ["target", *outcome.variants, *outcome.controls]
    rows = {name: evidence[name].records[0] for name in order if name in evidence}
    metrics = outcome.scored.metrics
    made = {
        "pictures": (
            reconstruction_figures.picture_grid(outcome.payload[0].pixels, rows, metrics),
            "What was hidden, and what is decoded from each release; beside a row its accuracy and mean pixel error.",
        )
    }
    if any("accuracy" in one for one in metrics.values()):
        made["accuracy_vs_mape"] = (
            reconstruction_figures.accuracy_against_error(metrics),
            "Right and low is good for the attacker: an accurate model with a small pixel error. Crosses are 95 %.",
        )
    if target.weights is not None and (benign := evidence.get("benign")) is not None and benign.weights is not None:
        made["weights"] = (
            reconstruction_figures.weight_histogram(target.weights[0], benign.weights[0]),
            "All weights in matrices and kernels of the released model and of one that was trained honestly.",
        )
    return [
        PageFigure(name, caption, figures.save_png(figure, folder / f"{name}.png"))
        for name, (figure, caption) in made.items()
    ]


def cards(target: ReconstructedRecords, outcome: Outcome) -> list[MoleculeCard]:
    """Return nothing: no molecule was extracted."""
    return []


def gallery(target: ReconstructedRecords, outcome: Outcome) -> Gallery | None:
    """Return nothing: the pictures stand side by side in a figure."""
    return None


def _file_name(name: str) -> str:
    return name.replace(", ", "_").replace(" ", "_")
