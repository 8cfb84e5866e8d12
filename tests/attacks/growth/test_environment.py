"""Growth, join by join, against one molecule at a time by RDKit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from telltale.attacks.molextract.candidates import join, join_all
from telltale.attacks.molextract.growth.enumeration import grown
from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.random_growth import random_actions, rolled_out
from telltale.attacks.molextract.growth.state import NOTHING, State
from telltale.attacks.molextract.vocabulary import Block, Vocabulary
from telltale.errors import InputError
from tests.attacks.growth.worlds import MOTIFS, RINGS, vocabulary

EVERYTHING = Environment(vocabulary(), 3)


def molecule(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(RINGS), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(MOTIFS), min_size=1, max_size=6, unique=True),
    st.integers(0, 2**31),
)
def test_a_step_is_a_join(rings: list[str], motifs: list[str], seed: int) -> None:
    """Catches atoms counted otherwise than RDKit counts them, a hydrogen too many, an open action that cannot be."""
    words, rng = vocabulary(rings, motifs), np.random.default_rng(seed)
    if not words.motifs:
        return
    environment = Environment(words, 2)
    first = environment.reset(rng.integers(len(words.rings), size=5))
    actions = random_actions(environment, first, rng)
    second = environment.step(first, actions)
    for row, spelled in enumerate(environment.smiles(second)):
        site, motif, motif_site = actions[row].tolist()
        ring = molecule(words.rings[first.ring[row]].smiles)
        assert spelled == join(ring, site, molecule(words.motifs[motif].smiles), motif_site)
    assert not second.failed.any() and (second.taken == 1).all()


def test_graphs_of_grown_molecules_are_those_of_their_smiles() -> None:
    """Catches bonds or hydrogens at other atoms than those that were joined, over several steps."""
    state = rolled_out(EVERYTHING, np.random.default_rng(0).integers(len(RINGS), size=60), np.random.default_rng(1))
    assert (state.taken == 3).any()
    for row, text in enumerate(EVERYTHING.smiles(state)):
        one, expected = state.graph.take(np.array([row])), molecule(text)
        numbers = sorted(atom.GetAtomicNum() - 1 for atom in expected.GetAtoms())
        assert sorted(one.graphs.atoms[:, 0].tolist()) == numbers
        degrees = np.bincount(one.graphs.bond_ends[0], minlength=len(numbers))
        named = sorted(zip(one.graphs.atoms[:, 0].tolist(), degrees.tolist(), one.hydrogens.tolist(), strict=True))
        assert named == sorted(
            (atom.GetAtomicNum() - 1, atom.GetDegree(), atom.GetTotalNumHs()) for atom in expected.GetAtoms()
        )
        assert state.sizes()[row] == len(numbers)


def test_spellings_are_canonical() -> None:
    """Catches one molecule under two names: two queries, two places in a list."""
    state = rolled_out(EVERYTHING, np.arange(len(RINGS)).repeat(8), np.random.default_rng(2))
    for text in EVERYTHING.smiles(state):
        assert Chem.MolToSmiles(molecule(text), isomericSmiles=False) == text


def test_what_is_joined_does_not_hang_on_the_others_in_the_batch() -> None:
    """Catches offsets of one molecule that move with its neighbours."""
    state = rolled_out(EVERYTHING, np.arange(len(RINGS)), np.random.default_rng(3))
    alone = [EVERYTHING.at(state.ring[[row]], state.actions[[row]]) for row in range(len(state))]
    for row, one in enumerate(alone):
        assert np.array_equal(one.graph.graphs.bond_ends, state.graph.take(np.array([row])).graphs.bond_ends)
        assert np.array_equal(one.graph.open, state.graph.take(np.array([row])).open)


@pytest.mark.parametrize(
    "action",
    [(99, 0, 0), (-1, 0, 0), (0, 99, 0), (0, -1, 0), (0, 0, 7), (3, 0, 0)],
    ids=["no such atom", "before the first", "no such motif", "no motif", "no such site", "a closed atom"],
)
def test_an_action_that_cannot_be_ends_the_molecule_and_is_counted(action: tuple[int, int, int]) -> None:
    """Catches an index that wraps round to another atom, and growth that goes on after a failure."""
    environment = Environment(vocabulary(["*c1ccncc1"], ["*C"]), 2)
    closed = int(np.flatnonzero(~environment.rings.open)[0])
    asked = (closed, *action[1:]) if action == (3, 0, 0) else action
    good = int(np.flatnonzero(environment.rings.open)[0])
    state = environment.step(environment.reset(np.array([0, 0])), np.array([asked, (good, 0, 0)]))
    assert state.failed.tolist() == [True, False] and state.taken.tolist() == [0, 1]
    assert state.done.tolist() == [True, False]
    again = environment.step(state, np.array([(good, 0, 0), asked]))
    assert again.failed.all() and (again.actions[0] == NOTHING).all(), "what failed takes no further action"


def test_molecules_stop_after_the_last_step_and_where_no_site_is_open() -> None:
    """Catches a join too many, and a molecule without a hydrogen that waits for ever."""
    environment = Environment(vocabulary(["*C1CC1"], ["*Cl"]), 4)
    ring = int(np.flatnonzero(environment.rings.open)[0])
    state = environment.reset(np.array([0]))
    for _ in range(2):
        state = environment.step(state, np.array([[ring, 0, 0]]))
    assert environment.smiles(state).tolist() == ["ClC1(Cl)CC1"] and not state.done.any()
    one = Environment(vocabulary(["*C1CC1"], ["*Cl"]), 1)
    assert one.step(one.reset(np.array([0])), np.array([[ring, 0, 0]])).done.all()
    nitrogen = Vocabulary((Block("C1CN1", (2,), 1),), (Block("C#N", (0,), 1),))
    capped = Environment(nitrogen, 3)
    state = capped.step(capped.reset(np.array([0])), np.array([[2, 0, 0]]))
    assert state.done.all() and capped.smiles(state).tolist() == ["N#CN1CC1"]


def test_no_molecules_at_all_are_spelled_as_none() -> None:
    """Catches a search that falls where what is left of its budget pays for no roll-out of the next batch."""
    environment = Environment(vocabulary(), 3)
    nothing = environment.reset(np.zeros(0, np.int64))
    assert nothing.paths() == [] and environment.steps_of(nothing).shape == (0, 4)


def test_one_step_of_every_action_is_the_pool_of_candidates() -> None:
    """Catches sites that enumeration knows and growth does not, or the other way round."""
    words = vocabulary()
    environment = Environment(words, 1)
    state, whole = grown(environment, np.arange(len(words.rings)), 10**6, 0)
    assert whole and set(environment.smiles(state)) == set(join_all(words)[0])


def test_two_steps_of_every_action_are_every_molecule_that_two_joins_can_make() -> None:
    """Catches symmetry classes that hide a molecule: all open atoms are tried here, one by one."""
    words = vocabulary(["*c1ccncc1", "*C1CC1"], ["*C", "*OC*", "*C(=O)N*"])
    environment = Environment(words, 2)
    state, whole = grown(environment, np.arange(2), 10**6, 0)
    naive: set[str] = set()
    level: State = environment.reset(np.arange(2))
    for _ in range(2):
        paths = [
            (row, atom - level.graph.offsets[row], motif, site)
            for row in range(len(level))
            for atom in range(level.graph.offsets[row], level.graph.offsets[row + 1])
            for motif in range(len(words.motifs))
            for site in range(environment.motifs.sizes[motif])
            if level.graph.open[atom] and environment.motifs.open[environment.motifs.offsets[motif] + site]
        ]
        table = np.array(paths)
        level = environment.step(level.take(table[:, 0]), table[:, 1:])
    naive = set(environment.smiles(level))
    assert whole and set(environment.smiles(state)) == naive and len(naive) > 50


def test_a_sample_is_of_the_size_asked_for_and_repeats_itself() -> None:
    """Catches a sample that is the first so many actions, or another one each time."""
    words = vocabulary()
    rings = np.arange(len(words.rings))
    one, whole = grown(Environment(words, 2), rings, 300, 5)
    again, _ = grown(Environment(words, 2), rings, 300, 5)
    assert not whole and 250 < len(one) <= 300 and len(set(one.ring.tolist())) > 5
    assert np.array_equal(one.actions, again.actions)


def test_molecules_that_end_early_do_not_make_a_sample_larger() -> None:
    """Catches rivals that ask about more molecules than the query budget allows: all of the sample."""
    words = vocabulary(["*n1cccc1", "*c1ccncc1"], ["*Cl", "*C#N", "*CC*", "*OC*"])
    state, whole = grown(Environment(words, 2), np.arange(2), 6, 0)
    assert not whole and len(state) == 6 and set(state.taken.tolist()) == {1, 2}


@pytest.mark.parametrize(
    ("rings", "motifs", "steps", "said"),
    [
        ([Block("c1ccncc1", (3,), 1)], [Block("C", (0,), 1)], 1, "attack.vocabulary=ring c1ccncc1: a ring with a hyd"),
        ([Block("C1CC1", (0,), 1)], [Block("CN(C)C", (1,), 1)], 1, "attack.vocabulary=motifs CN(C)C: a motif with a"),
        ([Block("C1CN1", (2,), 1)], [Block("Cl", (0,), 1)], 2, "attack.steps=2: at most 1"),
    ],
)
def test_vocabularies_that_cannot_grow_are_refused_in_one_line(
    rings: list[Block], motifs: list[Block], steps: int, said: str
) -> None:
    """Catches a search that runs for minutes and finds nothing."""
    with pytest.raises(InputError) as refused:
        Environment(Vocabulary(tuple(rings), tuple(motifs)), steps).check()
    assert str(refused.value).startswith(said) and "\n" not in str(refused.value)
