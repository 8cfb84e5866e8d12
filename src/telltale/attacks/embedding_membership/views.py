"""Views of a record, slightly changed copies that an encoder is asked for, and its parts.

They derive from a seed and the record, never from a model: every encoder is asked for the same ones.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

import numpy as np
import torch

from telltale.attacks.embedding_membership.subgraphs import (
    GraphRecords,
    Sides,
    cut_single_bonds,
    grown_subgraphs,
    induced,
    owners,
)
from telltale.data.captions.records import CaptionedImages
from telltale.data.images.records import ImageRecords
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.records import Records
from telltale.training.counter_random import record_keys, uniform

SHIFT = 0.1  # of a picture's side


@singledispatch
def views_of(records: Records, number: int, share: float, seed: int) -> Records:
    """Return `number` views of each record, those of one record side by side: (records · number) records.

    Molecules: connected subgraphs on `share` of the atoms. Pictures: shifted by up to a tenth, zeros coming in,
    and mirrored or not; `share` says nothing there.
    """
    raise TypeError(f"no views of {type(records).__name__}")


@views_of.register
def _(records: MoleculeRecords, number: int, share: float, seed: int) -> GraphRecords:
    graphs = records.arrays().take(np.repeat(np.arange(len(records)), number))
    owner, place = owners(graphs)
    draws = _uniform(_keys(records, number, seed)[owner], "subgraph", place)
    return GraphRecords(induced(graphs, grown_subgraphs(graphs, share, draws)), "subgraphs of molecules")


@views_of.register
def _(records: ImageRecords, number: int, share: float, seed: int) -> ImageRecords:
    copies = records.take(np.repeat(np.arange(len(records)), number))
    return replace(copies, pixels=_moved(copies.pixels, _keys(records, number, seed)))


@views_of.register
def _(records: CaptionedImages, number: int, share: float, seed: int) -> CaptionedImages:
    copies = records.take(np.repeat(np.arange(len(records)), number))
    return replace(copies, images=_moved(copies.images, _keys(records, number, seed)))


@singledispatch
def sides_of(records: Records, most: int, seed: int) -> Sides | None:
    """Cut each record in two at up to `most` places; None where the kind of data has no parts."""
    return None


@sides_of.register
def _(records: MoleculeRecords, most: int, seed: int) -> Sides:
    graphs = records.arrays()
    bonds = np.diff(graphs.bond_offsets) // 2
    owner = np.repeat(np.arange(len(graphs)), bonds)
    place = np.arange(len(owner)) - graphs.bond_offsets[owner] // 2
    return cut_single_bonds(graphs, most, _uniform(_keys(records, 1, seed)[owner], "cut", place))


def _moved(pixels: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Mirror or not, and move by up to a tenth, each picture (n, channels, height, width) by its key (n,)."""
    pixels = np.where(_uniform(keys, "mirror")[:, None, None, None] < 0.5, pixels[..., ::-1], pixels)
    for axis in (2, 3):
        most = max(1, int(SHIFT * pixels.shape[axis]))
        by = np.floor(_uniform(keys, f"shift {axis}") * (2 * most + 1)).astype(int) - most
        pixels = shifted(pixels, by, axis)
    return pixels


def shifted(pixels: np.ndarray, by: np.ndarray, axis: int) -> np.ndarray:
    """Move each picture of (n, channels, height, width) by `by` (n,) pixels along an axis; zeros come in."""
    size = pixels.shape[axis]
    source = np.arange(size) - by[:, None]
    inside = (source >= 0) & (source < size)
    shape = (len(pixels), 1, size, 1) if axis == 2 else (len(pixels), 1, 1, size)
    taken = np.take_along_axis(pixels, source.clip(0, size - 1).reshape(shape), axis)
    return taken * inside.reshape(shape).astype(pixels.dtype)


def _keys(records: Records, number: int, seed: int) -> np.ndarray:
    """Number every view by its record, its place and the seed: (records · number,) int64."""
    fingerprints = records.fingerprints()
    return np.stack([record_keys(fingerprints, seed, view) for view in range(number)], 1).ravel()


def _uniform(keys: np.ndarray, role: str, counters: np.ndarray | int = 0) -> np.ndarray:
    counted = torch.from_numpy(counters) if isinstance(counters, np.ndarray) else counters
    return uniform(torch.from_numpy(keys), role, counted).double().numpy()
