"""WikiText (Merity et al. 2016): paragraphs of Wikipedia's good articles; those of one article are in one pool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telltale.data.compressed import LARGEST
from telltale.data.folders import first_found, missing, require_all_inside, require_root
from telltale.data.loaded import Loaded
from telltale.data.texts.decoding import decoded
from telltale.data.texts.documents import Documents, Preparation, as_objects
from telltale.data.texts.prepared import of_files, prepared
from telltale.data.texts.records import TextRecords
from telltale.errors import InputError

ENDS = ("tokens", "raw", "tokens.gz", "raw.gz")
PARTS = ("train", "valid", "test")
EXPECTED = "a folder with wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens, or .raw instead of .tokens"
TITLE = re.compile(r"^ ?= ([^=].*?) = ?$")  # of an article; those of its parts have two signs and more
HEADING = re.compile(r"^ ?(= ?){2,}.*= ?$")


def load(
    root: str | None = None,
    undecodable: str = "refuse",
    largest: float = LARGEST,
    vocabulary: int = 1024,
    context: int | None = 128,
    near_equal: float | None = 0.8,
    public: float = 0.2,
    tokenizer: str | None = None,
    cache: str | None = None,
    most_per_group: int | None = None,
) -> Loaded[TextRecords]:
    """Return the paragraphs of the files in `root`, a line each, without headings; they have no classes.

    undecodable: see `decoded`; vocabulary … most_per_group: see `Preparation`. Raises InputError where there is none.
    """
    how = Preparation(vocabulary, context, near_equal, public, tokenizer, cache, most_per_group)
    folder = require_root(root, EXPECTED)
    files = [file for part in PARTS for file in first_found([folder], [f"wiki.{part}.{end}" for end in ENDS])[:1]]
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    require_all_inside(files, folder)
    told = missing(PARTS, [file.name.split(".")[1] for file in files], "WikiText")
    of = f"wikitext {undecodable} {[file.name for file in files]} {of_files(files)}"
    return prepared(of, lambda: _documents(files, told, undecodable, largest), how)


def _documents(files: Sequence[Path], told: tuple[str, ...], undecodable: str, largest: float) -> Documents:
    texts, articles, said, article = list[str](), list[int](), list(told), 0
    for file in files:
        text = decoded(file, undecodable, largest)
        said += [text.told] if text.told else []
        article += 1  # the first lines of a file belong to no article of the file before
        for line in text.lines:
            if TITLE.match(line):
                article += 1
            elif line.strip() and not HEADING.match(line):
                texts.append(" ".join(line.split()))
                articles.append(article)
    if not texts:
        raise InputError("dataset.root", files[0].parent, "holds no paragraph of WikiText")
    return Documents("WikiText", as_objects(texts), groups=np.array(articles, np.int64), told=tuple(said))
