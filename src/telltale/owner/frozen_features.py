"""What a frozen trunk makes of pictures: computed once for each picture, kept in the store, fed to all models.

Whoever trains, fits statistics or answers on pictures takes `as_model_input` in place of the records: a model
then has no trunk inside, and only its head and what follows is trained, alone as in a fleet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from telltale.data.captions.records import CaptionedImages
from telltale.data.digests import first_of_each
from telltale.data.records import input_digests
from telltale.errors import InputError
from telltale.models.pretrained import FrozenTrunk
from telltale.models.trunk_options import trunk_of
from telltale.owner.recipe import Recipe
from telltale.progress import track
from telltale.store.sources import source_digest
from telltale.store.store import Store, key_of, write_array
from telltale.training.batches import make_batch

KIND, DIGESTS, FEATURES = "features", "digests.npy", "features.npy"  # of the store, and the files of an entry
SHARD = 256  # pictures of one entry of the store: what an interrupted run loses at most
AT_ONCE = 4  # pictures in the trunk at a time on a processor: 32 leave its cache and take twice as long
ON_A_GPU = 32


@dataclass(frozen=True, eq=False)
class SeenPictures(CaptionedImages):
    """Captioned pictures of which a model is fed `features` (n, width), what a trunk makes of each; else as before."""

    features: np.ndarray = field(kw_only=True)

    def take(self, rows: np.ndarray) -> Self:
        """Return the pictures at `rows`, with their features."""
        return replace(super().take(rows), features=self.features[rows])


@make_batch.register
def _(arrays: SeenPictures, rows: np.ndarray, keys: np.ndarray | None = None) -> Tensor:
    return torch.from_numpy(arrays.features[rows])


def with_features(records: Any, trunk: FrozenTrunk | None, store: Store, device: str) -> Any:
    """Return captioned pictures with the trunk's features: from the store, where any run has computed them.

    Without a trunk, the records as they are. Raises InputError for weights whose features are not finite.
    """
    if trunk is None:
        return records
    digests = input_digests(records)
    document = {**trunk.document(), "device": device, "sources": source_digest([f"{__name__}.with_features"])}
    known = _known(store, document)
    if not known.keys() >= set(digests.tolist()):
        with store.workshop(f"{KIND}-{key_of(document)}"):
            known = _known(store, document)  # another job may just have computed some
            rows = np.array([row for row in first_of_each(digests) if digests[row] not in known], int)
            _compute(records, rows, trunk, store, document)
            known = _known(store, document)
    shown = {field.name: getattr(records, field.name) for field in fields(CaptionedImages) if field.init}
    return SeenPictures(**shown, features=_gathered(digests, known, trunk.width))


def as_model_input(recipe: Recipe, store: Store, records: Any) -> Any:
    """Return records as a recipe's model takes them: with what its frozen trunk, if it has one, makes of pictures."""
    return with_features(records, trunk_of(recipe.model), store, recipe.trainer.device_type)


def _compute(records: Any, rows: np.ndarray, trunk: FrozenTrunk, store: Store, document: Mapping[str, Any]) -> None:
    """Put the features of the records at `rows` into the store, a shard an entry."""
    network, at_once = trunk.network().to(document["device"]), AT_ONCE if document["device"] == "cpu" else ON_A_GPU
    shards = [rows[start : start + SHARD] for start in range(0, len(rows), SHARD)]
    for shard in track(shards, f"features of {trunk.name}: pictures", len(rows), SHARD):
        parts = np.split(shard, range(at_once, len(shard), at_once))
        features = np.concatenate([_features(records, part, trunk, network, document["device"]) for part in parts])
        if not np.isfinite(features).all():
            raise InputError(trunk.option, trunk.file, f"its features are not finite: no trained {trunk.name}")
        digests = input_digests(records.take(shard))
        named = {**document, "pictures": blake2b(digests.tobytes(), digest_size=16).hexdigest()}
        store.add(KIND, named, partial(_write, digests=digests, features=features))


def _write(entry: Path, digests: np.ndarray, features: np.ndarray) -> None:
    write_array(entry / DIGESTS, digests)
    write_array(entry / FEATURES, features)


@torch.no_grad()
def _features(records: Any, rows: np.ndarray, trunk: FrozenTrunk, network: Any, device: str) -> np.ndarray:
    pictures = make_batch(records.arrays(), rows).to(device)
    values: np.ndarray = network(trunk.prepared(pictures)).cpu().numpy()
    return values


def _known(store: Store, document: Mapping[str, Any]) -> dict[bytes, tuple[Path, int]]:
    """Find the pictures whose features are there: digest -> file and row."""
    found: dict[bytes, tuple[Path, int]] = {}
    for folder, there in store.entries(KIND):
        if document.items() <= there.items() and store.sound(folder):
            digests = np.load(folder / DIGESTS, allow_pickle=False)
            found |= {digest: (folder / FEATURES, row) for row, digest in enumerate(digests.tolist())}
    return found


def _gathered(digests: np.ndarray, known: Mapping[bytes, tuple[Path, int]], width: int) -> np.ndarray:
    """Read the features of pictures: (records, width) float32."""
    values = np.empty((len(digests), width), np.float32)
    places: dict[Path, list[tuple[int, int]]] = {}
    for place, digest in enumerate(digests.tolist()):
        file, row = known[digest]
        places.setdefault(file, []).append((place, row))
    for file, pairs in places.items():
        own, rows = np.array(pairs).T
        values[own] = np.load(file, mmap_mode="r", allow_pickle=False)[rows]
    return values
