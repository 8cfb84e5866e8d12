"""Make the embedded captioned emoji from the vendors' fetched sets and two packages of names and keywords.

python -m scripts.make_embedded_emoji GOOGLE TWITTER CLDR DERIVED EMOJILIB APACHE: the folders emoji_google and
emoji_twitter of scripts.fetch_data, cldr-annotations-full-48.2.0.tgz, cldr-annotations-derived-full-48.2.0.tgz,
emojilib-4.0.3.tgz, and the text of the Apache licence 2.0.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from telltale.data.archives import extract
from telltale.data.captions.emoji import COLUMNS, EMBEDDED, SIZE, TABLE
from telltale.data.digests import digests_of
from telltale.data.images.emoji import Emoji, read_sheet
from telltale.data.images.resize import resized

FEWEST = 3  # captions of a picture
KEYWORDS = 6  # of each list: captions of a dozen words at most
LEFT_OUT = ("Flags", "Component")  # flags are partly the same picture; components are skin tones and hair
CLDR = "package/annotations/en/annotations.json"
DERIVED = "package/annotationsDerived/en/annotations.json"
EMOJILIB = "package/dist/emoji-en-US.json"
PEOPLE = {"1F466", "1F467", "1F468", "1F469", "1F9D1", "1F9D2"}  # boy, girl, man, woman, person, child
ADDED = ("-200D-2640", "-200D-2642", "-200D-27A1", "-FE0F")  # as a woman, as a man, facing right, in colour
GENDERED = {  # one word for all genders, the longer first
    r"old man|old woman|older person": "elder",
    r"mrs\.? claus|mx claus|santa claus": "claus",
    r"princess|prince|person with crown": "royalty",
    r"boys?|girls?|child": "child",
    r"woman|man|person|women|men|people": "person",
    r"person and person": "person",
    r"\W* facing right": "",
}
ALIKE = ("family", "kiss", "couple with heart")  # with or without who it is: drawn as the same few figures
HEAD = """\
emoji/captions.json.gz: names, keywords and groups of the {count} emoji without flags and skin tones that Google and
Twitter both draw; emoji/google.png: Google's pictures of them (Noto Emoji), {size} x {size}, in the order of that
table. Made by scripts/make_embedded_emoji.py from these packages of the npm registry:

- emoji-datasource-google 16.0.0 (MIT, Copyright (c) 2013 Cal Henderson): the pictures are those of Noto Emoji,
  Copyright Google, under the Apache License 2.0 below; changes: scaled from 64 x 64, on white, put on one sheet.
  The names in capital letters and the categories are Unicode's.
- cldr-annotations-full and cldr-annotations-derived-full 48.2.0: English short names and keywords of Unicode CLDR,
  under the Unicode License v3 below; changes: selected, in lower case, the first {keywords} keywords of each.
- emojilib 4.0.3 (MIT, Copyright (c) 2014 Mu-An Chiou, licence below): keywords; changes: as above.

