"""What the feature extractor is trained for, and what of its features the attack sees."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from telltale.attacks.m4i.extractor import BagOfWords, Extractor, ImageSide, TextSide
from telltale.attacks.m4i.extractor_training import contrast, squared_distance


def extractor(directions: bool) -> Extractor:
    torch.manual_seed(0)
    return Extractor(ImageSide(nn.Identity(), 6, 4), TextSide(5, 4), directions)


def test_after_a_loss_of_cosines_lengths_do_not_count() -> None:
    """Catches distances that are mostly those of lengths, to which the contrast gives no meaning."""
    pictures, counts = torch.randn(7, 6), torch.rand(7, 5)
    one = extractor(directions=True)
    before = one.distance(pictures, counts)
    one.image.norm.weight.data *= 3  # all features of pictures three times as long
    np.testing.assert_allclose(one.distance(pictures, counts), before, atol=1e-6)
    cosines = nn.functional.cosine_similarity(one.image(pictures), one.text(counts)).detach().numpy()
    np.testing.assert_allclose((before**2).sum(1), 2 - 2 * cosines, atol=1e-5)
    plain = extractor(directions=False)
    assert not np.allclose(plain.distance(pictures, counts), before, atol=1e-3)


def test_pairs_of_one_concept_are_no_negatives() -> None:
    """Catches two vendors' drawings of one thing driven apart."""
    images, texts = torch.eye(3)[[0, 0, 1]], torch.eye(3)[[0, 0, 1]]
    apart, together = (contrast(images, texts, torch.tensor(concepts)) for concepts in ([0, 1, 2], [0, 0, 2]))
    assert together < 0.01 < 0.3 < apart


def test_the_authors_loss_is_the_mean_over_pairs_and_coordinates() -> None:
    """Catches a sum, whose step would grow with the batch."""
    assert squared_distance(torch.zeros(5, 4), torch.full((5, 4), 2.0), torch.arange(5)) == 4


def test_words_that_are_not_known_and_marks_in_the_attack_are_not_counted() -> None:
    """Catches the released mismatch where it is not asked for, and its absence where it is."""
    bag = BagOfWords.of(["red flag", "a red cat"], marks=True)
    assert bag.known == ("a", "cat", "flag", "red") and bag.width == 6
    assert bag.counts(["red red dog"]).tolist() == [[0, 0, 0, 2, 0, 0]]
    assert bag.counts(["a cat"], training=True).tolist() == [[1, 1, 0, 0, 1, 1]]
    assert BagOfWords.of(["red flag"]).counts(["flag"], training=True).tolist() == [[1, 0]]
