"""IMDB's large set of film reviews (Maas et al. 2011): a file a review, a folder a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telltale.data.folders import files_below, require_root
from telltale.data.loaded import Loaded
from telltale.data.texts.decoding import decoded
from telltale.data.texts.documents import Documents, Preparation, as_objects
from telltale.data.texts.mails import plain
from telltale.data.texts.prepared import of_files, prepared
from telltale.data.texts.records import TextRecords
from telltale.errors import InputError
from telltale.writing import counted

CLASSES = ("neg", "pos")
EXPECTED = "a folder with train/pos, train/neg, test/pos and test/neg, a .txt a review"


def load(
    root: str | None = None,
    undecodable: str = "refuse",
    vocabulary: int = 1024,
    context: int | None = 128,
    near_equal: float | None = 0.8,
    public: float = 0.2,
    tokenizer: str | None = None,
    cache: str | None = None,
) -> Loaded[TextRecords]:
    """Return the reviews in folders pos and neg below `root`; one film's (by their numbers) are not kept together.

    undecodable: see `decoded`; vocabulary … cache: see `Preparation`. Raises InputError where there are none.
    """
    how = Preparation(vocabulary, context, near_equal, public, tokenizer, cache)
    folder = require_root(root, EXPECTED)
    below = files_below(folder, (".txt",))
    files = [file for file in below.files if file.parent.name in CLASSES]
    if not files:
        raise InputError("dataset.root", root, f"holds no review; expected {EXPECTED}")
    others = len(below.files) - len(files)
    told = (f"{counted(others, 'text lies', 'texts lie')} in neither pos nor neg and were left out",) if others else ()
    names = [file.relative_to(folder).as_posix() for file in files]
    of = f"imdb {undecodable} {names} {of_files(files)} {told}"
    return prepared(of, lambda: _documents(files, names, undecodable, told), how, one_class="dataset")


def _documents(files: Sequence[Path], names: Sequence[str], undecodable: str, told: tuple[str, ...]) -> Documents:
    texts, said = [], list(told)
    for file in files:
        text = decoded(file, undecodable)
        said += [text.told] if text.told else []
        texts.append(" ".join(plain("\n".join(text.lines)).split()))
    labels = np.array([CLASSES.index(file.parent.name) for file in files], np.int64)
    return Documents("IMDB", as_objects(texts), labels, CLASSES, ids=np.array(names), told=tuple(said))
