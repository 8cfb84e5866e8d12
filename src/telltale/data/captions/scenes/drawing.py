"""Draws scenes as pictures of any size, many at a time: plain arrays, each picture a function of its number alone."""

from __future__ import annotations

import numpy as np

from telltale.data.captions.scenes.draws import bell, uniform
from telltale.data.captions.scenes.facts import Facts
from telltale.data.captions.scenes.looks import LOOKS, Looks, Texture

PIXELS_AT_ONCE = 2**18
RADII = np.array([0.105, 0.19], np.float32)  # of small and large objects; a picture is 1 wide, a quarter of it 0.5
OFF = 0.035  # at most, of an object from the middle of its quarter, each way
LEANING = 0.25  # radians, at most
SHADES = 14.0  # at most, by which an object's and a ground's colour differs from what it is called
NOISE = 7.0  # standard deviation of each value, of 255


def pictures(source: str, facts: Facts, seed: int, numbers: np.ndarray, size: int) -> np.ndarray:
    """Draw each scene: (n, 3, size, size) uint8; all chance hangs on `seed` and their `numbers` (n,)."""
    drawn = np.empty((len(facts), 3, size, size), np.uint8)
    at_once = max(1, PIXELS_AT_ONCE // size**2)
    for start in range(0, len(facts), at_once):
        part = slice(start, start + at_once)
        drawn[part] = _draw(source, facts.take(part), seed, numbers[part], size)  # type: ignore[arg-type]
    return drawn


def _draw(source: str, facts: Facts, seed: int, numbers: np.ndarray, size: int) -> np.ndarray:
    looks = LOOKS[source]
    middle = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    chance = uniform(seed, f"{source}/ground drawn", numbers, 8).astype(np.float32)
    picture = _ground(looks, facts.ground, chance, middle)
    for place in range(facts.shape.shape[1]):
        rows = np.flatnonzero(facts.present[:, place])
        chance_of = uniform(seed, f"{source}/object {place} drawn", numbers[rows], 8).astype(np.float32)
        _put(picture, looks, facts, place, rows, chance_of, middle)
    lit = _lit(looks, facts.light, picture, chance[:, 7])
    noise = bell(seed, f"{source}/noise", numbers, 3 * size**2).reshape(lit.shape)
    return np.clip(lit + np.float32(NOISE) * noise + np.float32(0.5), 0, 255).astype(np.uint8)


def _ground(looks: Looks, ground: np.ndarray, chance: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Draw the grounds: (n, 3, size, size) float32, from 0 to 255."""
    kinds = looks.grounds
    colour = np.array([kind.colour for kind in kinds], np.float32)[ground] + SHADES * (2 * chance[:, :3] - 1)
    slope = np.array([kind.slope for kind in kinds], np.float32)[ground, None]
    across, down, height = np.array([kind.waves for kind in kinds], np.float32)[ground].T[:, :, None]
    turn = np.float32(2 * np.pi)
    shift = turn * chance[:, 3:5]
    columns = np.sin(turn * across * middle + shift[:, :1])
    rows = np.sin(turn * down * middle + shift[:, 1:])
    waves = height[..., None] * (
        columns[:, None, :] * (across > 0)[..., None] + rows[:, :, None] * (down > 0)[..., None]
    )
    return colour[:, :, None, None] + (waves + (slope * (middle - np.float32(0.5)))[:, :, None])[:, None]


def _put(
    picture: np.ndarray,
    looks: Looks,
    facts: Facts,
    place: int,
    rows: np.ndarray,
    chance: np.ndarray,
    middle: np.ndarray,
) -> None:
    """Draw one object of each of the pictures at `rows` into `picture`; edges are one pixel soft."""
    quarter, size = facts.quarter[rows, place], facts.size[rows, place]
    off = np.float32(2 * OFF) * (chance[:, :2] - np.float32(0.5))
    x = (np.float32(0.25) + np.float32(0.5) * (quarter % 2) + off[:, 0]).astype(np.float32)
    y = (np.float32(0.25) + np.float32(0.5) * (quarter // 2) + off[:, 1]).astype(np.float32)
    radius = RADII[size] * (np.float32(0.95) + np.float32(0.1) * chance[:, 2])
    lean = np.float32(2 * LEANING) * (chance[:, 3] - np.float32(0.5))
    right, below = (middle - x[:, None])[:, None, :], (middle - y[:, None])[:, :, None]
    cos, sin = (np.cos(lean) / radius)[:, None, None], (np.sin(lean) / radius)[:, None, None]
    u, v = right * cos + below * sin, below * cos - right * sin
    shape, texture = facts.shape[rows, place], facts.texture[rows, place]
    distance = np.empty_like(u)
    for kind in np.unique(shape):
        of = shape == kind
        distance[of] = looks.outlines[kind](u[of], v[of])
    cover = np.clip(np.float32(0.5) - distance * (radius * len(middle))[:, None, None], 0, 1)
    colour = looks.palette[facts.colour[rows, place]] + np.float32(SHADES) * (2 * chance[:, 4:7] - 1)
    marked = np.zeros_like(u)
    for kind in np.unique(texture):
        if (look := looks.textures[kind]) is not None:
            of = texture == kind
            marked[of] = _marks(u[of], v[of], look)
    bright = colour.mean(1)[:, None]
    mark = np.where(bright > 110, colour * np.float32(0.35), colour + np.float32(0.65) * (255 - colour))
    painted = colour[:, :, None, None] + marked[:, None] * (mark - colour)[:, :, None, None]
    before = picture[rows]
    picture[rows] = before + cover[:, None] * (painted - before)


def _marks(u: np.ndarray, v: np.ndarray, texture: Texture) -> np.ndarray:
    """Say how far a texture darkens or lightens each place, from 0 to 1."""
    turn = np.float32(2 * np.pi)
    across, down = turn * np.float32(texture.across) * u, turn * np.float32(texture.down) * v
    height = np.cos(across) * np.cos(down) if texture.crossing else np.sin(across + down)
    return np.asarray(np.clip(np.float32(0.5) + 3 * (height - np.float32(texture.level)), 0, 1))


def _lit(looks: Looks, light: np.ndarray, picture: np.ndarray, chance: np.ndarray) -> np.ndarray:
    gain = np.array([kind.gain for kind in looks.lights], np.float32)[light]
    gain = gain * (np.float32(0.95) + np.float32(0.1) * chance[:, None])
    haze = np.array([kind.haze for kind in looks.lights], np.float32)[light][:, None, None, None]
    return (picture * (1 - haze) + np.float32(215) * haze) * gain[:, :, None, None]
