"""LiRA's likelihood ratio for all victims at once: `gaussians`, with sums over shadows that panels share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from telltale.attacks.membership.gaussians import LEAST, Side, Sums, compared, deviations, sums_of
from telltale.attacks.membership.left_out import Additions, Arrays
from telltale.attacks.membership.panels import Panels

LARGEST = 2**18  # numbers that are held at once: of 16 sums a shadow, sides, points of a block and queries


class PanelMoments:
    """Moments of the shadows of each panel, block by block of points: the blocks follow from the game's size alone.

    online: of shadows with and without a point, else only of those without it.
    """

    def __init__(self, panels: Panels, online: bool) -> None:
        self.panels, self.additions = panels, Additions.of(len(panels.signals), panels.outs)
        members = panels.members
        self.sides = np.stack([members, ~members] if online else [~members], 1)  # (models, sides, points)
        models, sides, points = self.sides.shape
        width = max(1, LARGEST // (16 * models * sides * panels.signals[0].shape[-1]))
        self.blocks = [slice(start, start + width) for start in range(0, points, width)]

    def of(self, block: slice) -> list[Side]:
        """Return of each side what all panels have there: (panels, points of the block, queries)."""
        weight = self.sides[..., block, None].astype(np.float64)
        values = np.stack([signal[block] for signal in self.panels.signals])[:, None]
        mean = np.where(weight > 0, values, 0.0)
        number, mean, squares = self.additions.run((weight, mean, np.zeros_like(mean)), merged)
        known = number > 0
        mean, squares = (np.where(known, of, np.nan) for of in (mean, squares))
        return [Side(number[:, side], mean[:, side], squares[:, side]) for side in range(number.shape[1])]

    def sums(self) -> Sums:
        """Add up squared deviations and numbers of each side over all points."""
        totals = [sums_of(self.of(block)) for block in self.blocks]
        return [
            (np.sum([squares for squares, _ in side], 0), np.sum([number for _, number in side], 0))
            for side in zip(*totals, strict=True)
        ]

    def spread(self) -> np.ndarray:
        """Return the deviation of all φ of all points on the first side, of each panel, as `numpy.std`: (panels,)."""
        of_models = [
            _together(np.asarray(signal, np.float64)[side])
            for signal, side in zip(self.panels.signals, self.sides[:, 0], strict=True)
        ]
        number, _, squares = self.additions.run([np.array(column) for column in zip(*of_models, strict=True)], merged)
        return np.sqrt(squares / number) + LEAST


def ratios_of_panels(panels: Panels, online: bool, variance: str) -> np.ndarray:
    """Compare all targets with the Gaussians of their panels, about means; options as in `gaussians`.

    (targets, points).
    """
    moments = PanelMoments(panels, online)
    with np.errstate(invalid="ignore"):  # an infinite φ
        if variance == "released_fixed":
            return np.concatenate([*_blocks(moments, variance, fixed=moments.spread())], 1)
        if variance == "per_point":
            blocks = list(_blocks(moments, variance))
            if all(len(block) for block in blocks):
                return np.concatenate(blocks, 1)
        return np.concatenate([*_blocks(moments, variance, sums=moments.sums())], 1)


def _blocks(
    moments: PanelMoments, variance: str, sums: Sums | None = None, fixed: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield scores (targets, points of a block), and nothing more after an empty one: it asks for `sums`.

    That is where a point has a single shadow on some side, which has no deviation of its own.
    """
    panel_of, targets = moments.panels.panel_of, moments.panels.targets
    for block in moments.blocks:
        sides = moments.of(block)
        if fixed is not None:
            spreads = [fixed[:, None, None]] * len(sides)
        elif sums is None and any((side.number < 2).any() for side in sides):
            yield np.empty((0, 0))
            return
        else:
            spreads = deviations(sides, variance, sums)
        values = np.stack([target[block] for target in targets])
        chosen = [Side(side.number[panel_of], side.centre[panel_of], side.squares[panel_of]) for side in sides]
        yield compared(values, chosen, [spread[panel_of] for spread in spreads])


def merged(one: Arrays, other: Arrays) -> Arrays:
    """Merge numbers, means and squared deviations (Chan, Golub & LeVeque 1979): equal values keep a deviation of 0."""
    number = one[0] + other[0]
    share, apart = other[0] / np.maximum(number, 1), other[1] - one[1]
    squares = one[2] + other[2] + np.square(apart) * (one[0] * share)
    return number, one[1] + apart * share, squares


def _together(values: np.ndarray) -> tuple[float, float, float]:
    """Return number, mean and squared deviations of all values."""
    if not values.size:
        return 0.0, 0.0, 0.0
    mean = values.mean()
    return float(values.size), float(mean), float(np.square(values - mean).sum())
