"""Outlines of shapes as signed distances: below 0 inside, in units of the shape's radius (after Quílez, roughly)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Outline = Callable[[np.ndarray, np.ndarray], np.ndarray]  # u to the right, v downwards, (n, size, size) each


def circle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill the circle of radius 1."""
    return np.sqrt(u * u + v * v) - 1


def square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill a square, a little smaller so that its corners stay near."""
    return np.maximum(np.abs(u), np.abs(v)) - np.float32(0.85)


def triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill a triangle on its side."""
    return np.maximum(v - np.float32(0.75), np.float32(0.87) * np.abs(u) - np.float32(0.5) * v - np.float32(0.5))


def cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill two beams across each other."""
    u, v = np.abs(u), np.abs(v)
    return np.minimum(np.maximum(u - 1, v - np.float32(0.32)), np.maximum(v - 1, u - np.float32(0.32)))


def ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill what lies between two circles."""
    return np.abs(np.sqrt(u * u + v * v) - np.float32(0.72)) - np.float32(0.28)


def bar(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill one beam across."""
    return np.maximum(np.abs(u) - 1, np.abs(v) - np.float32(0.36))


def diamond(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill a square on its corner."""
    return (np.abs(u) + np.abs(v) - 1) * np.float32(0.71)


def hexagon(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill six equal sides."""
    u, v = np.abs(u), np.abs(v)
    return np.maximum(v, np.float32(0.87) * u + np.float32(0.5) * v) - np.float32(0.9)


def crescent(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill a circle without another one to its right."""
    other = np.sqrt((u - np.float32(0.55)) ** 2 + v * v) - np.float32(0.85)
    return np.maximum(circle(u, v), -other)


def star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill five spikes."""
    angle = np.arctan2(u, -v)
    fifth = np.float32(2 * np.pi / 5)
    within = np.abs(angle - fifth * np.round(angle / fifth))
    return (np.sqrt(u * u + v * v) - 1 + np.float32(0.95) * within) * np.float32(0.6)


def flower(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill three petals."""
    radius = np.float32(0.7) + np.float32(0.3) * np.cos(3 * np.arctan2(u, -v))
    return (np.sqrt(u * u + v * v) - radius) * np.float32(0.8)


def dome(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fill the upper half of a circle, moved to the middle."""
    return np.maximum(np.sqrt(u * u + (v - np.float32(0.5)) ** 2) - 1, v - np.float32(0.5))
