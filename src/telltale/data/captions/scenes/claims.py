"""What a caption says of a scene, and how much of it is right: of objects, of where they lie, of ground and light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations

from telltale.data.captions.scenes.facts import OF_OBJECTS, Facts
from telltale.data.captions.scenes.lexicon import LEXICA, keys, words_of
from telltale.data.captions.words import words as parted

Claim = tuple[str, str, int]  # source, kind, number of the meaning


@dataclass
class Read:
    """A caption as read: things, each a list of claims; links (thing before, relation, thing after); and the rest."""

    things: list[list[Claim]] = field(default_factory=list)
    links: list[tuple[int | None, Claim, int | None]] = field(default_factory=list)
    around: list[Claim] = field(default_factory=list)

    @property
    def told(self) -> int:
        """Count what is said."""
        return sum(map(len, self.things)) + len(self.links) + len(self.around)


@cache
def _parting() -> frozenset[str]:
    """Return the words that part one thing from the next."""
    told_of = [lexicon.function[kind] for lexicon in LEXICA.values() for kind in ("article", "joining", "vague")]
    return frozenset(word for phrases in told_of for word in words_of(phrases))


def read(caption: str) -> Read:
    """Read a caption from left to right. A thing ends with its shape, or where another thing or a place begins.

    >>> read("a big red ball left of a box").told
    5
    """
    meaning, parting = keys(), _parting()
    result, thing, waiting = Read(), list[Claim](), list[tuple[int | None, Claim]]()

    def end() -> None:
        if thing:
            result.things.append(thing.copy())
            result.links.extend((before, claim, len(result.things) - 1) for before, claim in waiting)
            thing.clear()
            waiting.clear()

    for word in parted(caption):
        claim = meaning.get(word)
        if claim is None:
            if word in parting:
                end()
            continue
        if claim[1] in OF_OBJECTS:
            thing.append(claim)
            if claim[1] == "shape":
                end()
            continue
        end()
        if claim[1] != "relation":
            result.around += [claim] if claim not in result.around else []
        elif claim not in [said for _, said in waiting]:
            waiting.append((len(result.things) - 1 if result.things else None, claim))
    end()
    result.links.extend((before, claim, None) for before, claim in waiting)
    return result


@dataclass(frozen=True)
class SceneClaims:
    """What may truly be said of one scene.

    objects    of each object, its claims
    relations  (object, object) -> numbers of the relations of the first from the second
    around     claims on ground and light
    """

    source: str
    objects: tuple[frozenset[Claim], ...]
    relations: Mapping[tuple[int, int], frozenset[int]]
    around: frozenset[Claim]

    def right(self, caption: Read) -> int:
        """Count what is right: things are taken for those objects, one each, for which the most is.

        Thing by thing, as a link is of two that follow each other: the most for each set of objects taken so far and
        what the last thing was taken for, -1 for nothing. So it takes no longer for twenty things than twenty steps.
        """
        links: dict[int | None, list[Claim]] = {}
        for before, claim, after in caption.links:
            if before is not None:
                links.setdefault(after, []).append(claim)
        best = {(frozenset[int](), -1): 0}
        for place, thing in enumerate(caption.things):
            more: dict[tuple[frozenset[int], int], int] = {}
            for (taken, last), right in best.items():
                for one in {-1, *range(len(self.objects))} - taken:
                    state = (taken | {one} - {-1}, one)
                    gained = right + self._of(thing, links.get(place, []), last, one)
                    more[state] = max(more.get(state, 0), gained)
            best = more
        return sum(claim in self.around for claim in caption.around) + max(best.values())

    def _of(self, thing: Sequence[Claim], links: Sequence[Claim], last: int, one: int) -> int:
        """Count what is right of a thing that is taken for object `one`, and of where `last` is from it."""
        if one < 0:
            return 0
        true = self.relations.get((last, one), frozenset())
        related = sum(source == self.source and number in true for source, _, number in links)
        return len(self.objects[one] & set(thing)) + related


def claims_of(source: str, facts: Facts) -> list[SceneClaims]:
    """List what may truly be said of each scene."""
    relations = facts.relations()
    return [
        SceneClaims(
            source,
            tuple(
                frozenset((source, kind, int(getattr(facts, kind)[row, place])) for kind in OF_OBJECTS)
                for place in range(int(facts.count[row]))
            ),
            {
                (first, second): frozenset(relations[row, first, second].nonzero()[0].tolist())
                for first, second in permutations(range(int(facts.count[row])), 2)
            },
            frozenset({(source, "ground", int(facts.ground[row])), (source, "light", int(facts.light[row]))}),
        )
        for row in range(len(facts))
    ]


def judged(captions: Sequence[str], scenes: Sequence[SceneClaims]) -> list[tuple[int, int]]:
    """Return of each caption how much of what it says of its scene is right, and how much it says."""
    known = {caption: read(caption) for caption in dict.fromkeys(captions)}
    return [(scene.right(known[text]), known[text].told) for text, scene in zip(captions, scenes, strict=True)]
