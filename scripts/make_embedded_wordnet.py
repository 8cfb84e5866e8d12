"""Make the embedded glosses from the Debian package wordnet-base: python -m scripts.make_embedded_wordnet DEB."""

from __future__ import annotations

import argparse
import lzma
import re
import tempfile
from pathlib import Path

from telltale.data.archives import extract
from telltale.data.texts.artefacts import WORDNET
from telltale.data.texts.wordnet import EMBEDDED, glosses

EVERY = 7  # of the distinct glosses, in the order of the files: nouns, verbs, adjectives, adverbs
HEAD = """\
wordnet_17k.tsv.xz: {count:,} of the {all:,} distinct glosses of WordNet 3.0 (Miller, "WordNet: A Lexical Database for
English", Communications of the ACM 38(11), 1995), every seventh in the order of its files, each with the number of
its lexicographer file. Taken by scripts/make_embedded_wordnet.py from data.noun, data.verb, data.adj and data.adv of
the Debian package wordnet-base 1:3.0-37. Changes: glosses selected, runs of blanks made one. Below is WordNet's
licence and notice, as it stands at the head of each of these files.

"""


def main() -> None:
    """Write the glosses and the notice; the same package and liblzma give the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("deb", type=Path, help="wordnet-base_3.0-37_all.deb")
    contents = extract(parser.parse_args().deb, [member.path for member in WORDNET.files])
    distinct: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as temporary:
        files = [Path(temporary) / member.name for member in WORDNET.files]
        for file, content in zip(files, contents.values(), strict=True):
            file.write_bytes(content)
        for label, gloss in glosses(files, []):
            distinct.setdefault(gloss, label)
        head = re.findall(r"^ +\d+ (.*?) *$", files[0].read_text(encoding="utf-8"), re.MULTILINE)
    chosen = list(distinct.items())[::EVERY]
    text = "".join(f"{label}\t{gloss}\n" for gloss, label in chosen)
    EMBEDDED.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    notice = HEAD.format(count=len(chosen), all=len(distinct)) + "\n".join(head) + "\n"
    EMBEDDED.with_name("WORDNET_LICENSE.txt").write_text(notice, encoding="utf-8")
    print(f"{len(chosen):,} of {len(distinct):,} distinct glosses")


if __name__ == "__main__":
    main()
