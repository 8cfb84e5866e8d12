"""Small dual encoders that tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from telltale.store.store import Store
from tests.owned import Owned
from tests.training.captions import model_of
from tests.training.small import CPU


def dual_of(**options: Any) -> dict[str, Any]:
    small = {key: value for key, value in model_of().items() if key not in ("_target_", "hidden")}
    sizes = {"width": 8, "layers": 1, "heads": 2, "hidden": 16}
    return {"_target_": "telltale.models.dual_encoder.DualEncoder", **small, **sizes, **options}


def contrast_of(**options: Any) -> dict[str, Any]:
    small = {"epochs": 2, "batch_size": 6, "learning_rate": 0.01}
    return {"_target_": "telltale.objectives.caption_contrast.CaptionContrast", **small, **options}


def paired(folder: Path, model: dict[str, Any] | None = None, defenses: Any = (), **options: Any) -> Owned:
    return Owned.of(model or dual_of(), contrast_of(**options), CPU, Store(folder), defenses=tuple(defenses))
