"""What the meanings of a source look like: outlines, colours, textures, grounds and light, in the lexicon's order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telltale.data.captions.scenes import outlines
from telltale.data.captions.scenes.outlines import Outline


@dataclass(frozen=True)
class Ground:
    """A colour from 0 to 255, lighter towards below by `slope`, with waves (across, down, height) over it."""

    colour: tuple[int, int, int]
    slope: float
    waves: tuple[float, float, float]


@dataclass(frozen=True)
class Light:
    """What is left of each channel, in which a haze of its own takes so large a share."""

    gain: tuple[float, float, float]
    haze: float = 0.0


@dataclass(frozen=True)
class Texture:
    """Waves (across, down) a radius: spots where they cross, else stripes; what lies above `level` is marked."""

    across: float
    down: float
    crossing: bool
    level: float


@dataclass(frozen=True)
class Looks:
    """How a source's things are drawn; a texture of None is plain."""

    outlines: tuple[Outline, ...]
    colours: tuple[tuple[int, int, int], ...]
    textures: tuple[Texture | None, ...]
    grounds: tuple[Ground, ...]
    lights: tuple[Light, ...]

    @property
    def palette(self) -> np.ndarray:
        """Return the colours: (colours, 3) float32."""
        return np.array(self.colours, np.float32)


LOOKS = {
    "first": Looks(
        (outlines.circle, outlines.square, outlines.triangle, outlines.cross, outlines.ring, outlines.bar),
        (
            (215, 35, 40),
            (30, 150, 60),
            (40, 70, 215),
            (240, 215, 40),
            (135, 50, 180),
            (130, 75, 30),
            (25, 25, 30),
            (245, 125, 185),
        ),
        (None, Texture(0.0, 1.1, False, 0.0), Texture(0.7, 0.7, True, 0.3)),
        (
            Ground((175, 175, 175), 0, (3, 3, 14)),
            Ground((160, 205, 250), 40, (0, 0, 0)),
            Ground((240, 220, 170), 10, (0, 6, 10)),
            Ground((165, 215, 150), 0, (9, 0, 22)),
        ),
        (Light((1, 1, 1)), Light((0.5, 0.5, 0.62)), Light((1.05, 0.82, 0.58))),
    ),
    "second": Looks(
        (outlines.diamond, outlines.hexagon, outlines.crescent, outlines.star, outlines.flower, outlines.dome),
        (
            (0, 130, 130),
            (110, 15, 45),
            (175, 240, 30),
            (185, 160, 235),
            (255, 165, 125),
            (165, 145, 70),
            (165, 175, 185),
            (250, 250, 245),
        ),
        (None, Texture(1.0, 1.0, True, 0.0), Texture(0.9, 0.9, False, 0.0)),
        (
            Ground((45, 85, 135), 20, (2, 7, 16)),
            Ground((215, 225, 235), -20, (0, 0, 0)),
            Ground((150, 70, 55), 0, (5, 8, 20)),
            Ground((120, 85, 50), 0, (1, 9, 14)),
        ),
        (Light((1.0, 0.85, 0.6)), Light((1, 1, 1), 0.45), Light((0.65, 0.75, 1.05))),
    ),
}
