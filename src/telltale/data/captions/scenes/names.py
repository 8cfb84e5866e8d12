"""Words that nobody else knows, as many as are asked for: mari, soku, talino …"""

from __future__ import annotations

from collections.abc import Collection
from itertools import count, islice

SYLLABLES = tuple(f"{consonant}{vowel}" for vowel in "aiou" for consonant in "bdfgklmnprstvz")


def names(number: int, taken: Collection[str]) -> tuple[str, ...]:
    """Return so many different words of two or more syllables, none of them `taken`.

    >>> names(3, {"dada"})
    ('bada', 'fada', 'gada')
    """
    spelt = (_spelt(place) for place in count())
    return tuple(islice((word for word in spelt if word not in taken), number))


def _spelt(place: int) -> str:
    word = ""
    place += len(SYLLABLES)
    while place:
        place, syllable = divmod(place, len(SYLLABLES))
        word += SYLLABLES[syllable]
    return word
