"""Growing that is a table: a molecule of two atoms, three motif sites, two steps; every optimum in closed form."""

from __future__ import annotations

import numpy as np

from telltale.attacks.molextract.policy.replay import Steps
from telltale.attacks.molextract.policy.views import Motifs, View

SITES, ENDS = 2, 3  # of the first molecule and of the motifs: 6 actions
FIRST, SECOND = 0, 1  # whose elements: of the start, and of what each action leads to


def view_of(elements: list[list[int]], steps_left: int, sites: list[list[bool]] | None = None) -> View:
    """Lay molecules out as chains of single bonds, of these elements."""
    sizes = np.array([len(atoms) for atoms in elements])
    ends = [pair for size in sizes for at in range(size - 1) for pair in ((at, at + 1), (at + 1, at))]
    flat, bonds = np.concatenate(elements), 2 * (sizes - 1)
    is_open = np.ones(len(flat), bool) if sites is None else np.concatenate(sites)
    return View(
        elements=flat,
        hydrogens=np.ones(len(flat), np.int64),
        sites=is_open,
        bonds=np.zeros(bonds.sum(), np.int64),
        ends=np.array(ends, np.int64).reshape(-1, 2).T,
        atom_offsets=np.cumsum([0, *sizes]),
        bond_offsets=np.cumsum([0, *bonds]),
        steps_left=np.full(len(sizes), steps_left),
    )


MOTIFS = Motifs.of(view_of([[7], [8, 9]], 0), np.arange(2))  # one site, and two
START = view_of([[5, 6]], 2)


def seconds() -> View:
    """Return what each of the six first actions leads to: a molecule of one atom, its element telling which."""
    return view_of([[20 + action] for action in range(SITES * ENDS)], 1)


def every_episode(first: np.ndarray, second: np.ndarray) -> Steps:
    """Return all 6 × 3 episodes; first (6,), second (6, 3): rewards of the two steps."""
    actions, ends = (grid.ravel() for grid in np.meshgrid(np.arange(SITES * ENDS), np.arange(ENDS), indexing="ij"))
    n, motif = len(actions), MOTIFS.motif
    before = View.concatenate([START.take(np.zeros(n, np.int64)), seconds().take(actions)])
    return Steps(
        before,
        site=np.concatenate([actions // ENDS, np.zeros(n, np.int64)]),
        motif=motif[np.concatenate([actions % ENDS, ends])],
        end=np.concatenate([actions % ENDS, ends]),
        after=np.concatenate([n + np.arange(n), np.full(n, -1)]),
        episode=np.tile(np.arange(n), 2),
        reward=np.concatenate([first[actions], second[actions, ends]]),
    )


def soft_optimum(first: np.ndarray, second: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Return π* of the first step (6,) and of the second (6, 3): ∝ exp(Q / τ), Q₁ = r₁ + τ log Σ exp(r₂ / τ)."""
    value = temperature * np.log(np.exp(second / temperature).sum(1))
    both = np.exp((first + value) / temperature), np.exp(second / temperature)
    return both[0] / both[0].sum(), both[1] / both[1].sum(1, keepdims=True)
