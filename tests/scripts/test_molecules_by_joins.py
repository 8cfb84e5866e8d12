"""The page of molecules that only several joins reach: counts are those of the runs, and other folders are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from scripts.molecules_by_joins import beyond, main, read
from telltale.errors import InputError

ROWS = [  # smiles, joins, novel, hit, hit_disjoint, score
    ("CCO", 2, True, True, False, 0.9),
    ("CCN", 1, True, True, False, 0.8),
    ("CCC", 2, True, False, True, 0.7),
    ("CCF", 2, True, True, True, 0.6),
    ("CCCl", 2, False, True, False, 0.5),
    ("CCBr", 2, True, True, False, float("nan")),  # of another list
]


def run_in(folder: Path, seed: int = 1, rows: list[tuple[object, ...]] | None = None, word: str = "a=b") -> Path:
    folder.mkdir()
    columns = ("smiles", "joins", "novel", "hit", "hit_disjoint", "score_target")
    pd.DataFrame(rows or ROWS, columns=columns).to_parquet(folder / "evidence.parquet")
    (folder / "run.json").write_text(json.dumps({"seed": seed, "overrides": [word, f"seed={seed}"]}))
    return folder


def damaged(run: Path, file: str = "run.json") -> Path:
    (run / file).write_text("{")
    return run


def test_counts_are_those_of_the_runs_and_molecules_are_drawn(tmp_path: Path) -> None:
    """Catches one join counted among several, candidates of another list, and G and G′ interchanged."""
    runs = [run_in(tmp_path / str(seed), seed) for seed in (2, 1)]
    assert main([*map(str, runs), "--page", str(tmp_path / "page.md"), "--drawn", "3"]) == 0
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "| 1 | 2 | 4 | 3 | 3 | 2 | 1 | 1 |" in page and "| 2 | 1 | 1 | 1 | 1 | 1 | 1 | 0 |" in page
    assert "2 are contained in training molecules alone and 2 in molecules of G′ alone, over 2 seeds" in page
    assert "the 3 best of seed 1" in page and "src.run a=b`, seeds 1, 2" in page
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG") and page.count("![") == 1
    assert beyond(read(runs[0]).candidates)["rank"].tolist() == [1, 3, 4, 5]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: [folder / "nothing"], "finished run of attack=molextract"),
        (lambda folder: [run_in(folder / "one", rows=[("CCO", 1, True, True, False, 0.5)])], "attack.steps=2"),
        (lambda folder: [run_in(folder / "one"), run_in(folder / "two", 2, word="c=d")], "seed alone"),
        (lambda folder: [run_in(folder / "one"), run_in(folder / "two")], "different seeds"),
        (lambda folder: [damaged(run_in(folder / "one"))], "a run has written them, whole"),
        (lambda folder: [damaged(run_in(folder / "one"), "evidence.parquet")], "a run has written them, whole"),
    ],
)
def test_folders_of_other_runs_are_refused(make: object, told: str, tmp_path: Path) -> None:
    """Catches a traceback, and seeds of different experiments under one head."""
    folders = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=told):
        main([*map(str, folders), "--page", str(tmp_path / "page.md")])


def test_a_run_of_several_victims_is_told_what_is_missing(tmp_path: Path) -> None:
    """Catches a KeyError where columns carry a victim's number."""
    folder = run_in(tmp_path / "run")
    frame = pd.read_parquet(folder / "evidence.parquet").rename(columns={"hit": "hit_0"})
    frame.to_parquet(folder / "evidence.parquet")
    with pytest.raises(InputError, match="hit is not told here"):
        read(folder)
