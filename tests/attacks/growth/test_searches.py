"""Searches for grown molecules: memory that is there is found, none is found where there is none, budgets hold."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rdkit import Chem

from telltale.attacks.molextract.attack import Molextract
from telltale.attacks.molextract.growth.enumeration import Actions, grown
from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.grower import together
from telltale.attacks.molextract.growth.lists import Searched, evidence_of_searches
from telltale.attacks.molextract.growth.search import SEARCHES
from telltale.attacks.molextract.growth.state import concatenated
from telltale.attacks.molextract.ranking import ListSizes
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import InputError
from telltale.evaluation.extraction import score_extraction
from telltale.evaluation.ranking import auc
from telltale.evaluation.statistics import Resampling
from telltale.evidence import ExtractedMolecules
from tests.attacks.growth.worlds import Answering, problem_of, vocabulary
from tests.training.small import molecules

ENUMERATED = {"search": "enumerate", "steps": 2}
BEAM = {"search": "beam", "steps": 2}
ENDLESS = 10**6


OWNED, G, G_PRIME = molecules(60), molecules(150, start=100), molecules(150, start=400)


def attack(scorer: str = "fixed", **options: Any) -> Molextract:
    sizes = {"rings": 3, "motifs": 5, "largest_motif": 4, "cuts": 0, "size_weighted": False, "most": ENDLESS}
    made = Molextract(scorer, [10], **{**sizes, **options})
    made.pool._candidates = POOLS.setdefault(str(made.pool.options), made.pool._candidates)  # enumerated once
    return made


POOLS: dict[str, Any] = {}


def world_of(*releases: Any, seed: int = 0) -> Any:
    """Return a world of these releases: the attacker owns 60 molecules, nothing is trained."""
    owner = SimpleNamespace(store=None)
    knowledge = SimpleNamespace(auxiliary=OWNED, seed=seed, owner=owner, challenge=OWNED, query_budget=None)
    return SimpleNamespace(
        knowledge=knowledge,
        releases=releases,
        queries=SimpleNamespace(total=lambda: sum(one.queries.total() for one in releases)),
    )


class Memory(Answering):
    """Marks what is part of molecules it has seen; each is looked up once."""

    def __init__(self, known: MoleculeRecords) -> None:
        parsed = [Chem.MolFromSmiles(text) for text in known.smiles]

        @cache
        def knows(text: str) -> bool:
            query = Chem.MolFromSmiles(text)
            return any(whole.HasSubstructMatch(query) for whole in parsed)

        super().__init__(knows)

    def restricted(self, access: frozenset[str]) -> Memory:
        other = object.__new__(Memory)
        Answering.__init__(other, self.knows)
        return other


class Noise(Answering):
    """Answers at random, the same each time: whatever is asked, there is nothing to find."""

    def __init__(self, seed: int) -> None:
        super().__init__(None)
        self.seed = seed

    def restricted(self, access: frozenset[str]) -> Noise:
        return Noise(self.seed)

    def embeddings(self, records: MoleculeRecords) -> np.ndarray:
        self.queries["embeddings"] += len(records)
        rows = records.fingerprints().view(np.uint32).reshape(-1, 4)
        return np.stack([np.random.default_rng([self.seed, *row]).normal(size=8) for row in rows]).astype(np.float32)


def precision(evidence: ExtractedMolecules, memory: Memory, k: int = 10) -> float:
    best = np.argsort(-evidence.scores[0], kind="stable")[:k]
    return float(np.mean([memory.knows(text) for text in evidence.smiles[best]]))


@pytest.mark.parametrize("how", [ENUMERATED, BEAM, BEAM | {"query_budget": 300}], ids=["all", "beam", "short beam"])
def test_planted_memory_of_two_joins_is_found(how: dict[str, Any]) -> None:
    """Catches rewards, molecules and paths that do not belong together, anywhere on the way."""
    memory = Memory(G)
    found = attack(**how).run(world_of(memory))
    known = np.array([memory.knows(text) for text in found.smiles])
    assert precision(found, memory) == 1 and found.joins is not None
    assert (found.joins[np.argsort(-found.scores[0])[:10]] == 2).sum() > 5, "hits that no single join makes"
    assert known.mean() < 0.6, "not because every molecule is right"


def test_a_beam_finds_more_for_its_queries_than_a_random_sample() -> None:
    """Catches a beam that is no better than chance: it is led by the first step's scores."""
    asked = {"query_budget": 250}
    rates = {}
    for name, how in {"beam": BEAM, "sample": ENUMERATED}.items():
        memory = Memory(G)
        found = attack(**how, **asked).run(world_of(memory))
        rates[name] = np.mean([memory.knows(text) for text in found.smiles])
    assert rates["beam"] > rates["sample"] + 0.1


