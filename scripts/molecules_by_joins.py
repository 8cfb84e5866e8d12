"""Draw the molecules that only several joins reach, of runs that grew them, and count what they are: a page.

python -m scripts.molecules_by_joins RUN … [--drawn 12] [--page docs/molecules_by_joins.md]

RUN: a folder that `python -m src.run attack=molextract attack.steps=2 …` has written, one a seed; the first is drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scripts.ending import exit_code
from scripts.jobs import ROOT
from telltale.errors import InputError
from telltale.papers.grid_view import markdown
from telltale.writing import write_text

if TYPE_CHECKING:
    import pandas as pd

PAGE = ROOT / "docs" / "molecules_by_joins.md"
COLUMNS = ("smiles", "joins", "novel", "hit", "hit_disjoint", "score_target")
ACROSS, SIDE = 4, 230  # drawings in a row, and pixels of each
HEAD = ("seed", "joins", "candidates", "hits", "novel candidates", "novel hits", "of G alone", "of G′ alone")


@dataclass(frozen=True)
class Grown:
    """What a run grew: its seed, its command line, and a table of candidates with COLUMNS, best first."""

    seed: int
    words: Sequence[str]
    candidates: pd.DataFrame


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page and its picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--drawn", type=int, default=12, help="molecules of the first run")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    if options.drawn < 1:
        raise InputError("--drawn", options.drawn, "a whole number from 1")
    runs = sorted((read(folder) for folder in options.runs), key=lambda run: run.seed)
    if len(others := {without_seed(run.words) for run in runs}) > 1:
        raise InputError("RUN", f"{len(others)} command lines", "runs that differ in their seed alone")
    if twice := [run.seed for run, after in pairwise(runs) if run.seed == after.seed]:
        raise InputError("RUN", f"seed {twice[0]} twice", "runs of different seeds")
    picture = options.page.with_suffix(".png")
    draw(beyond(runs[0].candidates).head(options.drawn), picture)
    write_text(options.page, page(runs, options.drawn, picture.name))
    print(options.page)
    return 0


def read(folder: Path) -> Grown:
    """Read a run. InputError for a folder without one, for another attack's, and where one join makes everything."""
    import pandas as pd

    table, document = folder / "evidence.parquet", folder / "run.json"
    if not table.exists() or not document.exists():
        raise InputError("RUN", folder, "the folder of a finished run of attack=molextract")
    try:
        candidates = pd.read_parquet(table)
        run = json.loads(document.read_text(encoding="utf-8"))
        seed, words = int(run["seed"]), run["overrides"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError("RUN", folder, "run.json and evidence.parquet as a run has written them, whole") from error
    if lacking := [name for name in COLUMNS if name not in candidates]:
        raise InputError("RUN", folder, f"one victim's grown molecules beside controls; {lacking[0]} is not told here")
    listed = candidates[candidates["score_target"].notna()]  # others are of a rival's list
    if not (listed["joins"] > 1).any():
        raise InputError("RUN", folder, "a run with attack.steps=2 or more, in which a molecule takes them")
    best_first = listed.sort_values("score_target", ascending=False, kind="stable").reset_index(drop=True)
    return Grown(seed, words, best_first)


def without_seed(words: Sequence[str]) -> tuple[str, ...]:
    """Return a command line without its seed and places."""
    return tuple(word for word in words if not word.lstrip("+").startswith(("seed=", "paths.", "hydra.")))


def beyond(candidates: pd.DataFrame) -> pd.DataFrame:
    """Keep the molecules that no single join makes, with their rank among all candidates, from 1."""
    ranked = candidates.assign(rank=np.arange(1, len(candidates) + 1))
    return ranked[ranked["joins"] > 1]


def verdict(novel: bool, hit: bool, elsewhere: bool) -> str:
    """Say what a candidate is; elsewhere: a molecule of G′, which the model never saw, contains it as well."""
    if not hit:
        return "miss"
    return ("novel hit" if novel else "hit") + (", also elsewhere" if elsewhere else "")


def draw(rows: pd.DataFrame, picture: Path) -> None:
    """Draw molecules with their rank and what they are."""
    from rdkit import Chem
    from rdkit.Chem import Draw

    told = [verdict(*row) for row in zip(rows["novel"], rows["hit"], rows["hit_disjoint"], strict=True)]
    image = Draw.MolsToGridImage(
        [Chem.MolFromSmiles(smiles) for smiles in rows["smiles"]],
        molsPerRow=ACROSS,
        subImgSize=(SIDE, SIDE),
        legends=[f"{rank}: {text}" for rank, text in zip(rows["rank"], told, strict=True)],
    )
    picture.parent.mkdir(parents=True, exist_ok=True)
    image.save(picture)


def page(runs: Sequence[Grown], drawn: int, picture: str) -> str:
    """Say what was grown, and of which kind it is."""
    seeds = ", ".join(str(run.seed) for run in runs)
    words = " ".join(without_seed(runs[0].words))
    shown = min(drawn, len(beyond(runs[0].candidates)))
    return f"""# Molecules that only several joins reach

Written by `python -m scripts.molecules_by_joins` of runs of `python -m src.run {words}`, seeds {seeds}.

A join puts a motif on a ring; what a policy grows by two of them, no enumeration of single joins can find. Drawn are
the {shown} best of seed {runs[0].seed} that no single join makes, with their rank among all
{len(runs[0].candidates):,} candidates. A hit is contained in a training molecule (G); a novel one in no molecule of the
attacker's; "also elsewhere": in a molecule of G′, as many that the model never saw, too: chemistry rather than memory.

![Molecules that only several joins reach]({picture})

Of G alone, of G′ alone: novel candidates that only a training molecule, or only a molecule of G′, contains. Without
memory they are about as many.

{markdown([list(HEAD), *(row for run in runs for row in counted(run))])}

{told(runs)}
"""


def told(runs: Sequence[Grown]) -> str:
    """Say what the seeds' counts come to: novel candidates of several joins that G alone, or G′ alone, contains."""
    alone = [beyond(run.candidates)[lambda of: of["novel"] & (of["hit"] != of["hit_disjoint"])] for run in runs]
    ours = sum(int(of["hit"].sum()) for of in alone)
    theirs = sum(len(of) for of in alone) - ours
    return (
        f"Of the novel ones that take several joins, {ours:,} are contained in training molecules alone and {theirs:,} "
        f"in molecules of G′ alone, over {len(runs)} seed{'s' * (len(runs) > 1)}."
    )


def counted(run: Grown) -> list[list[str]]:
    """Count a run's candidates by the fewest joins that make them: rows of HEAD."""
    rows = []
    for joins, of in run.candidates.groupby("joins"):
        novel, hit, elsewhere = (of[name].to_numpy(bool) for name in ("novel", "hit", "hit_disjoint"))
        numbers = (len(of), hit.sum(), novel.sum(), (novel & hit).sum())
        apart = ((novel & hit & ~elsewhere).sum(), (novel & elsewhere & ~hit).sum())
        rows.append([str(run.seed), str(joins), *(f"{int(number):,}" for number in (*numbers, *apart))])
    return rows


if __name__ == "__main__":
    sys.exit(exit_code(main, "no page was written"))
