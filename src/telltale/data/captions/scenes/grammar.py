"""A stochastic grammar of captions: what annotators say of a scene, each in words of its own."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, islice

import numpy as np

from telltale.checks import choice, share, whole_number
from telltale.data.captions.scenes.draws import uniform
from telltale.data.captions.scenes.facts import MOST_OBJECTS, Facts
from telltale.data.captions.scenes.lexicon import LEXICA, RELATIONS, Lexicon, Phrases, words_of
from telltale.data.captions.scenes.names import names
from telltale.errors import InputError

DRAWS = 192  # numbers a caption may use up; the longest takes fewer
MOST_WORDS = 100_000
AT_ONCE = 2048  # pictures whose captions are written at a time
Choices = tuple[tuple[tuple[str, ...], float], ...]  # phrases, each parted into words, with their probabilities


@dataclass(frozen=True)
class Grammar:
    """The law of a source's captions.

    source        first | second: a lexicon and a style
    words         different words that captions may have: the grammar's own, then synonyms, then words of nobody else
    idiosyncrasy  share of a caption's words that no picture determines: each word is replaced by one of those words,
                  all as likely, with this probability, whatever else is said
    objects       most objects of a scene

    Raises InputError for an option out of range.
    """

    source: str
    words: int
    idiosyncrasy: float
    objects: int

    def __post_init__(self) -> None:
        choice("dataset.source", self.source, LEXICA)
        share("dataset.idiosyncrasy", self.idiosyncrasy, zero=True, expected="from 0 to 1")
        room = f"from 1 to {MOST_OBJECTS}: each takes a quarter of the picture"
        whole_number("dataset.objects", self.objects, 1, MOST_OBJECTS, expected=room)
        own = len(set(words_of(phrases[0] for phrases in self.lexicon.sets())))
        least = own + (self.idiosyncrasy > 0)
        why = f"{own} of the grammar's own" + (" and one that no picture determines" if least > own else "")
        whole_number("dataset.words", self.words, 1, MOST_WORDS)
        if self.words < least:
            raise InputError("dataset.words", self.words, f"from {least}: {why}")

    @property
    def lexicon(self) -> Lexicon:
        """Return the source's things and words."""
        return LEXICA[self.source]

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Return the grammar's words, synonyms as far as `words` reaches."""
        return self._kept[1]

    @cached_property
    def idiosyncratic(self) -> tuple[str, ...]:
        """Return the words that no picture determines: what is left of `words`."""
        return names(self.words - len(self.vocabulary), frozenset(words_of(chain.from_iterable(self.lexicon.sets()))))

    def choices(self, phrases: Phrases) -> Choices:
        """Return those of a set of phrases that are in the vocabulary, parted, with probabilities as 1, 1/4, 1/9 …"""
        kept = [tuple(phrase.split()) for phrase in phrases if phrase in self._kept[0]]
        total = sum(1 / rank**2 for rank in range(1, len(kept) + 1))
        return tuple((words, 1 / rank**2 / total) for rank, words in enumerate(kept, 1))

    @cached_property
    def said(self) -> Mapping[str, tuple[Choices, ...]]:
        """Return kind -> the choices of each of its meanings; kinds of phrases without meaning have one."""
        lexicon = self.lexicon
        told = {kind: tuple(map(self.choices, meanings)) for kind, meanings in lexicon.said.items()}
        return told | {kind: (self.choices(phrases),) for kind, phrases in lexicon.function.items()}

    @cached_property
    def _kept(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """Take first phrases, then second ones, then third ones, while their words are within `words`."""
        room = self.words - (self.idiosyncrasy > 0)
        phrases: dict[str, None] = {}
        words: dict[str, None] = {}
        for rank in range(max(map(len, self.lexicon.sets()))):
            for same in self.lexicon.sets():
                more = dict.fromkeys(word for phrase in same[rank : rank + 1] for word in phrase.split())
                if len(words | more) <= room:
                    words |= more
                    phrases |= dict.fromkeys(same[rank : rank + 1])
        return frozenset(phrases), tuple(words)


def written(grammar: Grammar, facts: Facts, seed: int, pictures: np.ndarray, captions: int) -> list[tuple[str, ...]]:
    """Write so many captions of each scene; pictures: (n,) their numbers, on which with `seed` all hangs."""
    writer, texts = _Writer(grammar), []
    for start in range(0, len(facts), AT_ONCE):
        part = pictures[start : start + AT_ONCE]
        numbers = [uniform(seed, f"{grammar.source}/caption {place}", part, DRAWS) for place in range(captions)]
        for row, scene in enumerate(_scenes(facts.take(np.arange(start, start + len(part))))):
            texts.append(tuple(" ".join(writer.caption(scene, iter(of[row].tolist()))) for of in numbers))
    return texts


def _scenes(facts: Facts) -> Iterator[_Scene]:
    """Yield each scene as plain numbers."""
    around = zip(facts.count.tolist(), facts.ground.tolist(), facts.light.tolist(), strict=True)
    objects = zip(facts.shape.tolist(), facts.colour.tolist(), facts.size.tolist(), facts.texture.tolist(), strict=True)
    for (count, ground, light), of, relations in zip(around, objects, facts.relations().tolist(), strict=True):
        shape, colour, size, texture = of
        yield _Scene(count, ground, light, shape, colour, size, texture, relations)


@dataclass(frozen=True)
class _Scene:
    """One scene, as plain numbers."""

    count: int
    ground: int
    light: int
    shape: list[int]
    colour: list[int]
    size: list[int]
    texture: list[int]
    relations: list[list[list[bool]]]


class _Writer:
    """Writes captions: each choice takes the next number from [0, 1)."""

    def __init__(self, grammar: Grammar) -> None:
        self.style, self.share = grammar.lexicon.style, grammar.idiosyncrasy
        self.others = grammar.idiosyncratic if grammar.idiosyncrasy else ()
        self.said = {
            kind: [
                ([phrase for phrase, _ in options], [*accumulate(chance for _, chance in options)]) for options in sets
            ]
            for kind, sets in grammar.said.items()
        }

    def caption(self, scene: _Scene, numbers: Iterator[float]) -> list[str]:
        """Write one caption: [ground] [opening] object [relation object [joining object …]] [ground] [light]."""
        style, words = self.style, list[str]()
        ground = next(numbers)
        if ground < style.ground * style.front:
            words += self._phrase("ground", scene.ground, numbers)
        if next(numbers) < style.opening:
            words += self._phrase("opening", 0, numbers)
        told: list[int] = []
        while not told or (len(told) < scene.count and next(numbers) < style.another[len(told) - 1]):
            another = self._next(scene, told, next(numbers))
            words += self._link(scene, told, another, numbers)
            words += self._object(scene, another, numbers)
            told.append(another)
        if style.ground * style.front <= ground < style.ground:
            words += self._phrase("ground", scene.ground, numbers)
        if next(numbers) < style.light:
            words += self._phrase("light", scene.light, numbers)
        return self._with_others(words, numbers) if self.others else words

    def _next(self, scene: _Scene, told: Sequence[int], number: float) -> int:
        left = [place for place in range(scene.count) if place not in told]
        weights = [*accumulate(self.style.large if scene.size[place] else 1.0 for place in left)]
        return left[min(bisect(weights, number * weights[-1]), len(left) - 1)]

    def _link(self, scene: _Scene, told: Sequence[int], another: int, numbers: Iterator[float]) -> tuple[str, ...]:
        if not told:
            return ()
        number = next(numbers) if len(told) == 1 else 1.0
        if number < self.style.relation:
            true = [place for place in range(len(RELATIONS)) if scene.relations[told[0]][another][place]]
            return self._phrase("relation", true[int(next(numbers) * len(true))], numbers)
        return self._phrase("vague" if number < self.style.relation + self.style.vague else "joining", 0, numbers)

    def _object(self, scene: _Scene, place: int, numbers: Iterator[float]) -> list[str]:
        style, texture = self.style, scene.texture[place]
        words = [*self._phrase("article", 0, numbers)]
        if next(numbers) < style.size:
            words += self._phrase("size", scene.size[place], numbers)
        colour = self._phrase("colour", scene.colour[place], numbers) if next(numbers) < style.colour else ()
        seen = next(numbers) < (style.texture if texture else style.plain)
        looks = self._phrase("texture", texture, numbers) if seen else ()
        first = colour and looks and next(numbers) < style.texture_first
        words += (*looks, *colour) if first else (*colour, *looks)
        return [*words, *self._phrase("shape", scene.shape[place], numbers)]

    def _phrase(self, kind: str, meaning: int, numbers: Iterator[float]) -> tuple[str, ...]:
        phrases, chances = self.said[kind][meaning]
        return phrases[min(bisect(chances, next(numbers)), len(phrases) - 1)]

    def _with_others(self, words: Sequence[str], numbers: Iterator[float]) -> list[str]:
        drawn = islice(numbers, 2 * len(words))
        return [
            self.others[int(next(drawn) * len(self.others))] if chance < self.share else word
            for word, chance in zip(words, drawn, strict=False)
        ]