def test_where_there_is_nothing_to_find_a_search_tells_g_from_g_prime_by_chance() -> None:
    """Catches a search that is led by the label, or by the truth, and a comparison that favours the target's list."""
    target, disjoint, areas = Memory(G), Memory(G_PRIME), []
    hunter = attack(**BEAM, query_budget=300)
    for seed in range(6):
        lists = [hunter.run(world_of(Noise(number), seed=seed)) for number in (seed, 100 + seed)]
        done: Any = hunter.together(dict(zip(("target", "disjoint"), lists, strict=True)))
        one, other = done["target"].common, done["disjoint"].common
        inside, outside = (np.array([of.knows(text) for text in one.smiles]) for of in (target, disjoint))
        asked = inside ^ outside
        difference = (one.scores - other.scores)[0, asked]
        areas.append(auc(difference, inside[asked], np.ones((1, asked.sum())))[0])
    assert np.mean(areas) == pytest.approx(0.5, abs=0.1)
    assert min(areas) < 0.5 < max(areas)


@pytest.mark.parametrize(("how", "budget"), [(ENUMERATED, 40), (BEAM, 101), (BEAM, 33)])
def test_no_search_asks_for_more_than_its_budget(how: dict[str, Any], budget: int) -> None:
    """Catches warm-up, rings and motifs that are not paid for, and roll-outs that are scored without being asked."""
    release = Memory(G)
    for scorer in ("fixed", "paper"):
        world = world_of(release)
        before = release.queries.total()
        found = attack(scorer, **how, query_budget=budget, k_within_ring=[5]).run(world)
        asked = release.queries.total() - before
        assert 0.9 * budget - 2 <= asked <= budget and found.asked == asked


def test_a_sample_under_an_owners_limit_is_of_all_rings() -> None:
    """Catches a list that the limit ends among the molecules of the first ring."""
    release = Memory(G)
    release.budget = 60
    world = world_of(release)
    world.knowledge.query_budget = 60
    hunter = attack(**ENUMERATED)
    found = hunter.run(world)
    rings = set(hunter.grower.pool.of(OWNED).ring.tolist())  # type: ignore[union-attr]
    assert len(set(found.templates)) == len(rings) > 1 and release.queries.total() <= 60
    assert hunter.notes(world.knowledge)[0] == "molecules grown by enumerate over 2 steps, at most 60 queries a model"


def test_the_same_seed_gives_the_same_list_and_another_one_another() -> None:
    """Catches an order that hangs on hashing or on what ran before."""
    lists = [attack("paper", **BEAM, query_budget=200).run(world_of(Noise(0), seed=seed)) for seed in (3, 3, 4)]
    assert np.array_equal(lists[0].smiles, lists[1].smiles) and np.array_equal(lists[0].scores, lists[1].scores)
    assert not np.array_equal(lists[0].smiles, lists[2].smiles)


def test_repeats_are_counted_and_listed_once() -> None:
    """Catches a molecule that is made in two ways and stands twice in a list."""
    words = vocabulary(["*C1CC1", "*c1ccncc1"], ["*C", "*O*", "*OC"])
    problem = problem_of(Environment(words, 2), lambda text: "O" in text)
    state, _ = grown(problem.environment, problem.rings, ENDLESS, 0)
    twice = Searched(problem, concatenated([state, state]))
    found = evidence_of_searches([twice], {"CC1CC1"}, 3, ListSizes((2,)))
    assert len(set(found.smiles)) == len(found.smiles) < len(state), "COC and O, then C, are one molecule"
    assert (found.proposed, found.valid, found.asked) == (2 * len(state), 2 * len(state), 3)
    hits = np.zeros((1, len(found.smiles)), bool)
    uniqueness = score_extraction(found, hits, hits, Resampling.over(2, 5, seed=0))["uniqueness"].value
    assert uniqueness == len(found.smiles) / (2 * len(state))


def test_lists_of_two_victims_that_are_alike_are_no_repeats() -> None:
    """Catches molecules counted as repeats of themselves because both victims' searches made them."""
    found = attack(**ENUMERATED, most=50).run(world_of(Memory(G), Memory(G_PRIME)))
    assert found.listed is None and found.valid == 2 * len(found.smiles)
    hits, rings = np.zeros(found.scores.shape, bool), len(set(found.templates))
    plan = Resampling.crossed(2, rings, 5, seed=0)
    assert score_extraction(found, hits, hits, plan)["uniqueness"].value == 1


def test_one_step_of_growth_ranks_as_the_pool_of_candidates_does() -> None:
    """Catches a step that is scored otherwise than a candidate: a budget that is large enough changes no order."""
    noise = Noise(1)
    plain, grown = (attack(**how).run(world_of(noise)) for how in ({}, {"query_budget": ENDLESS}))
    assert plain.listed is None and set(plain.smiles) == set(grown.smiles)
    reward = dict(zip(grown.smiles, grown.scores[0], strict=True))
    expected = 0.99 * plain.scores[0] + 0.05
    assert np.array([reward[text] for text in plain.smiles]) == pytest.approx(expected, abs=1e-6)


