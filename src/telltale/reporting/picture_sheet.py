"""Pictures side by side, in labelled strips on one sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from telltale.reporting.figures import MISS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 12  # pictures of a strip that has the sheet's whole width


class Strip(NamedTuple):
    """Pictures in a row.

    label     of the row of the sheet; strips with one label share it
    pictures  (n, c, h, w), uint8 or in [0, 1]
    column    of the sheet in which the strip stands
    text      above the strip
    """

    label: str
    pictures: np.ndarray
    column: int = 0
    text: str = ""


def picture_rows(pictures: Mapping[str, np.ndarray], title: str) -> Figure:
    """Show pictures under each other: (pictures, c, h, w) each, uint8 or in [0, 1], by the name of their row."""
    units = {name: part / np.float32(255) if part.dtype == np.uint8 else part for name, part in pictures.items()}
    return sheet([Strip(name, part[:SHOWN]) for name, part in units.items()], title)


def sheet(strips: Sequence[Strip], title: str) -> Figure:
    """Lay strips out, one row a label."""
    drawn = [_side_by_side(strip.pictures) for strip in strips]
    labels = list(dict.fromkeys(strip.label for strip in strips))
    tall = drawn[0].shape[0]
    gap = max(2, round(0.4 * tall))
    wide = max(strip.column * (part.shape[1] + gap) + part.shape[1] for strip, part in zip(strips, drawn, strict=True))
    paper = np.ones((len(labels) * (tall + gap), wide, 3))
    figure, axes = new_figure(title, "", "", height=9.0 * len(paper) / wide + 0.8)
    figure.set_figwidth(9.0 + 1.8)
    for strip, part in zip(strips, drawn, strict=True):
        top, left = labels.index(strip.label) * (tall + gap) + gap, strip.column * (part.shape[1] + gap)
        paper[top : top + tall, left : left + part.shape[1]] = part
        axes.text(left, top - 0.12 * tall, strip.text, fontsize=6.5, color=MISS)
    axes.imshow(paper, interpolation="nearest", aspect="equal")
    axes.set_yticks([place * (tall + gap) + gap + tall / 2 for place in range(len(labels))], labels, fontsize=8)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def _side_by_side(pictures: np.ndarray) -> np.ndarray:
    """Lay pictures side by side as RGB in [0, 1]: (n, c, h, w) -> (h, n (w + 1), 3)."""
    scaled = pictures / 255 if pictures.dtype == np.uint8 else np.clip(pictures, 0, 1)
    colour = scaled if scaled.shape[1] == 3 else np.repeat(scaled[:, :1], 3, axis=1)
    padded = np.pad(colour, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=1.0)
    return np.concatenate(list(padded.transpose(0, 2, 3, 1)), axis=1)
