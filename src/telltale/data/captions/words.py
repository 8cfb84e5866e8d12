"""The words of a caption: lower case, punctuation and contractions apart, as NLTK's Treebank tokeniser parts them.

Unlike there, a full stop ends a word inside a caption too, a curly apostrophe is a straight one, and quotation marks
stay as they are.
"""

from __future__ import annotations

import re

CONTRACTION = r"n't\b|'(?:s|m|d|re|ve|ll)\b"
WORD = rf"""
    (?:[a-z]\.){{2,}}                      # u.s.
  | \w+?(?={CONTRACTION})                  # do|n't, dog|'s
  | {CONTRACTION}
  | \d+(?:[.,:]\d+)+                       # 1,000  3.5  10:30
  | \w+(?:[-./]\w+|'\w+)*                  # t-shirt  o'clock
  | \.\.\. | -- | \S                       # any other mark by itself
"""
PATTERN = re.compile(WORD, re.VERBOSE)


def words(text: str) -> list[str]:
    """Return the words and marks of a caption, lower-cased, in their order; an empty or blank one has none."""
    return PATTERN.findall(text.lower().replace("’", "'"))
