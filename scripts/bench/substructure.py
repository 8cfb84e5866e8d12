"""How much faster the substructure index answers than scans of the molecules, on real molecules.

Candidates are a ring system and one side chain, both cut from molecules outside the indexed ones, joined
by a single bond at random sites; half of them are chosen to be in no molecule.
"""

from __future__ import annotations

import argparse
import gzip
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdSubstructLibrary
from rich.console import Console
from rich.table import Table

import telltale
from telltale.data.molecules.substructure import SubstructureIndex

MOLECULES = Path(telltale.__file__).parent / "data" / "embedded" / "moses_50k.smi.gz"
_HELD_OUT = 4000
_CUTS = Chem.MolFromSmarts("[!#0;R]-;!@[!#0]")


def measure(
    molecules: int = 20_000,
    candidates: int = 1_000,
    repeats: int = 3,
    seed: int = 0,
    smiles_file: Path = MOLECULES,
) -> dict[str, Any]:
    """Time every method (the fastest of `repeats`, taken in turn) and return seconds, ratios, agreement.

    Keys: sizes, `miss_share`, `build_seconds` (parse and index), and for each method in `methods` its
    `seconds` (molecules parsed or indexed beforehand), `ratio` to ours, `ratio_with_build` (ours from
    SMILES, theirs from parsed molecules) and `identical` (the answers).
    """
    smiles = read_smiles(smiles_file, molecules + _HELD_OUT)
    indexed, held_out = smiles[:molecules], smiles[molecules:]
    queries = mixed_candidates(indexed, held_out, candidates, seed)
    parsed = [Chem.MolFromSmiles(text) for text in indexed]
    methods: dict[str, Callable[[], list[bool]]] = {
        "ours": lambda: _ours(indexed, queries, build),
        "full scan": lambda: [sum([m.HasSubstructMatch(q) for m in parsed]) > 0 for q in _parse(queries)],
        "first-hit loop": lambda: [any(m.HasSubstructMatch(q) for m in parsed) for q in _parse(queries)],
        "SubstructLibrary": lambda: [library.HasMatch(q) for q in _parse(queries)],
    }
    library = _library(parsed)
    build: list[float] = []
    seconds: dict[str, float] = dict.fromkeys(methods, float("inf"))
    answers: dict[str, list[bool]] = {}
    for _ in range(repeats):
        for name, method in methods.items():
            start = time.perf_counter()
            answers[name] = method()
            elapsed = time.perf_counter() - start - (build[-1] if name == "ours" else 0.0)
            seconds[name] = min(seconds[name], elapsed)
    ours, built = seconds["ours"], min(build)
    return {
        "molecules": len(indexed),
        "candidates": len(queries),
        "miss_share": 1.0 - float(np.mean(answers["full scan"])),
        "build_seconds": built,
        "methods": {
            name: {
                "seconds": taken,
                "ratio": taken / ours,
                "ratio_with_build": taken / (ours + built),
                "identical": answers[name] == answers["full scan"],
            }
            for name, taken in seconds.items()
        },
    }


def read_smiles(path: Path, count: int) -> list[str]:
    """Return the first `count` SMILES of a gzipped file with one a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [line.split()[0] for line, _ in zip(lines, range(count), strict=False)]


def mixed_candidates(indexed: Sequence[str], held_out: Sequence[str], count: int, seed: int = 0) -> list[str]:
    """Return `count` distinct candidates in random order, at least half of which are in no molecule.

    Raises ValueError if the held-out fragments do not give enough of both kinds.
    """
    generator = random.Random(seed)
    rings, chains = _fragments(held_out)
    pool: dict[str, None] = {}
    for _ in range(count * 12):
        joined = _join(generator.choice(rings), generator.choice(chains), generator)
        if joined is not None:
            pool[joined] = None
    drawn = list(pool)
    present = SubstructureIndex(indexed).contains(drawn)
    hits = [smiles for smiles, hit in zip(drawn, present, strict=True) if hit][: count // 2]
    misses = [smiles for smiles, hit in zip(drawn, present, strict=True) if not hit][: count - len(hits)]
    if len(hits) + len(misses) < count:
        raise ValueError(f"only {len(hits)} hits and {len(misses)} misses for {count} candidates")
    chosen = hits + misses
    generator.shuffle(chosen)
    return chosen


def _fragments(smiles: Sequence[str]) -> tuple[list[str], list[str]]:
    """Cut ring-to-chain single bonds; return ring systems and side chains as often as they occur."""
    rings: list[str] = []
    chains: list[str] = []
    for text in smiles:
        molecule = Chem.MolFromSmiles(text)
        bonds = {molecule.GetBondBetweenAtoms(*pair).GetIdx() for pair in molecule.GetSubstructMatches(_CUTS)}
        if bonds:
            cut = Chem.FragmentOnBonds(molecule, sorted(bonds), addDummies=False)
            for piece in Chem.GetMolFrags(cut, asMols=True):
                has_ring = piece.GetRingInfo().NumRings() > 0
                (rings if has_ring else chains).append(Chem.MolToSmiles(piece))
    return rings, chains


def _join(ring: str, chain: str, generator: random.Random) -> str | None:
    """Join two fragments by a single bond at random atoms; None where chemistry does not allow it."""
    left, right = Chem.MolFromSmiles(ring), Chem.MolFromSmiles(chain)
    joined = Chem.RWMol(Chem.CombineMols(left, right))
    site = left.GetNumAtoms() + generator.randrange(right.GetNumAtoms())
    joined.AddBond(generator.randrange(left.GetNumAtoms()), site, Chem.BondType.SINGLE)
    with rdBase.BlockLogs():
        if Chem.SanitizeMol(joined, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
            return None
        read_back = Chem.MolFromSmiles(Chem.MolToSmiles(joined))
    return None if read_back is None else Chem.MolToSmiles(read_back)


def _ours(indexed: list[str], queries: list[str], build: list[float]) -> list[bool]:
    """Build the index and answer; appends the seconds of the build to `build`."""
    start = time.perf_counter()
    index = SubstructureIndex(indexed)
    build.append(time.perf_counter() - start)
    return index.contains(queries).tolist()


def _parse(queries: list[str]) -> list[Chem.Mol]:
    return [Chem.MolFromSmiles(smiles) for smiles in queries]


def _library(parsed: list[Chem.Mol]) -> rdSubstructLibrary.SubstructLibrary:
    """RDKit's own index: molecules with pattern fingerprints."""
    library = rdSubstructLibrary.SubstructLibrary(rdSubstructLibrary.MolHolder(), rdSubstructLibrary.PatternHolder())
    for molecule in parsed:
        library.AddMol(molecule)
    return library


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecules", type=int, default=20_000)
    parser.add_argument("--candidates", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--smiles-file", type=Path, default=MOLECULES)
    options = parser.parse_args()
    result = measure(options.molecules, options.candidates, options.repeats, smiles_file=options.smiles_file)
    sizes = f"{result['candidates']} candidates in {result['molecules']} molecules"
    table = Table(title=f"{sizes}, {result['miss_share']:.0%} misses; index built in {result['build_seconds']:.2f} s")
    for column in ("method", "seconds", "ratio to ours", "ratio to ours with build", "identical answers"):
        table.add_column(column)
    for name, row in result["methods"].items():
        ratios = (f"{row['ratio']:.1f}", f"{row['ratio_with_build']:.1f}")
        table.add_row(name, f"{row['seconds']:.2f}", *ratios, "yes" if row["identical"] else "no")
    Console().print(table)


if __name__ == "__main__":
    main()
