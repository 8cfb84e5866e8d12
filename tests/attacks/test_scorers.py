"""The scores of Molextract against numbers worked out by hand."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from telltale.attacks.molextract import scorers
from telltale.attacks.molextract.candidates import Pool, VocabularyOptions
from telltale.attacks.molextract.ranking import ListSizes
from telltale.attacks.molextract.rivals import rivals_named
from telltale.attacks.molextract.scorers import SCORERS, ScorerOptions, cross_entropy, fixed, signed_cosine
from telltale.attacks.molextract.scoring import Parts, part_whole_score
from telltale.attacks.molextract.synthetic_accessibility import scores_in
from telltale.data.molecules.records import MoleculeRecords
from tests.training.small import molecules

LEARNED = ("paper", "released_code")


def parts(ring: Any, motif: Any, whole: Any, ring_size: Any, motif_size: Any) -> Parts:
    rows = (np.array(one, np.float32) for one in (ring, motif, whole))
    return Parts(*rows, np.array(ring_size), np.array(motif_size))


BY_HAND = parts([[1, 0]], [[0, 1]], [[3, 4]], [6], [2])


def tensors(of: Parts) -> tuple[Any, ...]:
    sizes = np.stack([of.ring_size, of.motif_size], 1).astype(np.float32)
    fragments = (scorers.Fragments.of(one) for one in (of.ring, of.motif))
    return *fragments, torch.from_numpy(of.whole), torch.from_numpy(sizes)


def random_parts(n: int, rng: np.random.Generator) -> Parts:
    ring, motif = rng.normal(size=(2, n, 8))
    sizes = rng.integers(3, 9, size=(2, n))
    return parts(ring, motif, rng.normal(size=(n, 8)), *sizes)


def area_under_curve(scores: np.ndarray, positives: np.ndarray) -> float:
    return float((scores[positives][:, None] > scores[~positives]).mean())


@pytest.mark.parametrize(
    ("alpha", "size_weighted", "expected"),
    [
        # cos((3, 4), (α |R|, (1 - α) |M|)) with |R| = 6, |M| = 2: (3a + 4b) / (5 sqrt(a² + b²))
        (0.5, False, (1.5 + 2.0) / (5 * np.sqrt(0.5))),
        (0.5, True, (9 + 4) / (5 * np.sqrt(10))),
        (0.25, True, (4.5 + 6) / (5 * np.sqrt(1.5**2 + 1.5**2))),
        (1.0, True, 0.6),
        (0.0, False, 0.8),
    ],
)
def test_equation_1_equals_the_case_worked_out_by_hand(alpha: float, size_weighted: bool, expected: float) -> None:
    """Catches α on the motif instead of the ring, and sizes on the wrong part."""
    assert part_whole_score(BY_HAND, alpha, size_weighted) == pytest.approx([expected])
    scored = fixed(BY_HAND, np.array([True]), 0, ScorerOptions(alpha, size_weighted))()
    assert scored.scores == pytest.approx([expected])
    assert scored.mixing is None


def test_equation_1_of_a_zero_embedding_is_zero() -> None:
    """Catches NaN scores, which no ranking takes."""
    assert part_whole_score(parts([[0, 0]], [[0, 0]], [[1, 2]], [1], [1]), 0.5, True) == pytest.approx([0])


def test_the_papers_forward_pass_equals_the_case_worked_out_by_hand() -> None:
    """Catches three adapters instead of one shared, a missing ReLU or bias, α on the motif, α without sigmoid."""
    model = scorers._PaperScorer(2, hidden=2)
    first, _, second = model.adapter
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, -1.0], [2.0, 0.0]]))
        first.bias.copy_(torch.tensor([0.0, -1.0]))
        second.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
        second.bias.copy_(torch.tensor([0.0, 1.0]))
        model.mixing.weight.copy_(torch.tensor([[0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]))
        model.mixing.bias.copy_(torch.tensor([-3.0 + np.log(3)]))
    score, alpha = model(*tensors(BY_HAND))
    # g(x) = A relu(Bx + b) + a: g(R) = g(1, 0): relu(1, 1) -> (1, 3);  g(M) = g(0, 1): relu(-1, -1) -> (0, 1)
    # g(Ĝ) = g(3, 4): relu(-1, 5) = (0, 5) -> (0, 6);  α = sigmoid(3 - 3 + log 3) = 3/4
    mix = 0.75 * np.array([1, 3]) + 0.25 * np.array([0, 1])
    assert alpha.tolist() == pytest.approx([0.75])
    assert score.tolist() == pytest.approx([mix[1] / np.hypot(*mix)])


def test_the_released_codes_forward_pass_equals_the_case_worked_out_by_hand() -> None:
    """Catches one shared map instead of three, missing size weights, a bounded α."""
    model = scorers._ReleasedCodeScorer(2, hidden=2)
    with torch.no_grad():
        for part, factor in ((model.ring, 1.0), (model.motif, 2.0), (model.whole, -1.0)):
            part.weight.copy_(factor * torch.eye(2))
            part.bias.zero_()
        model.mixing.weight.copy_(torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.5, 0.0]]))
        model.mixing.bias.zero_()
    score, alpha = model(*tensors(BY_HAND))
    # α = 0.5 · 3 = 1.5; mix = (1.5 · 6 · (1, 0) - 0.5 · 2 · 2 (0, 1)) / 8 = (9, -2) / 8; T_G Ĝ = (-3, -4)
    assert alpha.tolist() == pytest.approx([1.5])
    assert score.tolist() == pytest.approx([(-27 + 8) / (5 * np.sqrt(85))])


def test_the_papers_loss_is_the_cross_entropy_of_the_sigmoid() -> None:
    """Catches a loss on the raw cosine, or with labels turned round."""
    score, hits = torch.tensor([0.5, -1.0]), torch.tensor([True, False])
    p = 1 / (1 + np.exp(-score.numpy()))
    expected = -(np.log(p[0]) + np.log(1 - p[1])) / 2
    assert float(cross_entropy(score, torch.zeros(2), hits)) == pytest.approx(expected)


def test_the_released_codes_loss_counts_hits_misses_and_alpha_outside_its_range() -> None:
    """Catches the wrong sign, w taken as the share of misses, α = 0 let off or α = 1 fined."""
    score, hits = torch.tensor([0.5, 0.25, -0.5, 1.0]), torch.tensor([True, False, False, False])
    alpha = torch.tensor([1.0, 0.0, 1.5, -0.25])
    expected = -0.5 + 0.25 * (0.25 - 0.5 + 1.0) + 50 * (0 + 1.5 + 0.25)
    assert float(signed_cosine(score, alpha, hits)) == pytest.approx(expected)


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_scorer_separates_a_planted_signal(name: str) -> None:
    """Catches a scorer that does not learn, or learns the opposite."""
    rng = np.random.default_rng(0)
    noise, hits = random_parts(400, rng), rng.random(400) < 0.4
    mixed = np.where(hits[:, None], noise.ring + noise.motif, noise.whole).astype(np.float32)
    signal = Parts(noise.ring, noise.motif, mixed, noise.ring_size, noise.motif_size)
    assert area_under_curve(SCORERS[name](signal, hits, 0, ScorerOptions())().scores, hits) > 0.9


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_scorer_tells_nothing_where_there_is_nothing(name: str) -> None:
    """Catches scores that carry the truth: labels it is trained on are unrelated to the truth it is judged by."""
    rng = np.random.default_rng(1)
    found = []
    for seed in range(4):
        noise, labels, truth = random_parts(400, rng), rng.random(400) < 0.4, rng.random(400) < 0.4
        found.append(area_under_curve(SCORERS[name](noise, labels, seed, ScorerOptions())().scores, truth))
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_scorer_repeats_itself_and_leaves_torchs_generator_alone(name: str) -> None:
    """Catches hidden randomness, and an attacker whose training disturbs the owner's."""
    noise, labels = random_parts(50, np.random.default_rng(2)), np.arange(50) % 3 == 0
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (SCORERS[name](noise, labels, seed, ScorerOptions())() for seed in (7, 7, 8))
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(first.scores, again.scores)
    assert not np.array_equal(first.scores, other.scores)
    assert first.mixing is not None and first.mixing.shape == (50,)


