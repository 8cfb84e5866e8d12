"""The captions' law: what is written has the frequencies that it says, and its probabilities sum to one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from telltale.data.captions.scenes.facts import Facts, drawn
from telltale.data.captions.scenes.grammar import Grammar, written
from telltale.data.captions.scenes.lexicon import LEXICA, keys
from telltale.data.captions.scenes.likelihood import given_scene, without_scene
from telltale.errors import InputError

Weighted = tuple[tuple[str, ...], float]


def of_scene(grammar: Grammar, number: int, times: int = 1) -> Facts:
    """Return a scene, the first from `number` on with as many objects as there may be, so many times."""
    facts = drawn(grammar.source, grammar.objects, 0, np.arange(number, number + 40))
    return facts.take(np.full(times, int(np.flatnonzero(facts.count == grammar.objects)[0])))


def derivations(grammar: Grammar, facts: Facts) -> Iterator[Weighted]:
    """Yield all that may be said of a scene of one or two objects without idiosyncrasy, by a recursion of its own."""
    style, said = grammar.lexicon.style, grammar.said

    def maybe(kind: str, meaning: int, chance: float) -> list[Weighted]:
        return [((), 1 - chance), *((words, chance * p) for words, p in said[kind][meaning])]

    def thing(place: int) -> list[Weighted]:
        shape, colour, size, texture = (
            int(getattr(facts, kind)[0, place]) for kind in ("shape", "colour", "size", "texture")
        )
        parts = itertools.product(
            said["article"][0],
            maybe("size", size, style.size),
            maybe("colour", colour, style.colour),
            maybe("texture", texture, style.texture if texture else style.plain),
            (False, True),
            said["shape"][shape],
        )
        return [
            ((*a, *s, *(t + c if turned else c + t), *n), pa * ps * pc * pt * pn * (turn if turned else 1 - turn))
            for (a, pa), (s, ps), (c, pc), (t, pt), turned, (n, pn) in parts
            for turn in [style.texture_first if c and t else 0.0]
        ]

    def orders() -> Iterator[tuple[list[int], float]]:
        count = int(facts.count[0])
        weights = [style.large if facts.size[0, place] else 1.0 for place in range(count)]
        for first in range(count):
            chance = weights[first] / sum(weights)
            if count == 1:
                yield [first], chance
            else:
                yield [first], chance * (1 - style.another[0])
                yield [first, 1 - first], chance * style.another[0]

    def link(first: int, second: int) -> list[Weighted]:
        true = np.flatnonzero(facts.relations()[0, first, second]).tolist()
        told = [(words, style.relation * p / len(true)) for one in true for words, p in said["relation"][one]]
        near = [(words, style.vague * p) for words, p in said["vague"][0]]
        rest = 1 - style.relation - style.vague
        return [*told, *near, *((words, rest * p) for words, p in said["joining"][0])]

    grounds = said["ground"][int(facts.ground[0])]
    for order, chance in orders():
        parts = [thing(order[0])] if len(order) == 1 else [thing(order[0]), link(*order), thing(order[1])]
        for core in itertools.product(maybe("opening", 0, style.opening), *parts):
            words = tuple(itertools.chain.from_iterable(part for part, _ in core))
            before = chance * float(np.prod([p for _, p in core]))
            for light, shines in maybe("light", int(facts.light[0]), style.light):
                yield (*words, *light), before * shines * (1 - style.ground)
                for ground, p in grounds:
                    yield (*ground, *words, *light), before * shines * style.ground * style.front * p
                    yield (*words, *ground, *light), before * shines * style.ground * (1 - style.front) * p


@pytest.mark.parametrize("source", LEXICA)
@pytest.mark.parametrize("objects", [1, 2])
def test_probabilities_of_all_that_may_be_said_sum_to_one(source: str, objects: int) -> None:
    """Catches a choice that is counted twice or not at all; two orders that read alike are one caption."""
    grammar = Grammar(source, 60 if objects == 1 else 42, 0.0, objects)
    facts = of_scene(grammar, 3)
    expected: Counter[str] = Counter()
    for words, chance in derivations(grammar, facts):
        expected[" ".join(words)] += chance  # type: ignore[assignment]
    texts = list(expected)[:: 1 if objects == 1 else 3]
    found = np.exp(given_scene(grammar, facts.take(np.zeros(len(texts), int)), texts))
    np.testing.assert_allclose(found, [expected[text] for text in texts], rtol=1e-9, atol=1e-300)
    assert sum(expected.values()) == pytest.approx(1)


@pytest.mark.parametrize(("source", "idiosyncrasy"), [("first", 0.0), ("second", 0.0), ("first", 0.15)])
def test_mean_log_probability_is_the_entropy_counted(source: str, idiosyncrasy: float) -> None:
    """Catches a law that is not what is sampled: captions of one scene, -mean log p against the entropy of counts."""
    grammar = Grammar(source, 44 if idiosyncrasy else 42, idiosyncrasy, 1)
    times = 20_000
    facts = of_scene(grammar, 0, times)
    texts = [text for (text,) in written(grammar, facts, 5, np.arange(times), 1)]
    counts = Counter(texts)
    often = [text for text, count in counts.items() if count >= 100]
    chances = np.exp(given_scene(grammar, facts.take(np.arange(len(often))), often))
    observed = np.array([counts[text] for text in often])
    deviations = (observed - times * chances) / np.sqrt(times * chances * (1 - chances))
    assert len(often) > 20 and np.abs(deviations).max() < 4.5 and np.mean(deviations**2) < 2
    if not idiosyncrasy:
        frequencies = np.array([*counts.values()]) / times
        entropy = -(frequencies * np.log(frequencies)).sum() + (len(counts) - 1) / (2 * times)  # Miller 1955
        assert -given_scene(grammar, facts, texts).mean() == pytest.approx(entropy, abs=0.03)


def test_who_sees_no_picture_averages_over_scenes() -> None:
    """Catches a belief about scenes that is not how they are drawn: sums over 4,000 sampled scenes come near."""
    grammar = Grammar("first", 300, 0.2, 3)
    scenes = drawn("first", 3, 1, np.arange(4000))
    texts = [text for (text,) in written(grammar, scenes.take(np.arange(40)), 1, np.arange(40), 1)]
    short = sorted(texts, key=len)[:6]  # of these enough scenes are likely
    sampled = [np.exp(given_scene(grammar, scenes, [text] * 4000)) for text in short]
    means, errors = np.mean(sampled, 1), np.std(sampled, 1) / 4000**0.5
    exact = np.exp(without_scene(grammar, short))
    assert (np.abs(means - exact) < 4 * errors).all() and (errors < means / 5).any()


def test_idiosyncrasy_is_the_share_of_words_that_mean_nothing() -> None:
    """Catches a share of captions, or of objects, in the place of one of words."""
    for asked in (0.0, 0.3, 1.0):
        grammar = Grammar("second", 400, asked, 4)
        facts = drawn("second", 4, 0, np.arange(500))
        words = " ".join(text for (text,) in written(grammar, facts, 0, np.arange(500), 1)).split()
        strange = np.isin(words, grammar.idiosyncratic).mean()
        assert strange == pytest.approx(asked, abs=0.03)
    assert np.isfinite(given_scene(grammar, facts.take(np.arange(1)), ["bada dada fada"])).all()


def test_words_are_no_more_than_asked_for_and_synonyms_come_first() -> None:
    """Catches a vocabulary that is larger than its option says."""
    sizes = {words: Grammar("first", words, 0.1, 4) for words in (42, 60, 105, 400)}
    for words, grammar in sizes.items():
        assert len({*grammar.vocabulary, *grammar.idiosyncratic}) <= words
        assert len(grammar.idiosyncratic) >= 1
    assert len(sizes[42].vocabulary) < len(sizes[60].vocabulary) < len(sizes[400].vocabulary)
    assert len({*sizes[400].vocabulary, *sizes[400].idiosyncratic}) == 400


def test_words_that_a_captioner_does_not_know_are_one_word_to_it() -> None:
    """Catches a bound for a captioner that is not of what it is asked for."""
    grammar = Grammar("first", 200, 0.3, 2)
    facts = of_scene(grammar, 0)
    others = grammar.idiosyncratic
    heard = {*grammar.vocabulary, *others[:10]}
    of_each = given_scene(grammar, facts.take(np.zeros(len(others), int)), [f"a {word}" for word in others])
    (known,) = given_scene(grammar, facts, [f"a {others[5]}"], heard)
    (unknown,) = given_scene(grammar, facts, [f"a {others[50]}"], heard)
    assert known == pytest.approx(of_each[5])
    assert np.exp(unknown) == pytest.approx(np.exp(of_each[10:]).sum())
    assert given_scene(grammar, facts, ["a xyzzy"])[0] == -np.inf


def test_every_phrase_is_known_by_a_word_that_stands_for_it_alone() -> None:
    """Catches a word by which a caption of one source is read as one of the other, or as of another meaning."""
    for source, lexicon in LEXICA.items():
        for kind, meanings in lexicon.said.items():
            for number, phrases in enumerate(meanings):
                for phrase in phrases:
                    said = {keys()[word] for word in phrase.split() if word in keys()}
                    assert said == {(source, kind, number)}, phrase


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("third", 400, 0.1, 4), "dataset.source"),
        (("first", 41, 0.1, 4), "dataset.words"),
        (("first", 0, 0.0, 4), "dataset.words"),
        (("first", 400, 1.1, 4), "dataset.idiosyncrasy"),
        (("first", 400, -0.1, 4), "dataset.idiosyncrasy"),
        (("first", 400, float("nan"), 4), "dataset.idiosyncrasy"),
        (("first", 400, 0.1, 5), "dataset.objects"),
        (("first", 400, 0.1, 0), "dataset.objects"),
    ],
)
def test_options_out_of_range_are_told(options: tuple[str, int, float, int], field: str) -> None:
    """Catches a grammar without words for what it has to say."""
    with pytest.raises(InputError) as mistake:
        Grammar(*options)
    assert mistake.value.field == field
