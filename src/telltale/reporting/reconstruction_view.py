"""How reconstructed pictures are shown and kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from telltale.evidence import ReconstructedRecords
from telltale.reporting import reconstruction_figures
from telltale.reporting.drawing import drawn
from telltale.reporting.gallery import Gallery
from telltale.reporting.outcome import Outcome
from telltale.reporting.page import MoleculeCard, PageFigure
from telltale.reporting.summary import Reading


def reading(target: ReconstructedRecords) -> Reading:
    """Say what a person reads first."""
    victims, pictures = target.records.shape[:2]
    return Reading(
        headlines=["accuracy", "correlation", "mape", "minmax_mape", "ssim", "badly_encoded", "recognised"],
        sizes={"hidden pictures": pictures} | ({"models": victims} if victims > 1 else {}),
        resampled="pictures",
        brief=("accuracy", "mape", "recognised"),
        queries="queries per victim",
        shared_by=max(1, victims),
    )


def write(target: ReconstructedRecords, outcome: Outcome, folder: Path) -> None:
    """Keep the pictures of all evidence and those that were hidden."""
    arrays = {_file_name(name): guess.records.astype(np.float32) for name, guess in outcome.present.items()}
    arrays["hidden"] = np.stack([records.pixels for records in outcome.payload])
    np.savez_compressed(folder / "evidence.npz", allow_pickle=False, **arrays)


def draw(target: ReconstructedRecords, outcome: Outcome, folder: Path) -> list[PageFigure]:
    """Draw the pictures side by side, accuracy against error, and the histogram of the weights."""
    evidence = outcome.present
    decoded = {title: guess.records[0] for title, guess in outcome.titled(evidence).items()}
    metrics = outcome.titled(outcome.scored.metrics)
    made = {
        "pictures": (
            partial(reconstruction_figures.picture_grid, outcome.payload[0].pixels, decoded, metrics),
            "What was hidden, and what is decoded from each release; beside a row its accuracy and mean pixel error.",
        )
    }
    if any("accuracy" in estimates for estimates in metrics.values()):
        made["accuracy_vs_mape"] = (
            partial(reconstruction_figures.accuracy_against_error, metrics, outcome.attack),
            "Right and low is good for the attacker: an accurate model with a small pixel error. Crosses are 95 %.",
        )
    if target.weights is not None and (benign := evidence.get("benign")) is not None and benign.weights is not None:
        made["weights"] = (
            partial(reconstruction_figures.weight_histogram, target.weights[0], benign.weights[0]),
            "All weights in matrices and kernels of the released model and of one that was trained honestly.",
        )
    return drawn(made, folder, outcome.kept)


def cards(target: ReconstructedRecords, outcome: Outcome) -> list[MoleculeCard]:
    """Return nothing: no molecule was extracted."""
    return []


def gallery(target: ReconstructedRecords, outcome: Outcome) -> Gallery | None:
    """Return nothing: the pictures stand side by side in a figure."""
    return None


def _file_name(name: str) -> str:
    return name.replace(", ", "_").replace(" ", "_")
