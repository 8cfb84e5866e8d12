"""AG News and DBpedia (Zhang, Zhao and LeCun 2015): class, title and text a row, in .csv without heading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telltale.checks import choice
from telltale.data.compressed import LARGEST
from telltale.data.folders import first_found, missing, require_all_inside, require_root
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.texts.decoding import decoded
from telltale.data.texts.documents import Documents, Preparation, as_objects
from telltale.data.texts.prepared import of_files, prepared
from telltale.data.texts.records import TextRecords
from telltale.data.texts.tabular import rows_of_csv
from telltale.errors import InputError

NAMES = ("class", "title", "text")
PARTS = ("train", "test")
SETS = {
    "ag_news": ("AG News", ("World", "Sports", "Business", "Sci/Tech")),
    "dbpedia": (
        "DBpedia",
        (
            *("Company", "EducationalInstitution", "Artist", "Athlete", "OfficeHolder", "MeanOfTransportation"),
            *("Building", "NaturalPlace", "Village", "Animal", "Plant", "Album", "Film", "WrittenWork"),
        ),
    ),
}


def load(
    which: str,
    root: str | None = None,
    undecodable: str = "refuse",
    largest: float = LARGEST,
    vocabulary: int = 1024,
    context: int | None = 64,
    near_equal: float | None = 0.8,
    public: float = 0.2,
    tokenizer: str | None = None,
    cache: str | None = None,
) -> Loaded[TextRecords]:
    """Return the rows of train.csv and test.csv in `root`: title and text, by their class.

    which: ag_news | dbpedia; undecodable: see `decoded`; vocabulary … cache: see `Preparation`. Raises InputError
    where there is neither file, or nothing that can be read.
    """
    how = Preparation(vocabulary, context, near_equal, public, tokenizer, cache)
    source, classes = SETS[choice("dataset.which", which, SETS)]
    expected = f"a folder with {source}'s train.csv and test.csv, as class,title,text without a heading"
    folder = require_root(root, expected)
    places = [folder, folder / f"{which}_csv"]
    files = [file for part in PARTS for file in first_found(places, [f"{part}.csv", f"{part}.csv.gz"])[:1]]
    if not files:
        raise InputError("dataset.root", root, f"expected {expected}")
    require_all_inside(files, folder)
    told = missing([f"{part}.csv" for part in PARTS], [file.name.removesuffix(".gz") for file in files], source)
    return prepared(
        f"{which} {undecodable} {[str(file) for file in files]} {of_files(files)}",
        lambda: _documents(files, source, classes, told, undecodable, largest),
        how,
        one_class="dataset",
    )


def _documents(
    files: Sequence[Path],
    source: str,
    classes: tuple[str, ...],
    told: tuple[str, ...],
    undecodable: str,
    largest: float,
) -> Documents:
    texts, labels, invalid, said = list[str](), list[int](), list[InvalidRecord](), list(told)
    for file in files:
        text = decoded(file, undecodable, largest)
        said += [text.told] if text.told else []
        for place in rows_of_csv(text.lines, ",", NAMES):
            number = str(place.cells.get("class", "")).strip()
            fault = place.fault
            if not fault and not (number.isdecimal() and 1 <= int(number) <= len(classes)):
                fault = f"its class is {number or 'empty'}, expected 1 to {len(classes)}"
            if fault:
                invalid.append(InvalidRecord(file, fault, place.line, place.text))
            else:
                texts.append(" ".join(f"{place.cells['title']} {place.cells['text']}".split()))
                labels.append(int(number) - 1)
    if not texts:
        raise InputError("dataset.root", files[0].parent, f"holds no row of {source}")
    return Documents(
        source, as_objects(texts), np.array(labels, np.int64), classes, invalid=tuple(invalid), told=tuple(said)
    )
