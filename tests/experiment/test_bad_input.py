"""A mistake on the command line is told in one line that names the field, the value and what would be valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.experiment.commands import QUICK, Ended, command, process

# words of the command line -> what its one line must hold; {folder} is the test's own
MISTAKES: dict[str, tuple[str, ...]] = {
    "model=gim": ("model=gim", "did you mean gin?", "gat, gcn, gin, graphsage"),
    "scale=tiny": ("scale=tiny", "paper, small, smoke"),
    "scale.name=tiny": ("scale.name=tiny", "smoke, small, paper"),
    "defense=magic": ("defense=magic", "none"),
    "atack=molextract": ("atack", "did you mean attack?"),
    "attack=null": ("Config group override", "NoneType"),
    "attack.kk=3": ("attack.kk", "did you mean k?", "scorer, search, size_weighted"),
    "+attack.kk=3": ("attack.kk=3", "did you mean k?"),
    "+pools.extra=3": ("pools.extra=3", "no such key", "auxiliary"),
    "evaluation=3": ("evaluation=3", "set one of its keys"),
    "evaluation.replicates=1": ("evaluation.replicates=1", "from 2"),
    "report.prior=1": ("report.prior=1", "a share above 0, below 1"),
    "report.auc=0.5": ("report.auc=0.5", "above 0.5, below 1"),
    "objective=regression": ("dataset=", "needs measured values", "dataset=b3db dataset.kind=values"),
    "attack.answers=values attack.cuts=0 attack.rivals=[]": ("attack=", "asks for values", "objective=regression"),
    "verbose=7": ("verbose=7", "true or false"),
    "dataset=zinc15": ("dataset.root=null", "zinc_standard_agent"),
    "dataset=zinc15 dataset.root={folder}/none": ("dataset.root=", "/none", "no such file or folder"),
    "dataset=zinc15 dataset.root={folder}/empty": ("dataset.root=", "/empty", "expected a folder with"),
    "dataset=smiles dataset.root={folder}/bad.smi": ("dataset.root=", "bad.smi", "no valid SMILES line among 2"),
    "dataset=smiles dataset.root={folder}/a.csv": ("dataset.column=null", "it has: name, structure"),
    "dataset=smiles dataset.root={folder}/a.csv dataset.column=z": ("dataset.column=z", "it has: name, structure"),
    "dataset=smiles dataset.root={folder}/few.smi": ("pools=1150", "few.smi has 3", "ask for fewer"),
    "dataset.max_invalid=7": ("dataset.max_invalid=7", "between 0 and 1"),
    "attack.k=100000": ("attack.k=100000", "at most", "number of candidates"),
    "attack.k=0": ("attack.k=0", "whole number from 1"),
    "attack.k=-3": ("attack.k=-3", "whole number from 1"),
    "attack.k=[]": ("attack.k=[]", "whole number from 1"),
    "attack.k=ten": ("attack.k=ten", "a whole number or a list"),
    "attack.k=null": ("attack.k=null", "a whole number or a list"),
    "attack.scorer=best": ("attack.scorer=best", "paper, released_code, fixed"),
    "attack.alpha=2": ("attack.alpha=2", "from 0 to 1"),
    "attack.cuts=-1": ("attack.cuts=-1", "from 0"),
    "attack.rings=0": ("attack.rings=0", "from 1"),
    "attack.rivals=[oracle]": ("attack.rivals=oracle", "random, qed"),
    "attack.vocabulary={folder}/none": ("attack.vocabulary=", "no such file"),
    "attack.size_weighted=maybe": ("attack.size_weighted=maybe", "true or false"),
    "pools.auxiliary=60000": ("pools=", "auxiliary 60000", "has 50000", "ask for fewer"),
    "pools.members=60000": ("pools=", "members 60000", "has 50000", "ask for fewer"),
    "pools.members=0": ("pools.members=0", "at least 1"),
    "pools.members=many": ("pools.members=many", "whole number"),
    "pools.test=-1": ("pools.test=-1", "from 0"),
    "pools.disjoint=3": ("pools.disjoint=3", "pools.members=300"),
    "dataset=digits": ("model=gin", "takes molecules", "digits holds images"),
    "seed=abc": ("seed=abc", "whole number from 0"),
    "seed=-1": ("seed=-1", "whole number from 0"),
    "victims=0": ("victims=0", "whole number from 1"),
    "victims=two": ("victims=two", "whole number from 1"),
    "logger=wandb logger.mode=loud": ("logger.mode=loud", "offline, online, disabled"),
    "model.width=wide": ("model.width=wide", "a whole number"),
    "model.pooling=max": ("model.pooling=max", "mean, sum"),
    "model._target_=telltale.models.gin.Gim": ("model._target_=telltale.models.gin.Gim", "cannot be imported"),
    "trust=true model._target_=torch.nn.ReLU": ("model.layers=2", "no such key"),
    "objective.epochs=0": ("objective.epochs=0", "whole number from 1"),
    "objective.epochs=many": ("objective.epochs=many", "a whole number"),
    "objective.learning_rate=-1": ("objective.learning_rate=-1", "above 0"),
    "trainer.devices=3": ("trainer.devices=3", "trainer.strategy=ddp"),
    "trainer.accelerator=tpu": ("trainer.accelerator=tpu", "auto, cpu, gpu"),
    "debug=slow": ("debug=slow", "fast, none, profiler"),
    "debug.fast_dev_run=-1": ("debug.fast_dev_run=-1", "0 = all"),
    "debug.profiler=all": ("debug.profiler=all", "simple, advanced"),
    "hydra.run.dir={folder}/few.smi/run": ("hydra.run.dir=", "few.smi/run", "cannot be written"),
    "hydra.run.dir=/proc/nowhere/run": ("hydra.run.dir=/proc/nowhere", "cannot be written"),
    "paths.store={folder}/few.smi/store": ("paths.store=", "few.smi/store", "cannot be written"),
    "paths.store=/proc/nowhere": ("paths.store=/proc/nowhere", "cannot be written"),
    "paths.cache={folder}/few.smi": ("dataset.cache=", "expected a writable folder"),
}
AS_PROCESSES = ("model=gim", "attack.kk=3", "hydra.run.dir=/proc/nowhere/run", "attack.k=100000")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.smi").write_text("xyz\nC(\n")
    (tmp_path / "a.csv").write_text("name,structure\nethanol,CCO\n")
    (tmp_path / "few.smi").write_text("CCO\nCCC\nCC\n")
    return tmp_path


def words(folder: Path, mistake: str) -> list[str]:
    places = [f"paths.store={folder}/store", f"hydra.run.dir={folder}/run"]
    return [*QUICK, *places, *mistake.format(folder=folder).split()]


def require_one_line(ended: Ended, folder: Path, expected: tuple[str, ...]) -> None:
    # on a slow machine a step that took over two seconds says so: "reading molecules: 50,000 in 12 s"
    lines = [line for line in ended.err.splitlines() if not re.search(r": [\d,]+( of [\d,]+)? in \d+ s$", line)]
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("error: ") and "Traceback" not in lines[0]
    assert [text for text in expected if text not in lines[0]] == [], lines[0]
    assert ended.code in (1, 2)
    # unless it holds the list of what could not be read
    assert not (folder / "run").exists() or (folder / "run" / "invalid_records.csv").exists()
    assert not list(folder.rglob("weights.safetensors")), "nothing may be trained before the mistake is found"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_before_anything_is_trained(folder: Path, mistake: str) -> None:
    """Catches tracebacks, silent acceptance, lines without field, value or choices, `status: finished`."""
    require_one_line(command(*words(folder, mistake)), folder, MISTAKES[mistake])


@pytest.mark.parametrize("mistake", AS_PROCESSES)
def test_a_real_process_says_the_same(folder: Path, mistake: str) -> None:
    """Catches lines that libraries or Hydra add at start or at exit, and a wrong exit code."""
    require_one_line(process(*words(folder, mistake)), folder, MISTAKES[mistake])


def test_a_part_that_files_share_is_no_attack(tmp_path: Path) -> None:
    """Catches `_membership` taken for a word, and a traceback in its place."""
    ended = command("attack=_membership", f"hydra.run.dir={tmp_path}/run")
    assert ended.code == 2 and len(ended.err.splitlines()) == 1
    assert "attack=_membership: no word, but a part that other files share; one of " in ended.err
    assert "lira, m4i_feature" in ended.err and " _membership," not in ended.err


def test_a_file_of_the_downstream_task_goes_by_its_own_name(folder: Path) -> None:
    """Catches a fault of the second file that is told of the first, which is another."""
    texts = ("attack=tmi", "dataset=wordnet", "model=transformer", "downstream=text", "scale=smoke")
    ended = command(*texts, f"downstream.dataset.file={folder}/none.csv", f"hydra.run.dir={folder}/run")
    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith(f"error: downstream.dataset.file={folder}/none.csv: no such file")


@pytest.mark.parametrize("subdir", ["${hydra:job.num}", "${hydra:job.override_dirname}"])
def test_a_mistake_in_one_job_of_a_sweep_leaves_a_table(folder: Path, subdir: str) -> None:
    """Catches a sweep whose table is lost with a failing job or in nested folders, and an exit code that hides it."""
    sweep = (f"hydra.sweep.dir={folder}/sweep", f"hydra.sweep.subdir={subdir}")
    ended = command("-m", *words(folder, "attack.k=0,-1"), *sweep)
    assert ended.code == 2
    assert ended.err.splitlines()[-1] == "error: attack.k=0: a whole number from 1, or a list of such"
    assert f"sweep of 2 jobs in {folder}/sweep, 2 failed" in " ".join(ended.out.split())
    told = " ".join(ended.out.split())
    assert ": attack.k=0: a whole number from 1" in told and ": attack.k=-1: a whole number from 1" in told
    rows = (folder / "sweep" / "summary.csv").read_text().splitlines()
    assert "attack.k" in rows[0].split(",") and rows[0].endswith(",error") and len(rows) == 3
    assert all("failed" in row for row in rows[1:])


def test_a_job_that_fails_before_its_folder_is_taken_is_in_the_table(folder: Path) -> None:
    """Catches a job of which a sweep keeps nothing."""
    ended = command("-m", *words(folder, ""), f"hydra.sweep.dir={folder}/sweep", "+evaluation.x=1,2")
    assert ended.code == 2
    assert "sweep of 2 jobs" in ended.out and "evaluation.x=2: no such key" in " ".join(ended.out.split())
    assert len((folder / "sweep" / "summary.csv").read_text().splitlines()) == 3


def test_an_unwritable_folder_of_a_sweep_is_named_as_such(folder: Path) -> None:
    """Catches the wrong field in the advice."""
    ended = command("-m", *words(folder, "seed=0,1"), f"hydra.sweep.dir={folder}/few.smi/sweep")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "hydra.sweep.dir=" in ended.err and "cannot be written" in ended.err


def test_our_own_mistakes_keep_their_traceback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a bug of ours dressed up as the user's."""

    def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("telltale.configuration.assembly.require_compatible", broken)
    ended = command(*words(folder, ""))
    assert ended.code == 1
    assert ended.err.startswith("Traceback") and ended.err.rstrip().endswith("ValueError: a bug")
