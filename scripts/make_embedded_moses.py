"""Make the embedded MOSES sample from the molsets wheel: python -m scripts.make_embedded_moses WHEEL."""

from __future__ import annotations

import argparse
import gzip
import random
import zipfile
from pathlib import Path

from telltale.data.artefacts import MOSES
from telltale.data.molecules.canonical import canonicalise
from telltale.data.molecules.moses import EMBEDDED

COUNT, SEED = 50_000, 20180501
LICENCE = "molsets-0.3.1.dist-info/LICENSE"
HEAD = """\
moses_50k.smi.gz: 50,000 SMILES sampled from the training set of MOSES (Polykovskiy et al., "Molecular Sets
(MOSES): A Benchmarking Platform for Molecular Generation Models"), written canonically by RDKit and shuffled.
Taken by scripts/make_embedded_moses.py from moses/dataset/data/train.csv.gz of the Python package
molsets 0.3.1, which is published under the MIT licence below. MOSES itself is drawn from the ZINC Clean Leads
collection.

"""


def main() -> None:
    """Write the sample and its licence notice; the same wheel, RDKit and zlib give the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="molsets-0.3.1-py3-none-any.whl")
    with zipfile.ZipFile(parser.parse_args().wheel) as wheel:
        train = gzip.decompress(wheel.read(MOSES.files[0].path)).decode().split()[1:]
        licence = wheel.read(LICENCE).decode()
    drawn = canonicalise(random.Random(SEED).sample(train, COUNT + COUNT // 20))
    again = canonicalise([text or "" for text in drawn])
    stable = [text for text, twice in zip(drawn, again, strict=True) if text is not None and text == twice]
    sample = list(dict.fromkeys(stable))[:COUNT]
    if len(sample) < COUNT:
        raise SystemExit(f"only {len(sample)} distinct molecules")
    EMBEDDED.write_bytes(gzip.compress("".join(f"{text}\n" for text in sample).encode(), 9, mtime=0))
    EMBEDDED.with_name("MOSES_LICENSE.txt").write_text(HEAD + licence, encoding="utf-8")


if __name__ == "__main__":
    main()
