"""A paper's runs in pieces: what one command measured is there for the next, elsewhere and with other code."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import jobs, reproduce_paper
from scripts.jobs import ROOT, Run, code_digest, digest_of_commit
from scripts.paper_runs import PaperRuns, jobs_of, this_code
from scripts.reproduce_paper import main
from telltale.papers.kept import UNKNOWN, Maker, read_kept
from telltale.planning import rehearse
from telltale.planning.cost import JobCost
from telltale.reporting.metrics_file import write_json
from telltale.training.rehearsal import NOTHING

PAPER = {
    **{"paper": "A paper", "seeds": {"smoke": [1, 2, 3, 4]}},
    "experiments": {"gin": ["attack=lira"], "gcn": ["attack=lira", "model=gcn"]},
    "claims": [
        {
            "text": "It leaks.",
            "source": "ours",
            "quantity": {"metrics": ["auc"], "experiments": ["gin"], "minus_experiments": ["gcn"]},
            "above": 0.0,
        }
    ],
    "tables": [{"title": "Table", "columns": {"auc": "AUC"}, "rows": {"GIN": ["gin", "tar*"]}}],
}
OLD, NEW = Maker("old", "a11ce5eedb0b"), Maker("new", "5f1c0ffee5f1")


class World:
    """A paper of eight runs that take no time; what one measures is by its words and `code`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.paper, self.code = folder, dict(PAPER), OLD
        self.played: list[Path] = []
        self.threads: list[int | None] = []
        self.gpu: str | None = None
        self.before: Callable[[int], object] = lambda number: None
        monkeypatch.setattr(reproduce_paper, "read_paper", lambda *_: self.paper)
        monkeypatch.setattr(reproduce_paper, "this_code", lambda: self.code)
        monkeypatch.setattr(Run, "play", lambda run, threads=None: self.play(run, threads))

    def play(self, run: Run, threads: int | None) -> bool:
        self.before(len(self.played))
        self.played.append(run.folder)
        self.threads.append(threads)
        seed = int(run.words[-2].removeprefix("seed="))
        value = 0.7 + seed / 97 - 0.1 * ("model=gcn" in run.words) + 0.001 * (self.code == NEW)
        figure = {"value": value, "low": value / 3, "high": None, "note": 'so, "so"'}
        write_json(run.folder / "metrics.json", {"metrics": {"auc": figure, "other": figure}})
        write_json(run.folder / "run.json", {"machine": {"gpu": self.gpu}})
        write_json(run.folder / "made_by.json", run.made_by)
        return True

    def __call__(self, *words: str, machine: str = "here") -> int:
        """Give the command on a machine that has the same repository, with the folder `measured` in it."""
        folder = self.folder / machine
        page = ["--page", str(folder / "page.md")]
        shelf = ["--measured", str(self.shelf), "--unplanned" if "--plan" not in words else "--jobs=1"]
        return main(["tmi", "--scale", "smoke", "--folder", str(folder), "--jobs", "1", *page, *shelf, *words])

    @property
    def shelf(self) -> Path:
        return self.folder / "measured"

    def kept(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.shelf)): path.read_bytes() for path in sorted(self.shelf.rglob("*.csv"))}

    def text(self, file: str, machine: str = "here") -> str:
        return next((self.folder / machine).rglob(file)).read_text("utf-8")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_what_was_measured_elsewhere_is_judged_bit_by_bit_as_it_was_there(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a digit that the verdicts lose on the way, and figures of another code that nobody is told of."""
    assert world() == 0 and len(world.played) == 8
    assert sorted(world.kept()) == sorted(
        f"tmi/smoke/seed{n}/{name}.csv" for n in (1, 2, 3, 4) for name in ("gin", "gcn")
    )
    assert b"other" not in b"".join(world.kept().values())  # which nothing asks for
    first, kept = world.text("page.md"), world.kept()
    assert "It rests on seeds 1, 2, 3, 4. Its 8 runs were made at commit a11ce5e." in first
    assert f"SCALE=smoke MEASURED={world.shelf} PAGE=" in first and "holds" in first
    shutil.copytree(world.folder / "here", world.folder / "before")
    world.code = NEW
    capsys.readouterr()
    assert world("--finished", machine="there") == 0 and len(world.played) == 8 and world.kept() == kept
    assert world.text("claims.json", "there") == world.text("claims.json")
    assert world.text("page.md", "there").replace("/there/", "/here/") == first
    said = f"8 of 8 runs are taken from {world.shelf}/tmi/smoke, made at commit a11ce5e\n"
    assert said in capsys.readouterr().err


def test_runs_on_a_gpu_are_told_apart(world: World) -> None:
    """Catches a page that does not say which figures a GPU made, and one that names the GPU of other runs."""
    assert world("--seeds", "1") == 0
    world.gpu = "NVIDIA H100"
    assert world("--seeds", "1,2,3") == 0
    assert "Its 6 runs were made at commit a11ce5e, 4 of them on NVIDIA H100." in world.text("page.md")
    assert sum(b"device,NVIDIA H100,,," in file for file in world.kept().values()) == 4
    assert world("--finished", machine="there") == 0
    assert "4 of them on NVIDIA H100." in world.text("page.md", "there")
    world.gpu = None
    shutil.rmtree(world.folder / "here")
    assert world("--seeds", "1,2,3", "--fresh") == 0  # made here again: their own device counts, not that which is kept
    assert "H100" not in world.text("page.md")


def test_a_run_of_this_code_comes_before_one_that_was_kept_and_takes_its_place(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches figures of earlier code beside newer ones of the same run, and a page that does not say whose it has."""
    assert world("--seeds", "1,2,3") == 0
    world.code = NEW
    shutil.rmtree(world.shelf / "tmi/smoke/seed1")
    assert world("--seeds", "1", machine="there") == 0 and len(world.played) == 8
    shutil.copy(world.shelf / "tmi/smoke/seed1/gin.csv", world.folder / "new.csv")
    world.code = OLD
    assert world("--seeds", "1", machine="here") == 0 and len(world.played) == 8
    assert read_kept(world.shelf / "tmi/smoke/seed1/gin.csv").maker == OLD  # whose command was the last
    world.code = NEW
    capsys.readouterr()
    assert world("--finished", machine="there") == 0
    assert f"4 of 8 runs are taken from {world.shelf}/tmi/smoke, made at commit a11ce5e\n" in capsys.readouterr().err
    assert (world.shelf / "tmi/smoke/seed1/gin.csv").read_bytes() == (world.folder / "new.csv").read_bytes()
    text = world.text("page.md", "there")
    assert "It rests on seeds 1, 2, 3 (3 of 4 named; the others are not finished)." in text
    assert "Its 6 runs were made at commits a11ce5e (4) and 5f1c0ff (2)." in text


def test_a_command_that_is_killed_between_runs_loses_none_that_ended(world: World) -> None:
    """Catches figures that are kept at the end alone."""

    def kill(number: int) -> None:
        if number == 5:
            raise KeyboardInterrupt

    world.before = kill
    with pytest.raises(KeyboardInterrupt):
        world()
    assert len(world.kept()) == 5
    world.before = lambda number: None
    assert world(machine="there") == 0 and len(world.played) == 8 and len(world.kept()) == 8


def test_what_is_finished_is_kept_by_a_command_that_runs_nothing(world: World) -> None:
    """Catches runs of a command that did not say where, or that was killed before it kept the last one."""
    assert world() == 0
    kept = world.kept()
    shutil.rmtree(world.shelf)
    assert world("--finished") == 0 and len(world.played) == 8 and world.kept() == kept
    assert world("--plan") == 0 and world.kept() == kept


def test_what_other_code_left_in_its_folders_is_kept_with_the_commit_that_it_was_made_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches hours that are lost as their command did not keep them, and a commit that had other code."""
    assert world("--seeds", "1,2,3,4") == 0
    kept = world.kept()
    for job in jobs_of(PAPER, "smoke", world.folder / "here/tmi/smoke"):
        commit = OLD.commit if job.seed < 4 else NEW.commit
        write_json(job.folder / "run.json", {"git_commit": commit if job.seed > 1 else None})
    shutil.rmtree(world.shelf)
    world.code = NEW
    monkeypatch.setattr("scripts.paper_runs.digest_of_commit", {OLD.commit: "old", NEW.commit: "new"}.get)
    assert world("--plan") == 0 and not world.kept()  # nothing is left, and nothing is written
    assert world() == 0 and len(world.played) == 8
    again = world.kept()
    assert {
        name: again[name] for name in again if "/seed1" not in name and "/seed4" not in name
    }.items() <= kept.items()
    makers = [read_kept(world.shelf / f"tmi/smoke/seed{seed}/gin.csv").maker for seed in (1, 2, 4)]
    assert makers == [Maker("old"), OLD, Maker("old", NEW.commit, changed=True)]


def test_what_is_asked_anew_is_read_from_the_folder_of_a_run_of_other_code(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches hours run again for one figure more of what lies there, and a page that says it is of new code."""
    assert world() == 0
    for job in jobs_of(PAPER, "smoke", world.folder / "here/tmi/smoke"):
        write_json(job.folder / "run.json", {"git_commit": OLD.commit})
    monkeypatch.setattr("scripts.paper_runs.digest_of_commit", {OLD.commit: "old", NEW.commit: "new"}.get)
    world.code = NEW
    columns = {"other": "O"}
    world.paper = {**PAPER, "tables": [{"title": "T", "columns": columns, "rows": {"GIN": ["gin", "target"]}}]}
    assert world() == 0 and len(world.played) == 8
    kept = read_kept(world.shelf / "tmi/smoke/seed1/gin.csv")
    assert kept.maker == OLD and "target/other" in kept.figures
    assert read_kept(world.shelf / "tmi/smoke/seed1/gcn.csv").maker == OLD


def test_a_commit_has_the_digest_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a digest of a commit that no checkout of it has."""
    monkeypatch.setattr(jobs, "ROOT", tmp_path)
    for name in ("src/a.py", "src/a/b.py", "src/a/c.txt", "conf/x.yaml", "conf/a/y.yaml", "conf/paper/p.yaml", "x.py"):
        write_json(tmp_path / name, name)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    committed = digest_of_commit("HEAD")
    assert committed == code_digest()
    write_json(tmp_path / "conf/paper/p.yaml", "another claim")
    assert committed == code_digest()
    write_json(tmp_path / "src/a/b.py", "other")
    assert committed == digest_of_commit("HEAD") != code_digest() and digest_of_commit("5f1c0ff") is None


def test_only_what_is_of_the_same_words_is_taken_and_the_rest_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches figures of other options under a paper that has changed, and a silent second run of what was there."""
    assert world() == 0
    world.paper = {**PAPER, "experiments": {"gin": ["attack=lira"], "gcn": ["attack=lira", "model=gat"]}}
    capsys.readouterr()
    assert world(machine="there") == 0 and len(world.played) == 12
    said = capsys.readouterr().err
    file = world.shelf / "tmi/smoke/seed1/gcn.csv"
    assert (
        f"{file} (and 3 more) is not taken: it was made with model=gcn, and conf/paper says model=gat by now\n" in said
    )
    assert "4 of 8 runs are taken from" in said and "8 runs, 0 of them finished earlier" in said
    assert "model=gat" in read_kept(file).overrides
    world.paper = {
        **world.paper,
        "tables": [{"title": "T", "columns": {"other": "O"}, "rows": {"GIN": ["gin", "target"]}}],
    }
    assert world("--finished", machine="elsewhere") == 2
    said = capsys.readouterr().err
    assert "seed1/gin.csv (and 3 more) is not taken: it does not have target/other, which conf/paper asks for" in said
    assert "(4 of 8 are left to run)" in said
    assert world("--finished") == 0  # whose folder still has it
    assert b"target/other" in world.kept()["tmi/smoke/seed1/gin.csv"]


def test_fresh_runs_take_nothing_that_was_kept(world: World) -> None:
    """Catches a run that is asked for anew and is found."""
    assert world() == 0
    world.code = NEW
    (world.shelf / "tmi/smoke/seed2/gin.csv").write_text("damaged")
    assert world("--fresh", machine="there") == 0 and len(world.played) == 16
    assert {read_kept(path).maker for path in world.shelf.rglob("*.csv")} == {NEW}


def test_bad_input_is_told_in_one_line_and_nothing_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a traceback after hours, and a damaged file that is overwritten without a word."""
    assert world("--seeds", "1,2") == 0
    damaged = world.shelf / "tmi/smoke/seed2/gin.csv"
    damaged.write_text(damaged.read_text()[:-20])
    file = world.folder / "file"
    file.write_text("")
    for words, said in (
        ([], f"--measured={damaged}: "),
        (["--seeds", "1,7"], "--seeds=7: some of 1, 2, 3, 4, which tmi has at scale smoke"),
        (["--seeds", ""], "--seeds=: some of 1, 2, 3, 4"),
        (["--threads", "0"], "--threads=0: a whole number from 1"),
        (["--measured", str(file)], f"--measured={file}: a folder"),
    ):
        capsys.readouterr()
        assert world(*words, machine="there") == 2
        error = capsys.readouterr().err.strip()
        assert error.startswith(f"error: {said}") and "\n" not in error
    assert len(world.played) == 4
    damaged.unlink()
    assert world("--seeds", "2,1", machine="there") == 0 and len(world.played) == 5


def test_some_seeds_are_run_and_the_page_says_which(world: World) -> None:
    """Catches a page of two seeds that looks like one of all."""
    assert world("--seeds", "2,1", "--threads", "3") == 0 and world.threads == [3] * 4
    assert "It rests on seeds 1, 2 (2 of 4 named; the others were not asked for)." in world.text("page.md")
    assert f"SCALE=smoke SEEDS=2,1 MEASURED={world.shelf} PAGE=" in world.text("page.md")
    assert world("--seeds", "1,4", "--finished") == 0
    named = "one of 4 named; the others are not finished or were not asked for"
    assert f"It rests on seed 1 ({named}). Its 2 runs were made" in world.text("page.md")


def test_a_plan_counts_what_is_kept_as_finished_and_plans_one_seed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches hours planned of what is there, each seed planned by itself, and a plan that changes what is kept."""
    planned: list[str] = []

    def cost(words: list[str], name: str) -> JobCost:
        planned.append(f"{name} {words[-2]}")
        return JobCost(name, 0, [], {}, {}, 1e6, NOTHING, 0)

    monkeypatch.setattr(rehearse, "cost_of_words", cost)
    assert world("--seeds", "1,2") == 0
    (world.shelf / "tmi/smoke/seed2/gcn.csv").unlink()
    kept = world.kept()
    assert world("--plan", machine="there") == 0
    assert len(planned) == 2 and len({line.split()[1] for line in planned}) == 1  # both of one seed
    assert "5 jobs, one" in capsys.readouterr().out  # two seeds, and the one that is missing
    assert world.kept() == kept and len(world.played) == 4


def test_the_code_that_is_here_has_a_commit_and_no_other_repository_gives_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches the commit of somebody else's repository around an unpacked archive."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    here = this_code()
    assert len(here.commit) == 40 and str(here).startswith(here.commit[:7])
    monkeypatch.setattr("scripts.paper_runs.ROOT", ROOT / "scripts")
    assert this_code() == Maker(here.code, UNKNOWN)


def test_a_run_whose_folder_went_is_still_told_by_what_made_it(world: World) -> None:
    """Catches a run of uncommitted changes that is told to be of a commit."""
    world.code = Maker("old", "a11ce5eedb0b", changed=True)
    assert world() == 0
    assert "made at commit a11ce5e with uncommitted changes." in world.text("page.md")
    world.code = OLD  # committed
    runs = PaperRuns(jobs_of(PAPER, "smoke", world.folder / "here/tmi/smoke"), OLD, {}, world.shelf / "tmi/smoke")
    assert runs.with_kept()[0].made_at() == "Its 8 runs were made at commit a11ce5e"
    assert world("--finished") == 0 and read_kept(world.shelf / "tmi/smoke/seed1/gin.csv").maker == OLD


def test_a_run_that_fails_is_not_judged_by_what_lies_in_its_folder(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches verdicts on figures of other words or other code, which the run that failed did not write over."""
    assert world() == 0 and '"holds": 1' in world.text("claims.json")
    world.code, world.paper = NEW, {**PAPER, "experiments": {**PAPER["experiments"], "gin": ["attack=lira", "k=2"]}}
    monkeypatch.setattr(Run, "play", lambda run, threads=None: False)
    capsys.readouterr()
    assert world() == 1 and "failed: gin, seed 1" in capsys.readouterr().err
    assert '"unknown": 1' in world.text("claims.json")