def test_two_models_judge_what_either_proposed() -> None:
    """Catches a comparison on the target's own list alone, and scores that change with who is asked first."""
    target, disjoint, how = Memory(G), Memory(G_PRIME), BEAM | {"query_budget": 250}
    hunter = attack(**how)
    lists = {"target": hunter.run(world_of(target)), "disjoint": hunter.run(world_of(disjoint))}
    lists["zero_query"] = hunter.blind(world_of(target).knowledge)
    asked = target.queries.total()
    done: Any = hunter.together(lists)
    assert target.queries.total() == asked, "what no attacker could compare is not on its account"
    common = [done[name].common for name in ("target", "disjoint", "zero_query")]
    assert all(np.array_equal(one.smiles, common[0].smiles) for one in common)
    assert set(common[0].smiles) == set(lists["target"].smiles) | set(lists["disjoint"].smiles)
    for name, one in zip(("target", "disjoint"), common, strict=False):
        judged = dict(zip(one.smiles, one.scores[0], strict=True))
        own = np.array([judged[text] for text in lists[name].smiles])
        assert (own >= lists[name].scores[0] - 1e-9).all(), "at least the best way that its own search had"
        assert not done[name].searches
    alike = {"target": lists["target"], "disjoint": lists["target"]}
    assert together(alike)["target"].common is None  # type: ignore[union-attr]


def test_a_sample_that_a_budget_cuts_short_is_compared_with_a_guess_of_all_of_it() -> None:
    """Catches a blind guess of more molecules than were asked about, after which nothing can be told."""
    hunter, world = attack(**ENUMERATED, query_budget=120), world_of(Memory(G))
    lists = {"target": hunter.run(world), "disjoint": hunter.run(world_of(Memory(G_PRIME)))}
    guess = hunter.blind(world.knowledge)
    assert np.array_equal(lists["target"].smiles, lists["disjoint"].smiles)
    assert len(guess.smiles) > len(lists["target"].smiles)
    done: Any = hunter.together(lists | {"zero_query": guess})
    common = [done[name].common for name in ("target", "disjoint", "zero_query")]
    assert all(set(one.smiles) == set(lists["target"].smiles) for one in common)
    judged = dict(zip(common[0].smiles, common[0].scores[0], strict=True))
    assert [judged[text] for text in lists["target"].smiles] == pytest.approx(lists["target"].scores[0])


def test_each_victim_has_its_own_list() -> None:
    """Catches one victim's molecules on another's list."""
    found = attack(**BEAM, query_budget=150).run(world_of(Memory(G), Memory(G_PRIME)))
    assert found.listed is not None and found.scores.shape == found.listed.shape == (2, len(found.smiles))
    assert np.array_equal(np.isfinite(found.scores), found.listed)
    assert (found.listed[0] != found.listed[1]).any() and found.listed.any(0).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "attack.steps=0: a whole number from 1"),
        ({"search": "greedy"}, f"attack.search=greedy: one of {', '.join(SEARCHES)}"),
        ({"query_budget": 0}, "attack.query_budget=0: a whole number from 1, or null"),
        ({"steps": 2, "query_budget": 7}, "attack.query_budget=7: at least 10 (8 rings and motifs, 2 for one roll-o"),
        ({"steps": 2, "most": 9}, "attack.k=10: at most 9, the molecules that are grown"),
        ({"search": "beam", "rings": 1, "motifs": 1}, "attack.k=10: at most 1, the molecules that are grown"),
        ({"search": "beam", "steps": 2, "query_budget": 17}, "attack.k=10: at most 9, the molecules that are grown"),
        ({"search": "policy", "policy": {"epochs": 3, "molecules": 3}}, "attack.k=10: at most 9, the molecules that a"),
        ({"search": "beam", "query_budget": 30, "scorer": "calibrated"}, "attack.scorer=calibrated: one of paper, "),
    ],
)
def test_what_cannot_be_grown_is_refused_in_one_line(options: dict[str, Any], said: str) -> None:
    """Catches a mistake that is told after the models were trained."""
    with pytest.raises(InputError) as refused:
        attack(**options).check(world_of(Memory(G)).knowledge)
    assert str(refused.value).startswith(said) and "\n" not in str(refused.value)


def test_actions_that_are_drawn_are_laid_out_as_all_are() -> None:
    """Catches a sample of another molecule's sites, or motifs that come before sites."""
    environment = Environment(vocabulary(), 2)
    every = Actions.of(environment, environment.reset(np.arange(len(environment.rings))))
    actions, parents = every.at(None)
    assert (
        len(every)
        == len(actions)
        == len({(parent, *row) for parent, row in zip(parents, map(tuple, actions), strict=True)})
    )
    assert environment.possible(environment.reset(parents), actions).all()
    drawn = np.random.default_rng(0).permutation(len(every))[:50]
    assert all(np.array_equal(some, of[drawn]) for some, of in zip(every.at(drawn), (actions, parents), strict=True))


@pytest.mark.parametrize(("budget", "ended"), [(2000, True), (20, False)])
def test_a_policy_that_its_epochs_end_says_what_it_asked(budget: int, ended: bool) -> None:
    """Catches two searches that are compared at one budget, of which one has spent a half."""
    policy = {"epochs": 2, "molecules": 8, "width": 8, "updates": 1}
    options = {"search": "policy_gradient", "steps": 2, "query_budget": budget, "policy": policy}
    found = attack(**options).run(world_of(Memory(G)))
    assert [f"of {budget:,} queries" in told for told in found.told] == [True] * ended
