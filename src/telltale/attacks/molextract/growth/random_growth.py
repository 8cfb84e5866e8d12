"""Growth by chance: every open site, motif and motif site equally likely."""

from __future__ import annotations

import numpy as np

from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.fragments import Fragments
from telltale.attacks.molextract.growth.state import State


def rolled_out(environment: Environment, rings: np.ndarray, rng: np.random.Generator) -> State:
    """Grow a molecule from each of the rings, (n,), every open site, motif and motif site equally likely."""
    state = environment.reset(rings)
    while not state.done.all():
        state = environment.step(state, random_actions(environment, state, rng))
    return state


def random_actions(environment: Environment, state: State, rng: np.random.Generator) -> np.ndarray:
    """Draw an action that can be for each molecule, (n, 3); any where a molecule has no open site."""
    usable = np.flatnonzero(environment.usable)
    motif = usable[rng.integers(len(usable), size=len(state))]
    sites = _open_sites(state.graph, np.arange(len(state)), rng), _open_sites(environment.motifs, motif, rng)
    return np.stack([sites[0], motif, sites[1]], 1)


def _open_sites(fragments: Fragments, molecule: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one open atom of each named molecule, counted within it; 0 where it has none: (n,)."""
    atoms = np.flatnonzero(fragments.open)
    first = np.searchsorted(atoms, fragments.offsets)
    counts = np.diff(first)[molecule]
    drawn = first[:-1][molecule] + (rng.random(len(molecule)) * counts).astype(np.int64)
    site = atoms[np.minimum(drawn, len(atoms) - 1)] - fragments.offsets[:-1][molecule]
    return np.where(counts > 0, site, 0)
