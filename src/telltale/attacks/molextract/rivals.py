"""Rankings of the same candidates to compare with: chance, chemistry, a plain classifier, the attack's own variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import rdkit
from rdkit import Chem
from rdkit.Chem import QED, rdFingerprintGenerator

from telltale.attacks.base import Attack
from telltale.attacks.molextract.asking import embeddings_of
from telltale.attacks.molextract.candidates import Candidates, Pool
from telltale.attacks.molextract.ranking import (
    WORTH,
    Context,
    ListSizes,
    begin_scoring,
    entry_of,
    evidence_of,
    scored_by,
    scores_kept,
)
from telltale.attacks.molextract.rationing import rationed, spread
from telltale.attacks.molextract.scorers import SCORERS, Scored, ScorerOptions
from telltale.attacks.molextract.synthetic_accessibility import synthetic_accessibility
from telltale.checks import choice
from telltale.data.kept import NOWHERE, Kept, content_digest
from telltale.data.seeds import derive, generator
from telltale.evidence import ExtractedMolecules
from telltale.game.world import Knowledge, World

FINGERPRINT_BITS = 1024


class CandidateRival(Attack):
    """A ranking function behind the contract of an attack, on the pool of candidates that the attack itself ranks."""

    access = frozenset({"embeddings"})
    accepts = frozenset({"molecules"})

    def __init__(self, name: str, pool: Pool, options: ScorerOptions, lists: ListSizes) -> None:
        self.name, self.pool, self.options, self.lists = name, pool, options, lists

    @property
    def begins(self) -> bool:  # type: ignore[override]
        """Tell whether another core can rank by molecules alone."""
        return self.name in CHEMISTRY

    def begin(self, world: World) -> None:
        """Have the candidates ranked, by what they are."""
        candidates, kept = self.pool.of(world.knowledge.auxiliary), kept_for(world.knowledge)
        if len(candidates) < WORTH:
            return
        make = partial(_scored, partial(CHEMISTRY[self.name], candidates.smiles))
        kept.begin(*entry_of(self.name, candidates, make, {"rdkit": rdkit.__version__}, __name__))

    def run(self, world: World) -> ExtractedMolecules:
        """Rank for every victim."""
        candidates = self.pool.of(world.knowledge.auxiliary)
        seed, kept = world.knowledge.seed, kept_for(world.knowledge)
        ranked = [
            self.rank(Context(candidates, release, derive(seed, self.name, victim), kept))
            for victim, release in enumerate(world.releases)
        ]
        scores, mixing = np.stack([one.scores for one in ranked]), [one.mixing for one in ranked]
        return evidence_of(candidates, scores, self.lists, mixing)

    def rank(self, context: Context) -> Scored:
        """Score the candidates, higher = more likely in the training data."""
        return Scored(RIVALS[self.name](context))


class ScorerRival(CandidateRival):
    """One of the attack's own scorers that the attack was not configured with."""

    begins = True

    def begin(self, world: World) -> None:
        """Have the scorer learned."""
        candidates = self.pool.of(world.knowledge.auxiliary)
        seed, kept = world.knowledge.seed, kept_for(world.knowledge)
        for victim, release in enumerate(world.releases):
            context = Context(candidates, release.restricted(self.access), derive(seed, self.name, victim), kept)
            begin_scoring(self.name, self.options, context)

    def rank(self, context: Context) -> Scored:
        """Score with the named scorer and the attack's options; its mixing weights come along."""
        return scored_by(self.name, self.options, context)


def rivals_named(names: Sequence[str], pool: Pool, options: ScorerOptions, lists: ListSizes) -> Mapping[str, Attack]:
    """Build the rivals of a configuration. Raises InputError for a name that is none."""
    for name in names:
        choice("attack.rivals", name, [*RIVALS, *SCORERS])
    return {name: (CandidateRival if name in RIVALS else ScorerRival)(name, pool, options, lists) for name in names}


def at_random(context: Context) -> np.ndarray:
    """Score by chance: precision is the pool's base rate."""
    return generator(context.seed, "random ranking").random(len(context.candidates))


def drug_likeness(context: Context) -> np.ndarray:
    """Score by QED (Bickerton et al. 2012)."""

    return _kept(context.kept, "qed", context.candidates, partial(_qed, context.candidates.smiles), {})


def ease_of_synthesis(context: Context) -> np.ndarray:
    """Score by the negated synthetic accessibility score (Ertl & Schuffenhauer 2009)."""

    return _kept(context.kept, "sa", context.candidates, partial(_ease, context.candidates.smiles), {})


