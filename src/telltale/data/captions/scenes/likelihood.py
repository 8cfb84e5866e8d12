"""How likely a caption is: log p(caption | scene), and log p(caption) of who does not see the picture.

Exact sums over all that the grammar hides: which objects were meant in which order, what was left out, which synonym
was replaced. A forward pass carries p(words so far) for every end of what has been said, over sets of objects told:

    α(told ∪ {j}, t) = Σ_told α(told, ·) · p(go on) · p(j is next) · p(link) · p(object j)

With p(word written | word meant) = (1 - ρ) [equal] + ρ [one of the L others] / L.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from telltale.data.captions.scenes.facts import MOST_OBJECTS, OF_OBJECTS, Facts
from telltale.data.captions.scenes.grammar import Choices, Grammar
from telltale.data.captions.scenes.lexicon import RELATIONS
from telltale.data.captions.words import words as parted

AT_ONCE = 512  # captions at a time, of like length
Slot = Mapping[int, np.ndarray]  # length of a phrase -> p(a phrase so long starts here): (captions, places)
PAD, STRANGE, UNKNOWN = -1, -2, -3


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What is held of the scenes that captions are of: weights, one-hot for who sees them; first axis 1 or captions.

    count                         (·,)
    ground, light                 (·, meanings)
    shape, colour, size, texture  (·, objects, meanings)
    relation                      (·, objects, objects, relations)
    """

    count: np.ndarray
    ground: np.ndarray
    light: np.ndarray
    shape: np.ndarray
    colour: np.ndarray
    size: np.ndarray
    texture: np.ndarray
    relation: np.ndarray

    @classmethod
    def seen(cls, grammar: Grammar, facts: Facts) -> Beliefs:
        """Return those of who sees the scenes."""
        of = {kind: np.eye(len(meanings))[getattr(facts, kind)] for kind, meanings in _meanings(grammar).items()}
        true = facts.relations()
        return cls(count=facts.count, relation=true / np.maximum(true.sum(-1, keepdims=True), 1), **of)

    @classmethod
    def unseen(cls, grammar: Grammar, count: int, large: int) -> Beliefs:
        """Return those of who knows how many objects there are, and that the first `large` ones are large."""
        places = {kind: (1, MOST_OBJECTS) if kind in OF_OBJECTS else (1,) for kind in _meanings(grammar)}
        of = {
            kind: np.full((*places[kind], len(meanings)), 1 / len(meanings))
            for kind, meanings in _meanings(grammar).items()
        }
        of["size"] = np.eye(2)[(np.arange(MOST_OBJECTS) < large).astype(int)][None]
        relation = np.full((1, MOST_OBJECTS, MOST_OBJECTS, len(RELATIONS)), 1 / len(RELATIONS))
        return cls(count=np.array([count]), relation=relation, **of)

    def take(self, rows: np.ndarray) -> Beliefs:
        """Return those of some captions."""
        return Beliefs(**{name: part if len(part) == 1 else part[rows] for name, part in vars(self).items()})


def given_scene(
    grammar: Grammar, facts: Facts, captions: Sequence[str], known: Container[str] | None = None
) -> np.ndarray:
    """Return log p(caption | scene) of a caption of each scene, in nats: (n,); known: as `Shown.log_probabilities`."""
    beliefs = Beliefs.seen(grammar, facts)
    result = np.empty(len(captions))
    for rows, written in _alike(grammar, captions, known):
        result[rows] = _log(_Pass(written, beliefs.take(rows)).total())
    return result


def without_scene(grammar: Grammar, captions: Sequence[str], known: Container[str] | None = None) -> np.ndarray:
    """Return log p(caption) of who does not see the picture, Σ p(scene) p(caption | scene), exactly: (n,) nats.

    Given how many objects there are and which are large, all else is independent, and the objects alike.
    """
    result = np.empty(len(captions))
    for rows, written in _alike(grammar, captions, known):
        total = np.zeros(len(rows))
        for count in range(1, grammar.objects + 1):
            for large in range(count + 1):
                weight = comb(count, large) / 2**count / grammar.objects
                total += weight * _Pass(written, Beliefs.unseen(grammar, count, large)).total()
        result[rows] = _log(total)
    return result


