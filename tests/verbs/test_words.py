"""`telltale runs`, `compare` and `store` on folders made by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import telltale.command
from telltale.evaluation.comparison import PairedTest
from telltale.reporting.metrics_file import read_estimates
from telltale.reporting.run_folder import _by_kind
from telltale.reporting.status import this_process
from telltale.store.store import Store, write_text
from telltale.verbs.words import PARSERS, RUNNERS
from tests.experiment.commands import Ended, command
from tests.verbs.folders import POINTS, leave, outcome_of

RNG = np.random.default_rng(0)
MEMBER = RNG.random(POINTS) < 0.5
WEAK, STRONG = RNG.normal(size=POINTS) + 0.3 * MEMBER, RNG.normal(size=POINTS) + 2 * MEMBER


def played(outputs: Path, *words: str) -> Ended:
    return command(*words, "--outputs", str(outputs))


def test_a_run_that_was_killed_is_listed_as_interrupted(tmp_path: Path) -> None:
    """Catches a dead run that is listed as running for ever."""
    gone = this_process() | {"pid": 2**22 + 1}
    leave(tmp_path / "runs" / "dead", status="running", process=gone, began="2026-01-02T00:00:00")
    leave(tmp_path / "runs" / "alive", status="running", process=this_process())
    leave(tmp_path / "store" / "no_run")
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "run.json").write_text("{")
    ended = played(tmp_path, "runs")
    rows = {line.split()[0].rpartition("/")[2]: line for line in ended.out.splitlines()[1:]}
    assert list(rows) == ["dead", "alive", "broken"], "newest first"
    assert "interrupted" in rows["dead"] and "running" in rows["alive"] and "unreadable" in rows["broken"]
    assert "attack=lira" in rows["dead"] and "paths.outputs" not in ended.out


def test_a_run_is_shown_by_a_part_of_its_name(tmp_path: Path) -> None:
    """Catches a run that has to be typed whole, and one picked where two are meant."""
    leave(tmp_path / "runs" / "12-00-lira", outcome_of(STRONG, MEMBER))
    leave(tmp_path / "runs" / "13-00-lira")
    ended = played(tmp_path, "runs", "show", "12-00")
    auc = read_estimates(tmp_path / "runs" / "12-00-lira" / "replicates.npz")["target/auc"]
    assert ended.code == 0 and f"{auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]" in ended.out
    two, none = played(tmp_path, "runs", "show", "lira"), played(tmp_path, "runs", "show", "rmia")
    assert two.code == none.code == 2
    assert "2 runs are called so" in two.err and "no run below" in none.err


def test_runs_of_the_same_points_are_compared_in_pairs(tmp_path: Path) -> None:
    """Catches an interval of the difference that takes what both share for chance."""
    first = leave(tmp_path / "first", outcome_of(WEAK, MEMBER))
    second = leave(tmp_path / "second", outcome_of(STRONG, MEMBER))
    a, b = (read_estimates(folder / "replicates.npz")["target/auc"] for folder in (first, second))
    test = PairedTest.of(b, a)
    ended = played(tmp_path, "compare", "first", "second")
    assert ended.code == 0 and "\npaired: " in ended.out
    assert f"{test.value:+.3f} [{test.low:+.3f}, {test.high:+.3f}]" in ended.out


def test_runs_of_other_points_are_not_paired_and_it_is_said_why(tmp_path: Path) -> None:
    """Catches a pairing by the draws alone: two data sets of one size and one seed have the same."""
    leave(tmp_path / "one", outcome_of(WEAK, MEMBER))
    leave(tmp_path / "other_data", outcome_of(STRONG, MEMBER), settings={"dataset": {"size": 2}})
    leave(tmp_path / "other_members", outcome_of(STRONG, ~MEMBER))
    leave(tmp_path / "fewer", outcome_of(STRONG[:100], MEMBER[:100]))
    leave(tmp_path / "other_draws", outcome_of(STRONG, MEMBER, seed=1))
    for name, why in (
        ("other_data", "dataset differs"),
        ("other_members", "other records were members"),
        ("fewer", "200 points of 1 model and"),
        ("other_draws", "the bootstrap drew otherwise"),
    ):
        ended = played(tmp_path, "compare", "one", name)
        assert ended.code == 0 and f"not paired: {why}" in ended.out.replace(f"{tmp_path}/one has ", ""), name


def test_an_unpaired_difference_is_wider_than_a_paired_one(tmp_path: Path) -> None:
    """Catches an interval of two unrelated runs that leaves one of them out."""
    leave(tmp_path / "one", outcome_of(WEAK, MEMBER))
    leave(tmp_path / "other", outcome_of(WEAK, MEMBER), settings={"seed": 1})
    line = next(line for line in played(tmp_path, "compare", "one", "other").out.splitlines() if line[:4] == "auc ")
    a = read_estimates(tmp_path / "one" / "replicates.npz")["target/auc"]
    low = float(line.split("[")[3].split(",")[0])
    assert low == pytest.approx(-1.96 * 2**0.5 * a.standard_error, abs=2e-3)


def test_scores_of_files_are_paired_by_ids_alone(tmp_path: Path) -> None:
    """Catches two unrelated tables paired row by row: both sorted by membership, or members on every other line."""
    names = np.arange(POINTS).astype(str)
    other = np.where(names == "7", "x", names)
    for name, ids in (("a_bare", None), ("b_bare", None), ("c", names), ("d", names), ("e", other), ("f", names[::-1])):
        leave(
            tmp_path / name, outcome_of(RNG.normal(size=POINTS), np.arange(POINTS) % 2 == 0, ids=ids), attack="scores"
        )
    bare = played(tmp_path, "compare", "a_bare", "b_bare").out
    assert "not paired: that the points are the same is not known: no ids in " in bare and "nothing in common" in bare
    assert "is not known: no ids in " in played(tmp_path, "compare", str(tmp_path / "c"), "b_bare").out
    for second, said in (
        ("d", "\npaired: "),
        ("e", "not paired: the points have other ids"),
        ("f", "in another order"),
    ):
        assert said in played(tmp_path, "compare", str(tmp_path / "c"), str(tmp_path / second)).out, second


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A store of four models, one of which two runs need, and one of which none does."""
    store = Store(tmp_path / "store")
    names = [
        store.add("release", {"model": number}, lambda entry: write_text(entry / "weights", "w" * 1000)).name
        for number in range(4)
    ]
    store.add("company", {"models": names[:2]}, lambda entry: None)
    store.add("company", {"models": names[3:]}, lambda entry: None)
    for run, needed in (("a", names[:2]), ("b", names[1:3])):
        leave(tmp_path / "runs" / run, entries=_by_kind({f"release/{name}" for name in needed}))
    return tmp_path


