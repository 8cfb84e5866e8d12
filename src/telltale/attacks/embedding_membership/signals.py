"""Signals of membership in embeddings: pure functions over arrays, and the questions behind them.

One column of each family is the signal by its name, the others are for logistic regression over all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from telltale.attacks.embedding_membership.subgraphs import Sides
from telltale.attacks.embedding_membership.views import sides_of, views_of
from telltale.attacks.molextract.scoring import Parts, part_whole_score
from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.owner.release import Release

FAMILIES = ("norm", "views", "part_whole")
SIGNALS = (*FAMILIES, "logistic")
SMALLEST = 1e-12  # distance, so that its logarithm is a number


@dataclass(frozen=True, eq=False)
class Probes:
    """What every encoder is asked for: challenge points, their views and parts, auxiliary records for the centre."""

    challenge: Records
    auxiliary: Records
    views: int
    share: float
    cuts: int
    seed: int

    @cached_property
    def view_records(self) -> Records:
        """Return the views, (points · views) records."""
        return views_of(self.challenge, self.views, self.share, derive(self.seed, "views"))

    @cached_property
    def sides(self) -> Sides | None:
        """Return the sides of cuts, None for data without parts and where no molecule has a bond to cut."""
        sides = sides_of(self.challenge, self.cuts, derive(self.seed, "cuts"))
        return sides if sides is not None and len(sides.molecule) else None

    @property
    def uncut(self) -> int:
        """Count the challenge points without a cut."""
        return len(self.challenge) - (0 if self.sides is None else len(np.unique(self.sides.molecule)))


def measure(release: Release, probes: Probes, signal: str) -> np.ndarray:
    """Ask an encoder what `signal` needs and no more: (points, 1), or all columns for `logistic`."""
    points, auxiliary = (release.embeddings(part).astype(float) for part in (probes.challenge, probes.auxiliary))
    families = FAMILIES if signal == "logistic" else (signal,)
    columns = [columns_of(release, probes, family, points, auxiliary) for family in families]
    return joined(columns, signal)


def columns_of(release: Release, probes: Probes, family: str, points: np.ndarray, auxiliary: np.ndarray) -> np.ndarray:
    """Ask for what a family needs beside the embeddings of points and auxiliary records: (points, its columns)."""
    if family == "norm":
        return norm_signals(points, auxiliary)
    if family == "views":
        views = release.embeddings(probes.view_records).astype(float)
        return view_signals(points, views.reshape(len(points), probes.views, -1), auxiliary)
    if probes.sides is None:
        return np.zeros((len(points), 0))
    parts = release.embeddings(probes.sides.parts).astype(float)
    return part_whole_signals(points, parts, probes.sides, auxiliary)


def joined(columns: Sequence[np.ndarray], signal: str) -> np.ndarray:
    """Put families (points, …) side by side for `logistic`; of one family alone, its first column."""
    return np.concatenate(columns if signal == "logistic" else [columns[0][:, :1]], 1)


def norm_signals(points: np.ndarray, auxiliary: np.ndarray) -> np.ndarray:
    """Log distance from the auxiliary mean: as it is, and with coordinates in units of their auxiliary spread.

    points: (points, width), auxiliary: (records, width); returns (points, 2). Encoders differ in scale, and more so
    the farther out a point lies: in logarithms a calibrated distance is its ratio to the usual one.
    """
    centre, spread = auxiliary.mean(0), auxiliary.std(0)
    spread = np.where(spread > 0, spread, 1)
    return np.stack([_log(np.linalg.norm((points - centre) / scale, axis=1)) for scale in (1, spread)], 1)


def view_signals(points: np.ndarray, views: np.ndarray, auxiliary: np.ndarray) -> np.ndarray:
    """Centred cosine between a record and its views (after EncoderMI, Liu et al. 2021), and kin.

    points: (points, width), views: (points, views, width); centre = auxiliary mean. Returns (points, 8): mean,
    least, largest, spread of the cosine; mean cosine between views; log mean distance to a view; spread of that
    distance by its mean; log mean distance of views from the centre.
    """
    centre = auxiliary.mean(0)
    points, views = points - centre, views - centre
    cosines = (_directions(views) * _directions(points)[:, None]).sum(2)
    number = views.shape[1]
    together = (_directions(views).sum(1) ** 2).sum(1)  # all pairs, each view with itself too
    between = (together - number) / (number * (number - 1)) if number > 1 else cosines.mean(1)
    distances, lengths = np.linalg.norm(views - points[:, None], axis=2), np.linalg.norm(views, axis=2)
    spread = np.divide(distances.std(1), distances.mean(1), out=np.zeros(len(points)), where=distances.any(1))
    kin = [between, _log(distances.mean(1)), spread, _log(lengths.mean(1))]
    return np.stack([cosines.mean(1), cosines.min(1), cosines.max(1), cosines.std(1), *kin], 1)


def part_whole_signals(points: np.ndarray, parts: np.ndarray, sides: Sides, auxiliary: np.ndarray) -> np.ndarray:
    """Size-weighted part–whole cosine over cuts: Eq. (1) of Huang et al. 2024 with α = ½, raw and centred.

    points: (points, width), parts: (parts, width). Returns (points, 8): mean, least, largest, spread over a
    molecule's cuts, of the cosine and of that about the auxiliary mean; a molecule without a cut gets the medians.
    """
    sizes, columns = sides.sizes, []
    for centre in (np.zeros(points.shape[1]), auxiliary.mean(0)):
        whole, part = points - centre, parts - centre
        scores = part_whole_score(
            Parts(
                part[sides.first], part[sides.second], whole[sides.molecule], sizes[sides.first], sizes[sides.second]
            ),
            alpha=0.5,
            size_weighted=True,
        )
        columns.append(spread_over_groups(scores, sides.molecule, len(points)))
    return np.concatenate(columns, 1)


def spread_over_groups(values: np.ndarray, group: np.ndarray, number: int) -> np.ndarray:
    """Return mean, least, largest and standard deviation by group: (values,) -> (number, 4).

    group: (values,) ascending; an empty group gets the medians of the others, zeros if there is none.
    """
    described = np.zeros((number, 4))
    present, starts, counts = np.unique(group, return_index=True, return_counts=True)
    if not len(present):
        return described
    mean, square = (np.add.reduceat(part, starts) / counts for part in (values, values**2))
    least, largest = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    rows = np.stack([mean, least, largest, np.sqrt(np.maximum(square - mean**2, 0))], 1)
    described[:] = np.median(rows, 0)
    described[present] = rows
    return described


def _log(distances: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(distances, SMALLEST))


def _directions(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
