"""LiRA's likelihood ratio for all victims at once: `gaussians`, with the moments of each panel by `left_out`."""

from __future__ import annotations

from functools import reduce

import numpy as np

from telltale.attacks.membership.gaussians import LEAST, Side, Sums, compared, deviations, sums_of
from telltale.attacks.membership.left_out import Moments, left_out
from telltale.attacks.membership.panels import Panels

LARGEST = 2**18  # numbers of one kind that are held at once: groups x points of a block x queries


def ratios_of_panels(
    panels: Panels, targets: list[np.ndarray], online: bool, variance: str
) -> tuple[np.ndarray, np.ndarray]:
    """Compare victims and pseudo-targets with the Gaussians of their panels, about means; options as in `gaussians`.

    targets: φ of each victim, (points, queries). Victims' (victims, points) and pseudo-targets' (panels,
    pseudo-targets, points) scores.
    """
    points, queries = panels.signals.shape[1:]
    sides = np.stack([panels.members, ~panels.members] if online else [~panels.members])
    width = max(1, LARGEST // (len(panels.groups) * queries))
    blocks = [slice(start, start + width) for start in range(0, points, width)]
    sums = _sums(panels, sides, blocks) if _shared(panels, sides, variance) else [None] * len(panels.outs)
    spreads = _released(panels, sides[0]) if variance == "released_fixed" else None
    scores, pseudo = np.empty((len(targets), points)), np.empty((*panels.taking.shape, points))
    for block in blocks:
        for place, moments in left_out(_parts(panels, sides, block), panels.outs, Moments.merge):
            of, (panel, shadow) = _sides(moments), panels.judged(place)
            spread = deviations(of, variance, sums[place]) if spreads is None else [spreads[place]] * len(of)
            if shadow >= 0:
                target = panels.signals[panels.taking[panel, shadow], block]
                pseudo[panel, shadow, block] = compared(target, of, spread)
                continue
            for victim in panels.victims[panel]:
                scores[victim, block] = compared(targets[victim][block], of, spread)
    return scores, pseudo


def _parts(panels: Panels, sides: np.ndarray, block: slice) -> list[Moments]:
    """Return the moments of each group, of some points: (sides, points, queries)."""
    weights = sides[:, :, block, None].astype(np.float64)
    return [
        reduce(Moments.merge, (Moments.of_values(panels.signals[model, block], weights[:, model]) for model in group))
        for group in panels.groups
    ]


def _sides(moments: Moments) -> list[Side]:
    known = moments.number > 0
    mean, squares = (np.where(known, of, np.nan) for of in (moments.mean, moments.squares))
    return [Side(*of) for of in zip(moments.number, mean, squares, strict=True)]


def _shared(panels: Panels, sides: np.ndarray, variance: str) -> bool:
    """Tell whether a variance over all points is needed: of all, or where a panel has a single model on some side."""
    if variance != "per_point":
        return variance != "released_fixed"
    of_groups = np.stack([sides[:, group].sum(1) for group in panels.groups])
    return bool((of_groups.sum(0) - 2 * of_groups.max(0)).min() < 2)  # at most two groups are left out


def _sums(panels: Panels, sides: np.ndarray, blocks: list[slice]) -> list[Sums | None]:
    """Return of each place in `outs` squared deviations and numbers over all points."""
    found: list[Sums | None] = [None] * len(panels.outs)
    for block in blocks:
        for place, moments in left_out(_parts(panels, sides, block), panels.outs, Moments.merge):
            added, before = sums_of(_sides(moments)), found[place]
            if before is not None:
                added = [(one + two, many + more) for (one, many), (two, more) in zip(before, added, strict=True)]
            found[place] = added
    return found


def _released(panels: Panels, side: np.ndarray) -> list[np.ndarray]:
    """Return of each place in `outs` the deviation of all φ on one side (models, points), as `numpy.std` has it."""
    of_models = [
        Moments.over_points(np.asarray(values, np.float64), inside)
        for values, inside in zip(panels.signals, side, strict=True)
    ]
    parts = [reduce(Moments.merge, (of_models[model] for model in group)) for group in panels.groups]
    found = [np.asarray(np.nan)] * len(panels.outs)
    for place, moments in left_out(parts, panels.outs, Moments.merge):
        found[place] = np.sqrt(moments.squares / moments.number) + LEAST
    return found
