"""Make the embedded B3DB molecules from the qc-b3db wheel: python -m scripts.make_embedded_b3db WHEEL."""

from __future__ import annotations

import argparse
import csv
import gzip
from pathlib import Path

from telltale.data.archives import extract
from telltale.data.molecules.b3db import CLASSES, COLUMN, EMBEDDED, EMBEDDED_VALUES, VALUE

TABLE, VALUES = "B3DB/B3DB_classification.tsv", "B3DB/B3DB_regression.tsv"
LICENCE = "qc_b3db-1.1.1.dist-info/licenses/LICENSE"
HEAD = """\
b3db.csv.gz: the SMILES of all 7,807 molecules of B3DB's classification set (Meng, Xi, Huang and Ayers, "A curated
diverse molecular database of blood-brain barrier permeability with chemical descriptors", Scientific Data 8:289,
2021), as written there, with 1 for BBB+ and 0 for BBB-. Taken by scripts/make_embedded_b3db.py from
B3DB/B3DB_classification.tsv of the Python package qc-b3db 1.1.1, which is published under the licence below.
b3db_log_bb.csv.gz: the same of its regression set, B3DB/B3DB_regression.tsv, with logBB.

"""


def main() -> None:
    """Write the molecules and the licence notice; the same wheel and zlib give the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="qc_b3db-1.1.1-py3-none-any.whl")
    contents = extract(parser.parse_args().wheel, [TABLE, VALUES, LICENCE])
    passing = [(row["SMILES"], str(CLASSES.index(row["BBB+/BBB-"]))) for row in _rows(contents[TABLE])]
    measured = [(row["SMILES"], row["logBB"]) for row in _rows(contents[VALUES])]
    for file, column, pairs in ((EMBEDDED, COLUMN, passing), (EMBEDDED_VALUES, VALUE, measured)):
        lines = [f"{smiles.strip()},{learned}\n" for smiles, learned in pairs]
        file.write_bytes(gzip.compress("".join([f"smiles,{column}\n", *lines]).encode(), 9, mtime=0))
    EMBEDDED.with_name("B3DB_LICENSE.txt").write_text(HEAD + contents[LICENCE].decode(), encoding="utf-8")


def _rows(table: bytes) -> csv.DictReader:
    return csv.DictReader(table.decode().splitlines(), delimiter="\t")


if __name__ == "__main__":
    main()