def _log(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def _meanings(grammar: Grammar) -> dict[str, tuple[Choices, ...]]:
    return {kind: grammar.said[kind] for kind in ("ground", "light", *OF_OBJECTS)}


def _alike(
    grammar: Grammar, captions: Sequence[str], known: Container[str] | None
) -> Iterator[tuple[np.ndarray, _Written]]:
    """Yield captions of like length: which, and as written."""
    number = {word: place for place, word in enumerate((*grammar.vocabulary, *grammar.idiosyncratic))}
    if known is not None:
        number = {word: place if word in known else UNKNOWN for word, place in number.items()}
    strange = STRANGE if known is None else UNKNOWN  # a word of nobody's is one of the unknown to who knows few
    tokens = [[number.get(word, strange) for word in parted(text)] for text in captions]
    lengths = np.array([len(row) for row in tokens], int)
    order = lengths.argsort(kind="stable")
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        table = np.full((len(rows), lengths[rows].max(initial=0)), PAD)
        for row, place in zip(table, rows.tolist(), strict=True):
            row[: lengths[place]] = tokens[place]
        yield rows, _Written(grammar, table, lengths[rows], known)


class _Written:
    """Captions as written, (captions, places) numbers of words, and how likely a word that was meant gave each."""

    def __init__(self, grammar: Grammar, tokens: np.ndarray, lengths: np.ndarray, known: Container[str] | None) -> None:
        self.grammar, self.tokens, self.lengths = grammar, tokens, lengths
        self.number = {word: place for place, word in enumerate(grammar.vocabulary)}
        if known is not None:
            self.number = {word: place if word in known else UNKNOWN for word, place in self.number.items()}
        others = grammar.idiosyncratic if grammar.idiosyncrasy else ()
        heard = len(others) if known is None else sum(word in known for word in others)
        self.by_chance = np.zeros(tokens.shape)
        if others:
            one = grammar.idiosyncrasy / len(others)
            self.by_chance += one * (tokens >= len(grammar.vocabulary))
            self.by_chance += one * (len(others) - heard) * (tokens == UNKNOWN)
        self._phrases: dict[tuple[str, ...], np.ndarray] = {}

    def phrase(self, phrase: tuple[str, ...]) -> np.ndarray:
        """Return how likely a phrase that was meant gave what is written from each place on: (captions, places)."""
        if phrase not in self._phrases:
            result = np.ones(self.tokens.shape)
            for ahead, word in enumerate(phrase):
                meant = self.by_chance + (1 - self.grammar.idiosyncrasy) * (self.tokens == self.number[word])
                result[:, : max(meant.shape[1] - ahead, 0)] *= meant[:, ahead:]
                result[:, max(meant.shape[1] - ahead, 0) :] = 0
            self._phrases[phrase] = result
        return self._phrases[phrase]

    def slot(self, kind: str, weights: np.ndarray) -> Slot:
        """Return how likely a phrase of `kind` starts where; weights: (1 or captions, meanings) of what is meant."""
        slot: dict[int, np.ndarray] = {}
        for meaning, options in enumerate(self.grammar.said[kind]):
            weight = weights[:, meaning, None]
            if weight.any():
                for phrase, chance in options:
                    found = weight * chance * self.phrase(phrase)
                    slot[len(phrase)] = slot[len(phrase)] + found if len(phrase) in slot else found
        return slot


class _Pass:
    """One forward pass. States are (2, captions, places + 1): whether the ground was told in front, and the end."""

    def __init__(self, written: _Written, beliefs: Beliefs) -> None:
        self.written, self.beliefs, self.style = written, beliefs, written.grammar.lexicon.style
        sure = np.ones((1, 1))
        self.function = {kind: written.slot(kind, sure) for kind in ("opening", "article", "vague", "joining")}
        style = self.style
        told = np.array([style.plain, *[style.texture] * (beliefs.texture.shape[-1] - 1)])
        self.objects = [
            {kind: written.slot(kind, getattr(beliefs, kind)[:, place]) for kind in ("shape", "colour", "size")}
            | {"texture": written.slot("texture", beliefs.texture[:, place] * told)}
            for place in range(int(beliefs.count.max()))
        ]
        self.no_texture = [(beliefs.texture[:, place] * (1 - told)).sum(1) for place in range(len(self.objects))]

    def total(self) -> np.ndarray:
        """Return p(caption): (captions,)."""
        captions, places = self.written.tokens.shape
        style, ground = self.style, self.written.slot("ground", self.beliefs.ground)
        front = style.ground * style.front
        start = np.zeros((2, captions, places + 1))
        start[0, :, 0] = 1 - front
        first = np.zeros((captions, places + 1))
        first[:, 0] = front
        start[1] = _after(first, ground)
        said = self._objects(_perhaps(start, self.function["opening"], style.opening))
        later = style.ground * (1 - style.front) / (1 - front)
        said = np.stack([_perhaps(said[0], ground, later), said[1]]).sum(0)
        ended = _perhaps(said, self.written.slot("light", self.beliefs.light), style.light)
        return np.asarray(ended[np.arange(captions), self.written.lengths])

    def _objects(self, start: np.ndarray) -> np.ndarray:
        """Tell of some of the objects, one at least."""
        count, most = self.beliefs.count[:, None], len(self.objects)
        large = self.beliefs.size[:, :most, 1]
        weights = (1 + (self.style.large - 1) * large) * (np.arange(most) < count)
        told: dict[frozenset[int], np.ndarray] = {frozenset(): start}
        ended = np.zeros_like(start)
        for number in range(most + 1):
            on = 1.0 if number == 0 else self.style.another[number - 1] * (count > number) if number < most else 0.0
            for before in map(frozenset, combinations(range(most), number)):
                state = told.pop(before)
                if number:
                    ended += (1 - on) * state
                left = [place for place in range(most) if place not in before]
                total = np.maximum(weights[:, left].sum(1), 1e-300)
                for place in left:
                    linked = self._link(on * (weights[:, place] / total)[:, None] * state, before, place)
                    more = self._object(linked, place)
                    after = before | {place}
                    told[after] = told[after] + more if after in told else more
        return ended

    def _link(self, state: np.ndarray, before: frozenset[int], place: int) -> np.ndarray:
        if not before:
            return state
        joined = _after(state, self.function["joining"])
        if len(before) > 1:
            return joined
        (first,) = before
        relation = self.written.slot("relation", self.beliefs.relation[:, first, place])
        near = _after(state, self.function["vague"])
        style = self.style
        return (
            style.relation * _after(state, relation) + style.vague * near + (1 - style.relation - style.vague) * joined
        )

    def _object(self, state: np.ndarray, place: int) -> np.ndarray:
        style, slots, untold = self.style, self.objects[place], self.no_texture[place][:, None]
        state = _perhaps(_after(state, self.function["article"]), slots["size"], style.size)
        coloured = style.colour * _after(state, slots["colour"])
        textured = _after(state, slots["texture"])
        both = (1 - style.texture_first) * _after(coloured, slots["texture"])
        both += style.texture_first * style.colour * _after(textured, slots["colour"])
        described = untold * ((1 - style.colour) * state + coloured) + (1 - style.colour) * textured + both
        return _after(described, slots["shape"])


def _after(state: np.ndarray, slot: Slot) -> np.ndarray:
    """Say a phrase of a slot after what has been said: (…, captions, places + 1)."""
    result, places = np.zeros_like(state), state.shape[-1] - 1
    for length, starts in slot.items():
        if length <= places:
            end = places - length + 1
            result[..., length:] += state[..., :end] * starts[:, :end]
    return result


def _perhaps(state: np.ndarray, slot: Slot, chance: float) -> np.ndarray:
    return (1 - chance) * state + chance * _after(state, slot)
