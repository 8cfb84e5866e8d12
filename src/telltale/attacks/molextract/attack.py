"""Molextract (Huang et al., NeurIPS 2024): training molecules out of an encoder that answers with embeddings.

Enumerate ring + motif molecules, score each by how well its embedding mixes its parts' embeddings, publish the
top K. The learned scorer is trained on the label "contained in one of the attacker's own molecules". Molecules of
several joins, and searches that learn where to look, are grown: `growth/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.molextract.auxiliary import AuxiliaryPool
from telltale.attacks.molextract.calibrated import CALIBRATED, calibrated_rankings, check_shadows
from telltale.attacks.molextract.candidates import Candidates, VocabularyOptions, digest
from telltale.attacks.molextract.cuts import Cuts, cuts_kept, part_whole_membership
from telltale.attacks.molextract.growth.blind import guessed
from telltale.attacks.molextract.growth.grower import Grower, together
from telltale.attacks.molextract.growth.pool import GrownPool
from telltale.attacks.molextract.growth.rivals import growing_rivals
from telltale.attacks.molextract.growth.search import SearchOptions
from telltale.attacks.molextract.ranking import Context, ListSizes, begin_scoring, evidence_of, scored_by
from telltale.attacks.molextract.rationing import left_of, require_budget
from telltale.attacks.molextract.rivals import blind_ranking, kept_for, rivals_named
from telltale.attacks.molextract.scalar import ANSWERS, check_scalar, rivals_seeing, seen
from telltale.attacks.molextract.scorers import SCORERS, Scored, ScorerOptions
from telltale.checks import choice, number, whole_number
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.evidence import Evidence, ExtractedMolecules, MembershipScores
from telltale.game.world import Knowledge, World


class Molextract(Attack):
    """Ranks ring + motif candidates, or molecules grown of more, by part–whole agreement of embeddings.

    scorer          paper | released_code | fixed: how a candidate's embedding is judged by those of its parts
                    | calibrated: one of these less its mean over shadow encoders
    k               size of the published list, or several sizes; of all candidates, pooled over rings
    k_within_ring   the same of each ring's candidates alone
    rings           most frequent rings of the attacker's own molecules to grow from
    motifs          most frequent side chains to attach
    largest_motif   heavy atoms of a side chain, at most
    vocabulary      a user's list of rings and motifs in place of those; None = learned
    templates       rings | rings_and_chains: what molecules are grown from
    auxiliary       own | hard | nci | b3db: where the attacker's molecules come from
    answers         embeddings | values: what the release is asked for
    alpha           α of Eq. (1), where it is constant
    size_weighted   Eq. (1) weighs a part by its heavy atoms
    cuts            cuts that a challenge molecule is tested at, at most; 0 = no membership test
    calibrates      the scorer that `calibrated` takes, which then is a rival, too
    search          enumerate | beam | policy | policy_gradient: how molecules are grown
    steps           joins a molecule
    query_budget    molecules that each model may be asked about by a search, None = any number
    most            molecules that are grown where no budget ends the search; one step without a budget ranks all
    policy          options of the searches that learn
    rivals          other rankings of the same candidates; where molecules are grown, of what enumeration proposes
    """

    access = frozenset({"embeddings"})
    accepts = frozenset({"molecules"})
    hands_over = ExtractedMolecules
    begins = True

    def __init__(
        self,
        scorer: str,
        k: int | Sequence[int],
        rings: int,
        motifs: int,
        largest_motif: int,
        k_within_ring: int | Sequence[int] = (10,),
        vocabulary: str | None = None,
        alpha: float = 0.5,
        size_weighted: bool = True,
        cuts: int = 4,
        calibrates: str = "paper",
        rivals: Sequence[str] = (),
        templates: str = "rings",
        auxiliary: str = "own",
        answers: str = "embeddings",
        search: str = "enumerate",
        steps: int = 1,
        query_budget: int | None = None,
        most: int = 20_000,
        policy: Mapping[str, int | float | str] | None = None,
    ) -> None:
        choice("attack.scorer", scorer, [*SCORERS, CALIBRATED])
        self.calibrates = choice("attack.calibrates", calibrates, SCORERS)
        number("attack.alpha", alpha, least=0, most=1, expected="a number from 0 to 1")
        whole_number("attack.cuts", cuts, 0, expected="a whole number from 0 (no test)")
        self.answers = choice("attack.answers", answers, ANSWERS)
        self.access = frozenset({answers})
        check_scalar(answers, cuts, scorer, rivals, calibrates if scorer == CALIBRATED else "")
        self.scorer = scorer
        self.lists = ListSizes(_list_sizes("k", k), _list_sizes("k_within_ring", k_within_ring))
        self.pool = AuxiliaryPool(VocabularyOptions(rings, motifs, largest_motif, vocabulary, templates), auxiliary)
        self.options, self.cuts = ScorerOptions(alpha, size_weighted), cuts
        others = [name for name in rivals if name != scorer]  # its own scorer is no rival
        if scorer == CALIBRATED and calibrates not in others:
            others = [calibrates, *others]
        self._cuts: dict[tuple[str, int], Cuts] = {}
        self.search = SearchOptions(search, steps, query_budget, most, dict(policy or {}))
        self.grower = self._grower() if self.search.grows else None
        if self.grower is None:
            named = rivals_named(others, self.pool, self.options, self.lists)
        else:
            named = growing_rivals(self.grower, others)
        self._rivals = rivals_seeing(named, answers)

    def check(self, knowledge: Knowledge) -> None:
        """Enumerate the pool, and refuse lists that are longer than it, and calibration without shadows."""
        if self.scorer == CALIBRATED:
            check_shadows(knowledge)
        if self.grower:
            return self.grower.check(knowledge)
        pool = len(self.candidates(knowledge))
        for k in self.lists.pooled:
            if k > pool:
                raise InputError("attack.k", k, f"at most {pool}, the number of candidates (a quarter of it says more)")
        require_budget(self.candidates(knowledge), knowledge.query_budget, max(self.lists.pooled))

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say whose molecules the attacker has, and how many challenge molecules the membership test cannot cut."""
        of_pool = self.pool.notes(knowledge.auxiliary, knowledge.challenge)
        of_pool += self.grower.notes(knowledge) if self.grower else ()
        if not self.cuts:
            return of_pool
        uncut = len(knowledge.challenge) - len(np.unique(self._cuts_of(knowledge).molecule))
        fate = "they get the median" if uncut < len(knowledge.challenge) else "it is left out"
        whole = f"{uncut:,} of {len(knowledge.challenge):,} challenge molecules have no bond at a ring to cut"
        return (*of_pool, f"membership test: {whole}; {fate}") if uncut else of_pool

    def candidates(self, knowledge: Knowledge) -> Candidates:
        """Return the pool, the same for every ranking of it."""
        return self.pool.of(knowledge.auxiliary)

    def run(self, world: World) -> ExtractedMolecules:
        """Query rings and motifs once, every candidate once, and the challenge molecules with their sides.

        Where molecules are grown, those that the search asks about in place of every candidate.
        """
        if self.grower:
            return self._with_membership(self.grower.run(seen(world, self.answers)), world)
        candidates, world = self.candidates(world.knowledge), seen(world, self.answers)
        rankings = self._rankings(world, candidates)
        scores, mixing = np.stack([ranking.scores for ranking in rankings]), [ranking.mixing for ranking in rankings]
        return self._with_membership(evidence_of(candidates, scores, self.lists, mixing), world)

    def _rankings(self, world: World, candidates: Candidates) -> list[Scored]:
        if self.scorer == CALIBRATED:
            return calibrated_rankings(world, candidates, self.calibrates, self.options)
        seed, kept = world.knowledge.seed, kept_for(world.knowledge)
        return [
            scored_by(self.scorer, self.options, Context(candidates, release, derive(seed, "scorer", victim), kept))
            for victim, release in enumerate(world.releases)
        ]

    def begin(self, world: World) -> None:
        """Have the scorer learned, of the same embeddings: they are asked for by copies of the releases."""
        if self.grower or self.scorer == CALIBRATED:
            return
        candidates, world = self.candidates(world.knowledge), seen(world, self.answers)
        seed, kept = world.knowledge.seed, kept_for(world.knowledge)
        for victim, release in enumerate(world.releases):
            context = Context(candidates, release.restricted(self.access), derive(seed, "scorer", victim), kept)
            begin_scoring(self.scorer, self.options, context)

    def blind(self, knowledge: Knowledge) -> ExtractedMolecules:
        """Rank by what the auxiliary molecules alone say."""
        if self.grower:
            return guessed(self.grower.pool.of(knowledge.auxiliary), knowledge.seed, self.lists)
        candidates = self.candidates(knowledge)
        return evidence_of(candidates, blind_ranking(candidates, kept_for(knowledge))[None], self.lists)

    def rivals(self) -> Mapping[str, Attack]:
        """Return the other rankings that the configuration names."""
        return self._rivals

    def together(self, evidence: Mapping[str, Evidence | None]) -> Mapping[str, Evidence | None]:
        """Have the models that are compared judge all that any of their searches proposed."""
        return together(evidence) if self.grower else evidence

    def _grower(self) -> Grower:
        if self.scorer == CALIBRATED:
            raise InputError("attack.scorer", CALIBRATED, f"one of {', '.join(SCORERS)}, where molecules are grown")
        return Grower(GrownPool(self.pool, self.search), self.search, self.scorer, self.options, self.lists)

    def _with_membership(self, found: ExtractedMolecules, world: World) -> ExtractedMolecules:
        """Test the challenge molecules with the queries that are left; where they are too few, say so."""
        if not self.cuts or not len((cuts := self._cuts_of(world.knowledge)).molecule):
            return found
        left, needed = left_of(world.releases), len(cuts.whole) + len(cuts.sides)
        if left < needed:
            told = f"membership test left out: {left:,} queries of the owner's limit were left, {needed:,} needed"
            return replace(found, told=(*found.told, told))
        options = self.options
        scores = [
            part_whole_membership(release, cuts, options.alpha, options.size_weighted) for release in world.releases
        ]
        return replace(found, membership=MembershipScores(np.stack(scores)))

    def _cuts_of(self, knowledge: Knowledge) -> Cuts:
        seed = derive(knowledge.seed, "cuts")
        key = digest(knowledge.challenge), seed
        if key not in self._cuts:
            self._cuts[key] = cuts_kept(knowledge.challenge, self.cuts, seed, kept_for(knowledge))
        return self._cuts[key]


def _list_sizes(name: str, k: int | Sequence[int]) -> tuple[int, ...]:
    values, expected = [k] if isinstance(k, int | float | str) else list(k), "a whole number from 1, or a list of such"
    if not values:
        raise InputError(f"attack.{name}", k, expected)
    return tuple(sorted({whole_number(f"attack.{name}", value, expected=expected) for value in values}))
