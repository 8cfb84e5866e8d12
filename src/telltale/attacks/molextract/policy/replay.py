"""What was done and what came of it: the steps of roll-outs, and a replay of many of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from telltale.attacks.molextract.policy.choices import Choice
from telltale.attacks.molextract.policy.views import View

CHOSEN, OUTCOME = ("site", "motif", "end"), ("episode", "reward")


@dataclass(frozen=True, eq=False)
class Steps:
    """S steps of episodes.

    before   S molecules
    site     (S,) place among the molecule's open sites
    motif    (S,)
    end      (S,) place among the sites of all motifs
    after    (S,) which of these steps comes next in the episode, -1 = none: it is over
    episode  (S,) counted over all roll-outs
    reward   (S,)
    """

    before: View
    site: np.ndarray
    motif: np.ndarray
    end: np.ndarray
    after: np.ndarray
    episode: np.ndarray
    reward: np.ndarray

    def __len__(self) -> int:
        """Count the steps."""
        return len(self.site)

    def take(self, rows: np.ndarray) -> Batch:
        """Return steps at `rows`, and the molecules that they led to where the episode went on."""
        before, after = self.before.take(rows), self.after[rows]
        distinct, which = before.distinct()
        return Batch(
            before=before.take(distinct),
            which=torch.from_numpy(which),
            **{name: torch.from_numpy(getattr(self, name)[rows]) for name in CHOSEN},
            reward=torch.from_numpy(self.reward[rows].astype(np.float32)),
            goes_on=torch.from_numpy(np.flatnonzero(after >= 0)),
            following=self.before.take(after[after >= 0]),
        )

    @classmethod
    def join(cls, first: Steps, second: Steps) -> Self:
        """Return the steps of both, of whose episodes none is in both."""
        joined = {
            name: np.concatenate([getattr(part, name) for part in (first, second)]) for name in (*CHOSEN, *OUTCOME)
        }
        after = np.concatenate([first.after, np.where(second.after >= 0, second.after + len(first), -1)])
        return cls(View.concatenate([first.before, second.before]), after=after, **joined)

    def without_first(self, steps: int) -> Steps:
        """Return all but the first steps, with which whole episodes go."""
        rest = {name: getattr(self, name)[steps:] for name in (*CHOSEN, *OUTCOME)}
        after = np.where(self.after >= 0, self.after - steps, -1)[steps:]
        return Steps(self.before.take(np.arange(steps, len(self))), after=after, **rest)

    def returns(self) -> np.ndarray:
        """Return what each step and those after it were rewarded: (S,). A step stands before the one after it."""
        total = self.reward.astype(np.float64)
        for row in np.flatnonzero(self.after >= 0)[::-1]:
            total[row] += total[self.after[row]]
        return total


@dataclass(frozen=True, eq=False)
class Batch:
    """Some steps as tensors.

    before     the molecules that they were taken of, each once; which (B,): of which of them a step was
    site, motif, end, reward  (B,)
    goes_on    which of the steps led to a molecule that is grown further, and `following` to what
    """

    before: View
    which: Tensor
    site: Tensor
    motif: Tensor
    end: Tensor
    reward: Tensor
    goes_on: Tensor
    following: View

    @property
    def choice(self) -> Choice:
        """Return the actions, sites counted among all open ones of `before`."""
        return Choice(self.site + first_sites(self.before)[self.which], self.motif, self.end)


def first_sites(view: View) -> Tensor:
    """Return the place of each molecule's first site among all open ones: (n,)."""
    before = np.cumsum(np.concatenate([[0], view.sites.astype(np.int64)]))
    return torch.from_numpy(before[view.atom_offsets[:-1]])


class Replay:
    """The steps of the latest roll-outs, at most so many; the oldest roll-outs go first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._sizes: list[int] = []
        self._steps: Steps | None = None

    @property
    def steps(self) -> Steps:
        """Return the steps that are kept; there is one roll-out at least."""
        assert self._steps is not None
        return self._steps

    def add(self, steps: Steps) -> None:
        """Add a roll-out's steps."""
        self._sizes.append(len(steps))
        kept = steps if self._steps is None else Steps.join(self._steps, steps)
        while len(self._sizes) > 1 and len(kept) > self.most:
            kept = kept.without_first(self._sizes.pop(0))
        self._steps = kept
