"""The words of a caption: lower case, punctuation and contractions apart, as NLTK's Treebank tokeniser parts them.

Unlike there, a full stop ends a word inside a caption too, a curly apostrophe is a straight one, and quotation marks
stay as they are. A letter keeps its accents, vowel signs and points, in whichever of its spellings it is written.
"""

from __future__ import annotations

import re
import unicodedata

JOINED = "\uffdc"  # a letter nobody writes: stands for each sign that belongs to the letter before it
CONTRACTION = r"n't\b|'(?:s|m|d|re|ve|ll)\b"
WORD = rf"""
    (?:[a-z]\.){{2,}}                      # u.s.
  | \w+?(?={CONTRACTION})                  # do|n't, dog|'s
  | {CONTRACTION}
  | \d+(?:[.,:]\d+)+                       # 1,000  3.5  10:30
  | \w+(?:[-./]\w+|'\w+)*                  # t-shirt  o'clock
  | \.\.\. | -- | \S{JOINED}*             # any other mark by itself
"""
PATTERN = re.compile(WORD, re.VERBOSE)
JOINER = re.compile(r"(?<=\w)[\u200c\u200d](?=\w)")  # says how the letters beside it are drawn


def words(text: str) -> list[str]:
    """Return the words and marks of a caption, lower-cased, in their order; an empty or blank one has none."""
    text = unicodedata.normalize("NFC", text.lower().replace("’", "'"))
    if text.isascii():
        return PATTERN.findall(text)
    letters = "".join(JOINED if unicodedata.category(sign)[0] == "M" else sign for sign in text)
    return [text[part.start() : part.end()] for part in PATTERN.finditer(JOINER.sub(JOINED, letters))]
