"""What a run says of a captioner on scenes: attributes told right, and how far its loss is from the best one."""

from __future__ import annotations

from itertools import permutations
from time import process_time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from telltale.data.captions.scenes.claims import SceneClaims, claims_of, judged, read
from telltale.data.captions.scenes.facts import drawn
from telltale.data.captions.scenes.reader import load
from telltale.data.captions.vocabulary import vocabulary_of
from telltale.evaluation.captions import repeated
from telltale.evaluation.statistics import Resampling
from telltale.models.token_vocabulary import TokenVocabulary
from telltale.objectives.captioning import word_losses
from telltale.truth import Truth
from tests.training.captions import batch_of, built, model_of

RECORDS = load(30, size=8, idiosyncrasy=0.0).records
MEMBERS = np.arange(30)[None] < 15


def measured(captions: tuple[str, ...]) -> dict[str, float]:
    truth = Truth(MEMBERS, (), None, RECORDS.references, RECORDS.shown)  # type: ignore[arg-type]
    found = repeated((captions,), truth, Resampling.over(30, 50, seed=0))
    return {name: float(estimate.value) for name, estimate in found.items() if name.startswith("attributes")}


def test_a_person_tells_all_attributes_right_and_who_repeats_one_caption_none_of_the_picture() -> None:
    """Catches a share of words instead of claims, and chance that counts as knowledge."""
    person = measured(tuple(texts[0] for texts in RECORDS.references))
    assert person["attributes_right"] == person["attributes_right_members"] == 1 and person["attributes_told"] > 2
    assert person["attributes_right_of_the_picture"] > 0.4
    same = measured((RECORDS.references[0][0],) * 30)
    assert 0 < same["attributes_right"] < 1 and abs(same["attributes_right_of_the_picture"]) < 0.2
    assert np.isnan(measured(("",) * 30)["attributes_right"]) and measured(("",) * 30)["attributes_told"] == 0


def test_members_alone_told_right_are_seen_apart() -> None:
    """Catches members and non-members exchanged."""
    found = measured(tuple(texts[0] if row < 15 else "one lime moon" for row, texts in enumerate(RECORDS.references)))
    assert found["attributes_right_members"] == 1 and found["attributes_right"] == 0


@pytest.mark.parametrize("least", [1, 4])
def test_nats_over_bayes_are_the_captioners_less_the_best_ones(least: int) -> None:
    """Catches ends of captions that one side does not count, and words the captioner does not have."""
    vocabulary = vocabulary_of(RECORDS.references, least).known
    objective = built(model_of(vocabulary=vocabulary, shape=RECORDS.shape)).eval()
    batch = batch_of(objective, RECORDS)
    with torch.no_grad():
        losses, _ = word_losses(objective.model.word_logits(batch.inputs, batch.labels), batch.labels)
        learned = objective.success_on(RECORDS)
    best = RECORDS.shown.log_probabilities(RECORDS.references, vocabulary.split())  # type: ignore[union-attr]
    expected = (losses.sum().item() + best.sum()) / (4 * len(RECORDS))
    assert learned["nats_over_bayes"] == pytest.approx(expected, abs=1e-4) and expected > 0
    assert 0 <= learned["attributes_right"] <= 1


class Halves:
    """A tokenizer that parts each word in two, and knows the words of `strange` as one."""

    unk_token_id = 0

    def __init__(self, strange: frozenset[str]) -> None:
        texts = [word for texts in RECORDS.references for text in texts for word in text.split()]
        parts = sorted({part for word in texts for part in (word[:2], "-" + word[2:])})
        self.numbers, self.strange = {part: place for place, part in enumerate(parts, 1)}, strange

    def __call__(self, text: str, add_special_tokens: bool) -> SimpleNamespace:
        tokens: list[int] = []
        for word in text.split():
            parts = (word[:2], "-" + word[2:])
            tokens += [0] if word in self.strange else [self.numbers.get(part, 0) for part in parts]
        return SimpleNamespace(input_ids=tokens)

    def decode(self, tokens: list[int], skip_special_tokens: bool) -> str:
        return "a box"


@pytest.mark.parametrize("strange", [frozenset[str](), frozenset({"scarlet", "box", "there"})])
def test_nats_over_bayes_of_a_captioner_of_tokens_are_of_all_its_tokens(strange: frozenset[str]) -> None:
    """Catches a loss a token that is taken for one a word, and every word for unknown, as none is in its list."""
    tokenizer = Halves(strange)
    objective = built(model_of(vocabulary=" ".join(f"t{n}" for n in range(500)), shape=RECORDS.shape)).eval()
    objective.model.vocabulary = TokenVocabulary("", tokenizer, 500)
    batch = batch_of(objective, RECORDS)
    with torch.no_grad():
        losses, is_word = word_losses(objective.model.word_logits(batch.inputs, batch.labels), batch.labels)
        learned = objective.success_on(RECORDS)
    texts = [text for texts in RECORDS.references for text in texts]
    assert is_word.sum() > 1.5 * sum(len(text.split()) for text in texts)
    words = {word for text in texts for word in text.split()}
    best = RECORDS.shown.log_probabilities(RECORDS.references, words - strange)  # type: ignore[union-attr]
    assert learned["nats_over_bayes"] == pytest.approx((losses.sum().item() + best.sum()) / len(texts), abs=1e-4)


def most_by_trying(scene: SceneClaims, caption: str) -> int:
    """Count what is right of a caption for the best of all ways to take its things for objects."""
    said, objects = read(caption), [*range(len(scene.objects)), *[-1] * len(read(caption).things)]
    most = 0
    for taken in set(permutations(objects, len(said.things))):
        right = sum(
            len(scene.objects[one] & set(thing)) for one, thing in zip(taken, said.things, strict=True) if one >= 0
        )
        for before, (source, _, number), after in said.links:
            if before is not None and after is not None:
                true = scene.relations.get((taken[before], taken[after]), frozenset())
                right += source == scene.source and number in true
        most = max(most, right)
    return most + sum(claim in scene.around for claim in said.around)


def test_things_are_taken_for_the_objects_for_which_the_most_is_right() -> None:
    """Catches one object that two things are, and a link read from what was said earlier."""
    scenes = claims_of("first", drawn("first", 4, 0, np.arange(60)))
    rng = np.random.default_rng(0)
    phrases = [
        "a",
        "red",
        "big",
        "box",
        "ball",
        "ring",
        "a bar",
        "above",
        "left of",
        "right of",
        "and",
        "striped",
        "on sand",
    ]
    for scene in scenes:
        caption = " ".join(rng.choice(phrases, 9).tolist())
        if len(read(caption).things) <= 4:
            assert judged([caption], [scene])[0][0] == most_by_trying(scene, caption), caption


def test_a_caption_of_many_things_is_soon_judged() -> None:
    """Catches all ways tried to take forty boxes for four objects, as a captioner full of noise stammers."""
    scenes = [one for one in claims_of("first", drawn("first", 4, 0, np.arange(60))) if len(one.objects) == 4]
    start = process_time()
    ((right, told),) = judged([" ".join(["box"] * 40)], scenes[:1])
    assert process_time() - start < 2 and told == 40 and right <= 4
