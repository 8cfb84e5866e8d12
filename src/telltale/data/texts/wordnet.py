"""WordNet 3.0 (Miller 1995): what its concepts mean, in a line each; 16,719 embedded, 117,033 by fetching."""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from telltale.data.fetch import fetch
from telltale.data.folders import first_found, missing, require_all_inside, require_root
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.texts.documents import Documents, Preparation, as_objects
from telltale.data.texts.prepared import of_files, prepared
from telltale.data.texts.records import TextRecords
from telltale.errors import InputError

EMBEDDED = Path(__file__).parents[1] / "embedded" / "wordnet_17k.tsv.xz"
FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
EXPECTED = "a folder with WordNet's data.noun, data.verb, data.adj and data.adv"
CLASSES = (  # WordNet's lexicographer files, by their numbers: lexnames(5WN)
    *("adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute"),
    *("noun.body", "noun.cognition", "noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group"),
    *("noun.location", "noun.motive", "noun.object", "noun.person", "noun.phenomenon", "noun.plant"),
    *("noun.possession", "noun.process", "noun.quantity", "noun.relation", "noun.shape", "noun.state"),
    *("noun.substance", "noun.time", "verb.body", "verb.change", "verb.cognition", "verb.communication"),
    *("verb.competition", "verb.consumption", "verb.contact", "verb.creation", "verb.emotion", "verb.motion"),
    *("verb.perception", "verb.possession", "verb.social", "verb.stative", "verb.weather", "adj.ppl"),
)


def load(
    full: bool = False,
    root: str | None = None,
    downloads: str | None = None,
    vocabulary: int = 1024,
    context: int | None = 32,
    near_equal: float | None = 0.8,
    public: float = 0.2,
    tokenizer: str | None = None,
    cache: str | None = None,
) -> Loaded[TextRecords]:
    """Return the embedded glosses; all with `full`, out of `downloads`; or those of the files in `root`.

    vocabulary … cache: see `Preparation`. Raises InputError where they are not to be had, or an option will not do.
    """
    how = Preparation(vocabulary, context, near_equal, public, tokenizer, cache)
    if root is None and not full:
        return prepared(f"embedded WordNet {of_files([EMBEDDED])}", _embedded, how)
    if root is not None:
        files, told = _files(root)
    elif downloads is None:
        raise InputError("dataset.downloads", "null", "expected a folder for the files of dataset.full=true")
    else:
        folder = fetch("wordnet", Path(downloads))
        files, told = [folder / name for name in FILES], ()
    return prepared(f"WordNet {[str(file) for file in files]} {of_files(files)}", lambda: _read(files, told), how)


def _embedded() -> Documents:
    lines = [line.split("\t", 1) for line in lzma.decompress(EMBEDDED.read_bytes()).decode().splitlines()]
    return _documents([(int(label), text) for label, text in lines], "WordNet (16,719 glosses)")


def _read(files: Sequence[Path], told: tuple[str, ...]) -> Documents:
    invalid: list[InvalidRecord] = []
    held = _documents(list(glosses(files, invalid)), "WordNet")
    return replace(held, invalid=tuple(invalid), told=told)


def _files(root: str) -> tuple[list[Path], tuple[str, ...]]:
    """Return the data files that are there, and what is to be told of the others."""
    folder = require_root(root, EXPECTED)
    places = [folder, folder / "dict", folder / "wordnet"]
    files = [file for name in FILES for file in first_found(places, [name])[:1]]
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    require_all_inside(files, folder)
    return files, missing(FILES, [file.name for file in files], "WordNet")


def _documents(pairs: Sequence[tuple[int, str]], source: str) -> Documents:
    labels = np.array([label for label, _ in pairs], np.int64)
    return Documents(source, as_objects([text for _, text in pairs]), labels, CLASSES)


def glosses(files: Iterable[Path], invalid: list[InvalidRecord]) -> Iterator[tuple[int, str]]:
    """Yield the number of the lexicographer file and the gloss of each line of WordNet's data files, wndb(5WN).

    Lines that begin with a space are the licence; what is no line of such a file is added to `invalid`.
    """
    for file in files:
        for number, raw in enumerate(file.read_bytes().split(b"\n"), 1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError:
                invalid.append(InvalidRecord(file, "is not UTF-8", number, raw.decode("utf-8", "replace")[:200]))
                continue
            if line.startswith(" ") or not line.strip():
                continue
            head, bar, gloss = line.partition(" | ")
            cells = head.split(" ", 2)
            if bar and len(cells) == 3 and cells[1].isdecimal() and int(cells[1]) < len(CLASSES):
                yield int(cells[1]), " ".join(gloss.split())
            else:
                invalid.append(InvalidRecord(file, "is no line of a WordNet data file", number, line[:200]))