"""


def main() -> None:
    """Write table, pictures and notice; the same packages, Pillow and zlib give the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("google", "twitter", "cldr", "derived", "emojilib", "apache"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    cldr, derived = extract(options.cldr, [CLDR, "package/LICENSE"]), extract(options.derived, [DERIVED])
    emojilib = extract(options.emojilib, [EMOJILIB, "package/LICENSE"])
    annotations = json.loads(cldr[CLDR])["annotations"]["annotations"]
    annotations |= json.loads(derived[DERIVED])["annotationsDerived"]["annotations"]
    keywords = {_plain(text): words for text, words in json.loads(emojilib[EMOJILIB]).items()}

    sheets = [read_sheet(folder) for folder in (options.google, options.twitter)]
    emoji = sheets[0][1]
    kept = [row for row, one in enumerate(emoji) if one.category not in LEFT_OUT and _drawn(sheets, row)]
    pictures = [resized(pixels[kept], (3, SIZE, SIZE)) for pixels, _ in sheets]
    shown = [emoji[row] for row in kept]
    texts = ["".join(chr(int(point, 16)) for point in one.code_points.split("-")) for one in shown]
    references = [
        references_of(one, annotations[_plain(text)], keywords.get(_plain(text), []))
        for one, text in zip(shown, texts, strict=True)
    ]
    names = [captions[0] for captions in references]
    same_file = [digests_of(one).tolist() for one in pictures]
    keys = zip(map(_structure, shown), map(_ungendered, names), *same_file, strict=True)
    concepts = groups([list(enumerate(one)) for one in keys])
    table = [
        {"code_points": one.code_points, "concept": concept, "references": captions}
        for one, concept, captions in zip(shown, concepts, references, strict=True)
    ]
    EMBEDDED.mkdir(exist_ok=True)
    TABLE.write_bytes(gzip.compress(json.dumps(table, ensure_ascii=False).encode(), 9, mtime=0))
    _write_sheet(pictures[0], EMBEDDED / "google.png")
    notice = HEAD.format(count=len(table), size=SIZE, keywords=KEYWORDS)
    licences = (cldr["package/LICENSE"].decode(), emojilib["package/LICENSE"].decode(), options.apache.read_text())
    EMBEDDED.with_name("EMOJI_LICENSE.txt").write_text("\n".join([notice, *licences]), encoding="utf-8")
    print(f"{len(table)} emoji, {len(set(concepts))} concepts")


def references_of(emoji: Emoji, annotation: dict[str, list[str]], keywords: Sequence[str]) -> list[str]:
    """Return three or four captions: CLDR's name, Unicode's, and the name with each list of keywords.

    Of equal ones the first is kept; where two are left, the name with its category is the third.
    """
    name = annotation["tts"][0]
    lists = (annotation["default"], keywords)
    told = [name, emoji.name, *(" ".join([name, *_new_words(name, words)]) for words in lists)]
    captions = dict.fromkeys(" ".join(caption.replace("_", " ").lower().split()) for caption in told)
    if len(captions) < FEWEST:
        filed = f"{emoji.category} {emoji.subcategory}".replace("-", " ").replace("&", "and")
        captions[f"{name} {filed}".lower()] = None
    return list(captions)


def groups(keys: Sequence[Iterable[object]]) -> list[int]:
    """Number the groups of things that share a key, directly or through others: keys of each -> (things,)."""
    group = list(range(len(keys)))
    first: dict[object, int] = {}

    def root(thing: int) -> int:
        while group[thing] != thing:
            thing = group[thing]
        return thing

    for thing, own in enumerate(keys):
        for key in own:
            one, other = sorted((root(thing), root(first.setdefault(key, thing))))
            group[other] = one
    roots = [root(thing) for thing in range(len(keys))]
    number = {one: place for place, one in enumerate(dict.fromkeys(roots))}
    return [number[one] for one in roots]


def _new_words(name: str, keywords: Sequence[str]) -> list[str]:
    said = _letters(name)
    new = [" ".join(word.replace("_", " ").lower().split()) for word in keywords if not _letters(word) <= said]
    return list(dict.fromkeys(new))[:KEYWORDS]


def _letters(text: str) -> set[str]:
    return set(re.findall("[a-z]+", text.lower()))


def _structure(emoji: Emoji) -> str:
    """Return the code points without gender, direction and variant: a woman running is a person running."""
    points = emoji.code_points
    for part in ADDED:
        points = points.replace(part, "")
    return "-".join("person" if point in PEOPLE else point for point in points.split("-"))


def _ungendered(name: str) -> str:
    if name.partition(":")[0] in ALIKE:
        return name.partition(":")[0]
    for words, word in GENDERED.items():
        name = re.sub(rf"(?<!\w)(?:{words})(?!\w)", word, name)
    return name


def _drawn(sheets: Sequence[tuple[np.ndarray, object]], row: int) -> bool:
    return all(pixels[row].min() < 255 for pixels, _ in sheets)  # a place left empty is white


def _plain(text: str) -> str:
    return text.replace("\ufe0f", "")


def _write_sheet(pictures: np.ndarray, file: Path) -> None:
    """Put pictures, (n, 3, size, size), on one sheet, row by row; places left over are white."""
    from PIL import Image

    rows = -(-len(pictures) // COLUMNS)
    cells = np.full((rows * COLUMNS, SIZE, SIZE, 3), 255, np.uint8)
    cells[: len(pictures)] = pictures.transpose(0, 2, 3, 1)
    sheet = cells.reshape(rows, COLUMNS, SIZE, SIZE, 3).swapaxes(1, 2).reshape(rows * SIZE, COLUMNS * SIZE, 3)
    Image.fromarray(sheet).save(file, optimize=True)


if __name__ == "__main__":
    main()