def _qed(smiles: np.ndarray) -> np.ndarray:
    return np.array([QED.qed(molecule) for molecule in _molecules(smiles)])


def _ease(smiles: np.ndarray) -> np.ndarray:
    return -synthetic_accessibility(_molecules(smiles))


CHEMISTRY = {"qed": _qed, "sa": _ease}  # of SMILES alone


def classifier_on_embedding(context: Context) -> np.ndarray:
    """The paper's MLP baseline: a two-layer classifier, width 300, on f(Ĝ), trained on the auxiliary label."""
    every, rows = context.candidates, rationed(context.candidates, context.release, context.seed, parts=0)
    candidates = context.within(rows).candidates
    embeddings = embeddings_of(context.release, candidates.molecules)
    of = {"embeddings": content_digest(embeddings), "seed": context.seed, "torch": version("torch")}

    def make() -> np.ndarray:
        return _classified(embeddings, candidates.in_auxiliary, context.seed)

    scored = Scored(_kept(context.kept, "mlp", candidates, make, of))
    return spread(scored, rows, len(every), context.seed).scores


def _classified(values: np.ndarray, hits: np.ndarray, seed: int) -> np.ndarray:
    """Train the classifier on all candidates and return what it says of them: (candidates,)."""
    import torch
    from torch import nn

    from telltale.threads import one_thread

    embeddings, labels = torch.from_numpy(values), torch.from_numpy(hits.astype(np.float32))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(embeddings.shape[1], 300), nn.ReLU(), nn.Linear(300, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    with one_thread():  # on several, the digits would depend on their number
        for _ in range(100):
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(model(embeddings)[:, 0], labels).backward()
            optimizer.step()
        with torch.no_grad():
            return model(embeddings)[:, 0].numpy()


Ranking = Callable[[Context], np.ndarray]
RIVALS: dict[str, Ranking] = {
    "random": at_random,
    "qed": drug_likeness,
    "sa": ease_of_synthesis,
    "mlp": classifier_on_embedding,
}


def blind_ranking(candidates: Candidates, kept: Kept = NOWHERE) -> np.ndarray:
    """Zero-query control: logistic regression on fingerprint and part frequencies, trained on the auxiliary label.

    It sees what the attack sees but the release: ECFP4 of the candidate, how often its ring and its motif occur in
    the auxiliary molecules, its size. One configuration, like the attack's.
    """
    if candidates.in_auxiliary.all() or not candidates.in_auxiliary.any():
        return blind_guess(candidates)(candidates)
    of = {"scikit-learn": version("scikit-learn")}
    return _kept(kept, "blind", candidates, lambda: blind_guess(candidates)(candidates), of)


def blind_guess(candidates: Candidates) -> Callable[[Candidates], np.ndarray]:
    """Learn the zero-query guess of some candidates; it ranks any."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if candidates.in_auxiliary.all() or not candidates.in_auxiliary.any():
        return lambda others: _part_frequencies(others)[:, :2].sum(1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(_features(candidates), candidates.in_auxiliary)
    return lambda others: model.decision_function(_features(others))


def _features(candidates: Candidates) -> np.ndarray:
    return np.concatenate([_fingerprints(candidates), _part_frequencies(candidates)], 1)


def kept_for(knowledge: Knowledge) -> Kept:
    """Return where an attacker keeps results: where its owner keeps models."""
    return Kept(knowledge.owner.store)


def _kept(
    kept: Kept, ranking: str, candidates: Candidates, make: Callable[[], np.ndarray], of: Mapping[str, Any]
) -> np.ndarray:
    named = {**of, "rdkit": rdkit.__version__}
    return scores_kept(kept, ranking, candidates, partial(_scored, make), named, __name__).scores


def _scored(make: Callable[[], np.ndarray]) -> Scored:
    return Scored(make())


def _part_frequencies(candidates: Candidates) -> np.ndarray:
    rings = np.array([block.count for block in candidates.vocabulary.rings])[candidates.ring]
    motifs = np.array([block.count for block in candidates.vocabulary.motifs])[candidates.motif]
    return np.stack([np.log(rings), np.log(motifs), sum(candidates.sizes)], 1)


def _fingerprints(candidates: Candidates) -> np.ndarray:
    ecfp4 = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS)
    return np.stack([ecfp4.GetFingerprintAsNumPy(molecule) for molecule in _molecules(candidates.smiles)]).astype(
        np.float32
    )


def _molecules(smiles: np.ndarray) -> list[Chem.Mol]:
    return [Chem.MolFromSmiles(text) for text in smiles]
