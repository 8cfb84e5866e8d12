"""Rankings of the same candidates to compare with: chance, chemistry, a plain classifier, the attack's own variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem
from rdkit.Chem import QED, rdFingerprintGenerator

from telltale.attacks.base import Attack
from telltale.attacks.molextract.candidates import Candidates, Pool
from telltale.attacks.molextract.ranking import ListSizes, embed, evidence_of
from telltale.attacks.molextract.scorers import SCORERS, Scored, ScorerOptions
from telltale.attacks.molextract.synthetic_accessibility import synthetic_accessibility
from telltale.checks import choice
from telltale.data.seeds import derive, generator
from telltale.evidence import ExtractedMolecules
from telltale.game.world import World
from telltale.owner.release import Release

FINGERPRINT_BITS = 1024


@dataclass(frozen=True)
class Context:
    """What a ranking may use: the candidates, one release to query, and a seed."""

    candidates: Candidates
    release: Release
    seed: int


class CandidateRival(Attack):
    """A ranking function behind the contract of an attack, on the pool of candidates that the attack itself ranks."""

    access = frozenset({"embeddings"})
    accepts = frozenset({"molecules"})

    def __init__(self, name: str, pool: Pool, options: ScorerOptions, lists: ListSizes) -> None:
        self.name, self.pool, self.options, self.lists = name, pool, options, lists

    def run(self, world: World) -> ExtractedMolecules:
        """Rank for every victim."""
        candidates = self.pool.of(world.knowledge.auxiliary)
        seed = world.knowledge.seed
        ranked = [
            self.rank(Context(candidates, release, derive(seed, self.name, victim)))
            for victim, release in enumerate(world.releases)
        ]
        scores, mixing = np.stack([one.scores for one in ranked]), [one.mixing for one in ranked]
        return evidence_of(candidates, scores, self.lists, mixing)

    def rank(self, context: Context) -> Scored:
        """Score the candidates, higher = more likely in the training data."""
        return Scored(RIVALS[self.name](context))


class ScorerRival(CandidateRival):
    """One of the attack's own scorers that the attack was not configured with."""

    def rank(self, context: Context) -> Scored:
        """Score with the named scorer and the attack's options; its mixing weights come along."""
        candidates = context.candidates
        parts = embed(context.release, candidates)
        return SCORERS[self.name](parts, candidates.in_auxiliary, context.seed, self.options)


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
    return np.array([QED.qed(molecule) for molecule in _molecules(context.candidates)])


def ease_of_synthesis(context: Context) -> np.ndarray:
    """Score by the negated synthetic accessibility score (Ertl & Schuffenhauer 2009)."""
    return -synthetic_accessibility(_molecules(context.candidates))


def classifier_on_embedding(context: Context) -> np.ndarray:
    """The paper's MLP baseline: a two-layer classifier, width 300, on f(Ĝ), trained on the auxiliary label."""
    import torch
    from torch import nn

    embeddings = torch.from_numpy(context.release.embeddings(context.candidates.molecules))
    labels = torch.from_numpy(context.candidates.in_auxiliary.astype(np.float32))
    with torch.random.fork_rng():
        torch.manual_seed(context.seed)
        model = nn.Sequential(nn.Linear(embeddings.shape[1], 300), nn.ReLU(), nn.Linear(300, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
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


def blind_ranking(candidates: Candidates) -> np.ndarray:
    """Zero-query control: logistic regression on fingerprint and part frequencies, trained on the auxiliary label.

    It sees what the attack sees but the release: ECFP4 of the candidate, how often its ring and its motif occur in
    the auxiliary molecules, its size. One configuration, like the attack's.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if candidates.in_auxiliary.all() or not candidates.in_auxiliary.any():
        return _part_frequencies(candidates)[:, :2].sum(1)
    features = np.concatenate([_fingerprints(candidates), _part_frequencies(candidates)], 1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(features, candidates.in_auxiliary)
    return model.decision_function(features)


def _part_frequencies(candidates: Candidates) -> np.ndarray:
    rings = np.array([block.count for block in candidates.vocabulary.rings])[candidates.ring]
    motifs = np.array([block.count for block in candidates.vocabulary.motifs])[candidates.motif]
    return np.stack([np.log(rings), np.log(motifs), sum(candidates.sizes)], 1)


def _fingerprints(candidates: Candidates) -> np.ndarray:
    ecfp4 = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS)
    return np.stack([ecfp4.GetFingerprintAsNumPy(molecule) for molecule in _molecules(candidates)]).astype(np.float32)


def _molecules(candidates: Candidates) -> list[Chem.Mol]:
    return [Chem.MolFromSmiles(smiles) for smiles in candidates.smiles]
