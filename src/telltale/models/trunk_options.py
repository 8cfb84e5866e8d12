"""From what a model's options say of frozen trunks to the files of their weights, fetched where they say so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from telltale.checks import choice
from telltale.errors import InputError
from telltale.models.fetched_weights import FETCHED, fetched_weights
from telltale.models.pretrained import FAMILIES, LITE, FrozenTrunk


def trunk_of(options: Mapping[str, Any]) -> FrozenTrunk | None:
    """Return the trunk that a captioner's options name for its encoder, None where no weights are given.

    Raises InputError, too, where only another encoder has weights: trained and frozen encoders are not to be compared.
    """
    encoder, weights, trunk = options.get("encoder"), _of_each("weights", options), _of_each("trunk", options)
    with_weights = [kind for kind, file in weights.items() if file is not None]
    if not with_weights or encoder not in FAMILIES:
        return None
    name, file, trunks = trunk.get(encoder), weights.get(encoder), FAMILIES[encoder]
    choice(f"model.trunk.{encoder}", name, trunks)
    if file is None:
        other = with_weights[0]
        expected = f"weights of {name} as safetensors, as encoder={other} has its own; or null for every encoder"
        raise InputError(f"model.weights.{encoder}", "null", expected)
    return FrozenTrunk(str(name), file, options.get("side", 224), f"model.weights.{encoder}")


def at_hand(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's options with absolute paths of weights, for a process that may have another working folder.

    Weights that are `fetched` are downloaded into `downloads`, which is part of no key. Raises InputError where they
    cannot be had.
    """
    weights, trunk, downloads = _of_each("weights", options), _of_each("trunk", options), options.get("downloads")
    if isinstance(path := options.get("path"), str):  # of a folder with a model
        return {**options, "path": _absolute(str(Path(path).expanduser()))}
    if not weights:
        return dict(options)
    files = {
        name: None if file is None else _absolute(fetched(file, trunk.get(name), downloads, f"model.weights.{name}"))
        for name, file in weights.items()
    }
    return {**options, "weights": files, "downloads": None}


def fetched(file: Any, name: Any, downloads: Any, option: str) -> str:
    """Return the file that an option names, downloaded where it says `fetched`. Raises InputError where it fails."""
    if not isinstance(file, str):
        raise InputError(option, file, f"a safetensors file, null, or {FETCHED}")
    if file != FETCHED:
        return file
    if not isinstance(name, str) or name not in LITE:
        raise InputError(option, file, f"a safetensors file with weights of {name}; {', '.join(LITE)} can be fetched")
    if not isinstance(downloads, str):
        raise InputError(f"{option.partition('.')[0]}.downloads", downloads, "a folder for what is fetched")
    return fetched_weights(name, downloads, option)


def _of_each(field: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an option says of each encoder. Raises InputError where it says one thing of all."""
    value = options.get(field)
    if value is not None and not isinstance(value, Mapping):
        encoder = options.get("encoder")
        raise InputError(f"model.{field}", value, f"one for each encoder, as model.{field}.{encoder}={value}")
    return value or {}


def _absolute(file: str) -> str:
    return str(Path(file).absolute())
