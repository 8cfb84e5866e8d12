"""What there is to be seen in scenes, and how it is said: two sources that share neither things nor words for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from telltale.data.captions.scenes.style import FIRST, SECOND, Style

KINDS = ("shape", "colour", "size", "texture", "relation", "ground", "light")
RELATIONS = ("left", "right", "above", "below")
Phrases = tuple[str, ...]  # that say the same: the first is the commonest, and in every vocabulary


@dataclass(frozen=True)
class Lexicon:
    """A source's things and words.

    said      kind -> the phrases of each of its meanings, in the order of the numbers that stand for them
    function  opening, article, vague and joining -> phrases that say nothing of a picture
    style     how often what is said
    """

    said: Mapping[str, tuple[Phrases, ...]]
    function: Mapping[str, Phrases]
    style: Style

    def sets(self) -> list[Phrases]:
        """List all sets of phrases that say the same."""
        return [*(phrases for meanings in self.said.values() for phrases in meanings), *self.function.values()]


LEXICA = {
    "first": Lexicon(
        {
            "shape": (
                ("circle", "disc", "ball"),
                ("square", "box", "block"),
                ("triangle", "wedge", "cone"),
                ("cross", "plus", "crossing"),
                ("ring", "hoop", "loop"),
                ("bar", "stick", "plank"),
            ),
            "colour": (
                ("red", "crimson", "scarlet"),
                ("green", "jade", "mossy"),
                ("blue", "navy", "cobalt"),
                ("yellow", "golden", "lemon"),
                ("purple", "violet", "plum"),
                ("brown", "chestnut", "copper"),
                ("black", "jet", "coal"),
                ("pink", "rosy", "magenta"),
            ),
            "size": (("small", "tiny", "little"), ("big", "large", "huge")),
            "texture": (
                ("plain", "solid", "smooth"),
                ("striped", "banded", "stripy"),
                ("dotted", "spotted", "speckled"),
            ),
            "relation": (
                ("left of", "to the left of", "on the left side of"),
                ("right of", "to the right of", "on the right side of"),
                ("above", "over", "on top of"),
                ("below", "under", "beneath"),
            ),
            "ground": (
                ("on stone", "on concrete", "on the pavement"),
                ("in the sky", "in the air", "up in the clouds"),
                ("on sand", "on a beach", "in the desert"),
                ("on grass", "on a lawn", "in a meadow"),
            ),
            "light": (
                ("in daylight", "at noon", "in the sun"),
                ("at night", "in the dark", "at dusk"),
                ("at sunset", "in the evening", "in a warm glow"),
            ),
        },
        {
            "opening": ("there is", "a picture of", "we see"),
            "article": ("a", "the", "one"),
            "vague": ("next to", "beside", "near"),
            "joining": ("and", "with", "then"),
        },
        FIRST,
    ),
    "second": Lexicon(
        {
            "shape": (
                ("diamond", "rhombus", "kite"),
                ("hexagon", "cell", "nut"),
                ("crescent", "moon", "sickle"),
                ("star", "spark", "starfish"),
                ("flower", "blossom", "daisy"),
                ("dome", "hut", "hill"),
            ),
            "colour": (
                ("teal", "turquoise", "petrol"),
                ("maroon", "burgundy", "wine"),
                ("lime", "chartreuse", "pistachio"),
                ("lavender", "lilac", "mauve"),
                ("peach", "coral", "salmon"),
                ("khaki", "mustard", "drab"),
                ("silver", "pewter", "tin"),
                ("white", "chalky", "pearly"),
            ),
            "size": (("mini", "dwarf", "wee"), ("giant", "vast", "hefty")),
            "texture": (
                ("bare", "blank", "clean"),
                ("checked", "chequered", "tiled"),
                ("hatched", "scratched", "lined"),
            ),
            "relation": (
                ("west of", "leftwards of", "preceding"),
                ("east of", "rightwards of", "following"),
                ("north of", "higher than", "topping"),
                ("south of", "lower than", "carrying"),
            ),
            "ground": (
                ("on water", "at the lake", "in a pool"),
                ("on snow", "during winter", "in ice"),
                ("against brick", "by a wall", "against masonry"),
                ("upon wood", "upon a table", "upon some boards"),
            ),
            "light": (
                ("by candle", "by lamp", "by a fireside"),
                ("through fog", "through mist", "through some haze"),
                ("amid neon", "amid moonlight", "amid cold glare"),
            ),
        },
        {
            "opening": ("here is", "this shows", "drawing with"),
            "article": ("some", "that", "another"),
            "vague": ("close by", "touching", "around"),
            "joining": ("also", "besides", "as well as"),
        },
        SECOND,
    ),
}


@cache
def keys() -> Mapping[str, tuple[str, str, int]]:
    """Return the words that stand for one meaning alone: word -> (source, kind, number of the meaning)."""
    found = dict[str, set[tuple[str, str, int]]]()
    for source, lexicon in LEXICA.items():
        for kind, meanings in lexicon.said.items():
            for number, phrases in enumerate(meanings):
                for word in words_of(phrases):
                    found.setdefault(word, set()).add((source, kind, number))
    idle = {word for lexicon in LEXICA.values() for phrases in lexicon.function.values() for word in words_of(phrases)}
    return {word: next(iter(of)) for word, of in found.items() if len(of) == 1 and word not in idle}


def words_of(phrases: Iterable[str]) -> list[str]:
    """Return the words of some phrases, one after the other."""
    return " ".join(phrases).split()
