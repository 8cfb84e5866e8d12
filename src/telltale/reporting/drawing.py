"""Figures of a run, drawn once: a picture is found again by a digest of all that it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from telltale.data.kept import NOWHERE, Kept, content_digest
from telltale.evaluation.estimate import Estimate
from telltale.evaluation.score import Scored
from telltale.reporting.figures import save_png
from telltale.reporting.page import PageFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "pictures"  # of entries in the store
PACKAGES = ("matplotlib", "pillow")
CODE = (__name__, "telltale.reporting.figures", "telltale.reporting.picture_sheet")  # beside the figure's own module


def drawn(made: Mapping[str, tuple[partial[Figure], str]], folder: Path, kept: Kept = NOWHERE) -> list[PageFigure]:
    """Draw figures into a folder, or take them over from an earlier run; made: name -> what draws it, and caption.

    By matplotlib's own settings, whatever a matplotlibrc or the caller's program has made of them.
    """
    return [
        PageFigure(name, caption, _written(figure, folder / f"{name}.png", kept))
        for name, (figure, caption) in made.items()
    ]


def estimates_of(metric: str, scored: Scored) -> dict[str, Estimate]:
    """Return one metric of all evidence that has it, by name."""
    return {name: metrics[metric] for name, metrics in scored.metrics.items() if metric in metrics}


def _written(figure: partial[Figure], file: Path, kept: Kept) -> Path:
    name = f"{figure.func.__module__}.{figure.func.__qualname__}"
    document = {
        **{"figure": name, "shows": digest_of([figure.args, figure.keywords])},
        **{package: version(package) for package in PACKAGES},
    }

    def make() -> dict[str, np.ndarray]:
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            return {"png": np.frombuffer(save_png(figure(), file).read_bytes(), np.uint8)}

    found = kept.arrays(KIND, document, make, figure.func.__module__, *CODE)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(found["png"].tobytes())
    return file


def digest_of(value: Any) -> str:
    """Name nested values by what they hold: mappings in their order, dataclasses, sequences, arrays, plain values.

    Raises TypeError for anything else.

    >>> digest_of({"a": 1.0, "b": [True]}) == digest_of({"b": [True], "a": 1.0})
    False
    """
    return content_digest([json.dumps(_plain(value))])


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.init}
    if isinstance(value, np.ndarray):
        return {"array": content_digest(value)}
    if isinstance(value, np.generic):
        return {value.dtype.str: value.item()}
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(item)] for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