def test_a_rival_that_mixes_hands_its_weights_over() -> None:
    """Catches α of the released code's scorer dropped, without which Figure 3 cannot be compared."""
    pool = Pool(VocabularyOptions(rings=3, motifs=6, largest_motif=6))
    owner, release = SimpleNamespace(store=None), SimpleNamespace(budget=None, embeddings=vectors)
    known = SimpleNamespace(auxiliary=molecules(40), seed=0, owner=owner)
    rivals = rivals_named(["released_code", "qed"], pool, ScorerOptions(), ListSizes((5,)))
    world: Any = SimpleNamespace(knowledge=known, releases=[release, release])
    mixing, none = (rival.run(world).mixing for rival in rivals.values())
    assert mixing.shape == (2, len(pool.of(known.auxiliary))) and np.isfinite(mixing).all() and none is None


def vectors(records: MoleculeRecords) -> np.ndarray:
    return np.random.default_rng(len(records)).normal(size=(len(records), 8)).astype(np.float32)


def test_the_cosine_of_a_mix_is_that_of_the_mix_formed() -> None:
    """Catches a product of the wrong ring or motif, and a length without its cross term; gradients too."""
    rng = np.random.default_rng(0)
    rings, motifs, whole = (torch.from_numpy(rng.normal(size=(n, 6))).requires_grad_() for n in (3, 4, 50))
    of_ring, of_motif = (torch.from_numpy(rng.integers(0, n, 50)) for n in (3, 4))
    weights = [torch.from_numpy(rng.normal(size=50)).requires_grad_() for _ in range(2)]
    ring, motif = scorers.Fragments(rings, of_ring), scorers.Fragments(motifs, of_motif)
    found = scorers.cosine_of_mix(whole, ring, motif, *weights)
    mix = weights[0][:, None] * rings[of_ring] + weights[1][:, None] * motifs[of_motif]
    expected = torch.nn.functional.cosine_similarity(whole, mix)
    torch.testing.assert_close(found, expected)
    leaves = [rings, motifs, whole, *weights]
    gradients = [torch.autograd.grad(of.sin().sum(), leaves) for of in (found, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_a_table_of_fragments_is_read_as_its_opcodes_say() -> None:
    """Catches a score that is given to the fragments of the list before it, and a fragment that is left out."""
    lists = [[-2.8254, 910163969, 3, 17], [0.5], [1e-05, 2**31 - 1, 8]]
    content = pickle.dumps(lists, protocol=0)
    assert scores_in(content) == {fragment: of_list[0] for of_list in lists for fragment in of_list[1:]}
