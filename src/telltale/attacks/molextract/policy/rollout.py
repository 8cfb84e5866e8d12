"""Growing many molecules by a policy, all at once: a stage of a step is one pass of the network for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.fragments import Fragments, sites_of
from telltale.attacks.molextract.growth.problem import Verdicts
from telltale.attacks.molextract.growth.rewards import delayed, intermediate
from telltale.attacks.molextract.growth.state import State
from telltale.attacks.molextract.policy.choices import Choice, drawn, drawn_within
from telltale.attacks.molextract.policy.network import Policy
from telltale.attacks.molextract.policy.replay import Steps, first_sites
from telltale.attacks.molextract.policy.views import Graphs, Motifs, View

Chooser = Callable[[Graphs], Choice]


@dataclass(frozen=True, eq=False)
class Turn:
    """One step of those molecules that were not done: which they are, how they looked, and what was chosen."""

    molecules: np.ndarray
    before: View
    choice: Choice


@dataclass(frozen=True, eq=False)
class Rollout:
    """Molecules grown to their end, and their steps in order."""

    state: State
    turns: list[Turn]

    def steps(self, verdicts: Verdicts, episode: int) -> Steps:
        """Return the steps of the molecules that were judged, rewarded; the first is counted as `episode`."""
        judged = [turn.molecules < len(verdicts) for turn in self.turns]
        molecules = np.concatenate([turn.molecules[kept] for turn, kept in zip(self.turns, judged, strict=True)])
        stage = np.repeat(np.arange(len(self.turns)), [kept.sum() for kept in judged])
        before = View.concatenate([turn.before.take(kept) for turn, kept in zip(self.turns, judged, strict=True)])
        site, motif, end = (
            np.concatenate([turn.choice[part].numpy()[kept] for turn, kept in zip(self.turns, judged, strict=True)])
            for part in range(3)
        )
        place = np.full((len(verdicts), len(self.turns) + 1), -1)
        place[molecules, stage] = np.arange(len(molecules))
        reward = rewards_of_steps(verdicts, self.state.taken[: len(verdicts)])[molecules, stage]
        return Steps(before, site, motif, end, place[molecules, stage + 1], episode + molecules, reward)


def rewards_of_steps(verdicts: Verdicts, taken: np.ndarray) -> np.ndarray:
    """Return (roll-outs, steps): for each step whether it keeps valency; with the last of them all the scores.

    taken: (roll-outs,) joins made.
    """
    table = intermediate(verdicts.valid)
    table[np.arange(len(taken)), np.maximum(taken - 1, 0)] += delayed(verdicts.scores).sum(1)
    return table


@torch.no_grad()
def roll_out(environment: Environment, motifs: Motifs, rings: np.ndarray, chooser: Chooser) -> Rollout:
    """Grow a molecule from each of the rings, (n,)."""
    state = environment.reset(rings)
    turns: list[Turn] = []
    while len(going := np.flatnonzero(~state.done)):
        part = state.take(going) if len(going) < len(state) else state
        view = view_of(part.graph, environment.steps - part.taken)
        choice = chooser(view.tensors)
        site = view.tensors.sites[choice.site].numpy() - view.atom_offsets[:-1]
        actions = np.zeros((len(state), 3), np.int64)
        actions[going] = np.stack([site, motifs.block[choice.motif.numpy()], motifs.atom[choice.end.numpy()]], 1)
        turns.append(Turn(going, view, choice._replace(site=choice.site - first_sites(view))))
        state = environment.step(state, actions)
    return Rollout(state, turns)


def view_of(molecules: Fragments, steps_left: np.ndarray) -> View:
    """Show molecules as a policy sees them."""
    graphs = molecules.graphs
    looks = graphs.atoms[:, 0], molecules.hydrogens, molecules.open, graphs.bonds[:, 0], graphs.bond_ends
    return View(*looks, graphs.atom_offsets, graphs.bond_offsets, steps_left)


def motifs_of(environment: Environment) -> Motifs:
    """Show each fragment that can be joined once, however many motifs it is, and one of its sites that look alike."""
    names = [block.smiles for block in environment.vocabulary.motifs]
    first = {name: place for place, name in reversed([*enumerate(names)]) if environment.usable[place]}
    places, sites = np.array(sorted(first.values())), sites_of(environment.vocabulary)
    fragments = environment.motifs.take(places)
    named = np.zeros(len(fragments.site), bool)
    for start, place in zip(fragments.offsets, places, strict=False):
        named[start + np.array(sorted(sites[names[place]]))] = True
    view = view_of(replace(fragments, site=fragments.site & named), np.zeros(len(places), np.int64))
    return Motifs.of(view, places)


def by_policy(policy: Policy, motifs: Motifs, generator: torch.Generator) -> Chooser:
    """Choose by a network whose weights stay as they are meanwhile: motifs are embedded once."""
    with torch.no_grad():
        vectors = policy.encoder.of_motifs(motifs)
    return lambda graphs: policy.sample(graphs, motifs, vectors, generator)


def at_random(motifs: Motifs, generator: torch.Generator) -> Chooser:
    """Choose each stage with equal probabilities."""
    rows, real = motifs.sites_of
    ends = torch.zeros(real.shape).masked_fill(~real, -torch.inf)

    def choose(graphs: Graphs) -> Choice:
        site = drawn_within(torch.zeros(len(graphs.sites)), graphs.site_molecule, len(graphs), generator)
        motif = drawn(torch.zeros(len(graphs), len(real)), generator)
        return Choice(site, motif, rows[motif, drawn(ends[motif], generator)])

    return choose
