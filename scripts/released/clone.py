"""Released models as their repository has them, ADMET/…/TASK/TASK.ckpt beside its tables, put into our layout.

A checkpoint is a pickle of more than tensors. It is read by PyTorch's reader of weights alone, with an empty class in
the place of each class that it names: nothing of it is run. Which of a model's tables it was trained on the checkpoint
itself says: it keeps mean and scale of its training targets, and those of the default split of one table are these
(where two tables have the same targets, of the one that is not curated).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rdkit import Chem, rdBase
from safetensors.torch import save_file
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from scripts.released.tables import split
from telltale.errors import InputError
from telltale.models.released.architectures import architecture
from telltale.progress import track

MODELS = "ADMET"  # the folder of a clone that has them
MEAN, SCALE = "predictor.output_transform.mean", "predictor.output_transform.scale"
NEAR = 1e-6  # in scales of the target, within which the training rows have a checkpoint's mean and scale
DICTIONARY = "lightning.fabric.utilities.data.AttributeDict"


class Inert:
    """What stands for each object of a checkpoint that is no tensor: it takes all that is said of it and is nothing."""

    def __new__(cls, *said: Any, **more: Any) -> Inert:
        """Take any arguments."""
        return super().__new__(cls)

    def __init__(self, *said: Any, **more: Any) -> None:
        """Keep none of them."""

    def __setstate__(self, state: Any) -> None:
        """Keep no state."""


@dataclass(frozen=True)
class Checkpoint:
    """A state dict, and for how many epochs it was trained."""

    weights: dict[str, torch.Tensor]
    epochs: int

    @property
    def scaler(self) -> np.ndarray | None:
        """Mean and scale of the training targets, (2,); None: it has no real target."""
        return np.array([self.weights[name].item() for name in (MEAN, SCALE)]) if MEAN in self.weights else None


def is_clone(folder: Path) -> bool:
    """Whether a folder is a clone of the models' repository."""
    return (folder / MODELS).is_dir()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a Lightning checkpoint's tensors. Raises InputError where there are none to be had."""
    try:
        named = get_unsafe_globals_in_checkpoint(path)
        with safe_globals([(dict if name == DICTIONARY else Inert, name) for name in named]):
            kept = torch.load(path, map_location="cpu", weights_only=True)
        weights = {str(name): tensor.contiguous() for name, tensor in kept["state_dict"].items()}
        return Checkpoint(weights, int(kept["epoch"]) + 1)
    except Exception as error:  # a damaged file may fail anywhere in the reader
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        why = next((line for line in lines if "GLOBAL" in line), lines[0])
        raise InputError("--folder", path, f"cannot be read as a checkpoint ({why}); is the clone whole?") from None


def laid_out(clone: Path, place: Path, fresh: bool = False) -> Path:
    """Write each model of real values in a clone as a folder below `place`: table, weights, facts. Returns `place`.

    What is there already stays as it is, unless `fresh`. Raises InputError for a clone without such a model.
    """
    found = [path for path in sorted((clone / MODELS).glob("*/*/*.ckpt")) if path.stem == path.parent.name]
    there = [path for path in found if not fresh and (place / path.stem / "model.json").is_file()]
    made = [path for path in track([path for path in found if path not in there], "models") if _lay_out(path, place)]
    if not there + made:
        raise InputError("--folder", clone, f"expected {MODELS}/*/TASK/TASK.ckpt of real values beside its table")
    return place


def _lay_out(path: Path, place: Path) -> bool:
    """Write one model's folder; whether it is of real values, and one of its tables is the one it was trained on."""
    import pandas as pd

    checkpoint = read_checkpoint(path)
    scaler = checkpoint.scaler
    if scaler is None:
        return False
    for file in _tables_beside(path):
        table = pd.read_csv(file)
        role = split(len(table), 0)
        train = table["Y"].to_numpy(float)[role == "train"]
        if np.abs(np.array([train.mean(), train.std()]) - scaler).max() > NEAR * scaler[1]:
            continue
        readable = np.array([_readable(text) for text in table["Drug"]])
        smiles = table["Drug"][readable].tolist()
        facts = {
            "task": path.stem,
            "epochs": checkpoint.epochs,
            "target_mean": float(scaler[0]),
            "target_scale": float(scaler[1]),
            "checkpoint": path.name,
            "table": file.name,
        }
        folder = place / path.stem
        folder.mkdir(parents=True, exist_ok=True)
        columns = {
            "smiles": smiles,
            "y": table["Y"][readable].tolist(),
            "role": role[readable],
            "prediction": predicted(checkpoint, smiles),
        }
        pd.DataFrame(columns).to_csv(folder / "table.csv.gz", index=False)
        save_file(checkpoint.weights, folder / "weights.safetensors")
        (folder / "model.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")  # last: the rest is there
        return True
    return False


def _tables_beside(path: Path) -> Iterator[Path]:
    for name in (f"{path.stem}.csv", f"{path.stem}_curated.csv"):
        if (path.parent / name).is_file():
            yield path.parent / name


def _readable(text: str) -> bool:
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(text) is not None


def predicted(checkpoint: Checkpoint, smiles: list[str], batch: int = 256) -> np.ndarray:
    """Return what a model of chemprop's answers: (n,)."""
    kind = architecture("chemprop")
    state = kind.renamed(checkpoint.weights)
    network = kind.build(**kind.options(state)).eval()
    network.load_state_dict(state)
    with torch.inference_mode():
        parts = [network(kind.prepare(smiles[row : row + batch])).flatten() for row in range(0, len(smiles), batch)]
    return torch.cat(parts).numpy().astype(float)