def test_what_no_run_needs_is_deleted_only_with_yes(outputs: Path) -> None:
    """Catches a deletion that nobody asked for, one of what a run needs, and one of who was trained with whom."""
    asked = played(outputs, "store", "prune", "--unused")
    assert asked.code == 0 and "2 of 6 entries" in asked.out and "Nothing was deleted; add --yes" in asked.out
    assert len(list((outputs / "store").glob("[!.]*/*"))) == 6
    assert played(outputs, "store", "prune", "--unused", "--yes").code == 0
    store = Store(outputs / "store")
    assert [bool(store.find("release", {"model": number})) for number in range(4)] == [True, True, True, False]
    assert len(list((outputs / "store" / "company").iterdir())) == 1
    assert "nothing: all 4 entries" in played(outputs, "store", "prune", "--unused", "--yes").out


def test_each_run_says_what_it_needs_alone(outputs: Path) -> None:
    """Catches a size that counts what another run needs as well."""
    sizes = played(outputs, "store", "size")
    assert [line.split()[:2] for line in sizes.out.splitlines()[1:]] == [
        ["company", "2"],
        ["release", "4"],
        ["all", "6"],
    ]
    rows = [line.split() for line in played(outputs, "store").out.splitlines()[1:]]
    assert [row[2] for row in rows] == ["2", "2", "2"], "two a run, and two of none"
    assert all(row[3:5] != row[5:7] for row in rows[:2]), "the model that both need is in the first alone"


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"status": "running", "process": this_process()}, "1 run is ({}/runs/c) running"),
        ({"entries": None}, "1 run is ({}/runs/c) of an older version or killed"),
    ],
)
def test_nothing_is_pruned_where_a_run_may_need_it(outputs: Path, run: dict, said: str) -> None:
    """Catches the models of a run that is still going, deleted under it, and those of an older version's runs."""
    leave(outputs / "runs" / "c", **run)
    ended = played(outputs, "store", "prune", "--unused", "--yes")
    assert ended.code == 2 and said.format(outputs) in ended.err
    assert len(list((outputs / "store").glob("[!.]*/*"))) == 6


def test_a_run_writes_down_what_it_was_served(tmp_path: Path) -> None:
    """Catches an entry that was found, not made, and so counts as unused."""
    made, found = Store(tmp_path), Store(tmp_path)
    made.find_or_make("release", {"model": 0}, lambda entry, partial: None)
    assert made.served and not found.served
    assert found.find("release", {"model": 1}) is None and not found.served
    assert found.find("release", {"model": 0}) and found.served == made.served
    assert _by_kind({"a/2", "a/1", "b/3"}) == {"a": "1 2", "b": "3"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs", "show"], "show needs a RUN"),
        (["runs", "list", "x"], "list takes no RUN"),
        (["runs", "--last", "0"], "expected 1 or more"),
        (["compare", "a"], "required: B"),
        (["store", "prune"], "prune needs --unused"),
        (["store", "size", "--yes"], "are of prune, not of size"),
        (["store", "--unuse"], "unrecognized arguments"),
        (["export", "a", "--to", "zip", "x"], "invalid choice: 'zip'"),
        (["runs", "--outputs", "/nowhere"], "no such folder"),
        (["sweep", "x", "--outputs", "/nowhere"], "SWEEP=x: no sweep of that name in /nowhere/sweeps"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(words: list[str], said: str) -> None:
    """Catches argparse's two lines, and a traceback."""
    ended = command(*words)
    assert ended.code == 2 and said in ended.err
    assert ended.err.startswith("error: ") and ended.err.count("\n") == 1


def test_every_verb_of_the_command_has_a_parser_and_a_help() -> None:
    """Catches a word that the command takes away from Hydra and nothing answers."""
    assert set(telltale.command.VERBS) == set(PARSERS) == set(RUNNERS)
    page = command("--help").out
    for verb in PARSERS:
        assert f"usage: telltale {verb} " in command(verb, "--help").out and f" {verb} " in page


def test_a_verb_loads_nothing_slow(tmp_path: Path) -> None:
    """Catches a list of runs that waits for PyTorch."""
    leave(tmp_path / "one")
    program = (
        "import sys; from telltale.verbs.words import play; "
        f"play(['runs', '--outputs', {str(tmp_path)!r}]); "
        "print([name for name in ('torch', 'scipy', 'rdkit') if name in sys.modules])"
    )
    env = {"PYTHONPATH": str(Path(telltale.command.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert "finished" in done.stdout and done.stdout.splitlines()[-1] == "[]"
