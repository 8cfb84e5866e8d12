"""A configuration is a program: what names code outside the project is refused before that code is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from telltale.configuration.parsed import composed
from tests.experiment.commands import Ended, command, process

EVIL = {"_target_": "stranger.Stranger"}
QUICK = ("attack=threshold", "rivals=none", "controls=none", "scale=smoke", "logger=none", "evaluation.replicates=10")
PLACES: dict[str, dict[str, Any]] = {
    "a part": {"controls": {"mine": EVIL}},
    "a part of a part": {"attack": {"inner": {"deep": EVIL}}},
    "an argument": {"attack": {"_args_": [1, [EVIL]], "_partial_": True}},
    "a reference": {"stranger": "stranger.Stranger", "controls": {"mine": {"_target_": "${stranger}"}}},
    "a text that is read": {"controls": {"mine": "${oc.create:{_target_: stranger.Stranger}}"}},
    "a callback": {"hydra": {"callbacks": {"mine": EVIL}}},
    "a text that is read as a callback": {"hydra": {"callbacks": {"mine": "${oc.create:{_target_: stranger.S}}"}}},
    "a launcher": {"hydra": {"launcher": EVIL}},
    "a formatter": {"hydra": {"hydra_logging": {"version": 1, "formatters": {"mine": {"()": "stranger.Stranger"}}}}},
    "a handler": {"hydra": {"job_logging": {"version": 1, "handlers": {"mine": {"class": "stranger.Stranger"}}}}},
    "a stream": {"hydra": {"job_logging": {"version": 1, "x": "ext://stranger.Stranger"}}},
    "the environment": {"hydra": {"job": {"env_set": {"LD_PRELOAD": "stranger.so"}}}},
    "a file of code": {"target": {"call": "stranger.py:Stranger"}},
    "a group that is a reference": {"others": {"call": "stranger.py:Stranger"}, "target": "${others}"},
    "a target elsewhere": {
        "controls": {"mine": {"_target_": "telltale.targets.function.FunctionTarget", "call": "stranger.py:Stranger"}}
    },
    "a reference to a text that is read": {
        "x": "${oc.create:{_target_:stranger.Stranger}}",
        "hydra": {"callbacks": {"mine": "${x}"}},
    },
    "a reference to logging": {
        "x": {"version": 1, "handlers": {"mine": {"class": "stranger.Stranger"}}},
        "hydra": {"hydra_logging": "${x}"},
    },
    "a factory out of sight": {"x": {"mine": {"()": "stranger.Stranger"}}},
    "a resolver that a reference names": {"x": "oc.create", "y": "${${x}:{_target_:stranger.Stranger}}"},
    "a stream in parts": {
        "x": "t://stranger.Stranger",
        "hydra": {"job_logging": {"version": 1, "x": "ex${x}"}},
    },
    "a function behind a module of ours": {
        "hydra": {"callbacks": {"mine": {"_target_": "telltale.configuration.trust.re.compile"}}}
    },
    "a file that is run": {
        "hydra": {"job_logging": {"handlers": {"x": {"class": "logging.FileHandler", "filename": "stranger.py"}}}}
    },
    "a job of a sweep": {"hydra": {"mode": "MULTIRUN", "sweeper": {"params": {"target.call": "stranger.py:run"}}}},
    "a sweep that trusts itself": {
        "hydra": {"mode": "MULTIRUN", "sweeper": {"params": {"trust": True, "+controls.mine": str(EVIL)}}}
    },
    "a word that nobody typed": {"hydra": {"overrides": {"task": ["trust=true"]}}, "controls": {"mine": EVIL}},
    "a file that trusts itself": {"trust": True, "controls": {"mine": EVIL}},
}


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a module in reach of `import` that leaves a mark when it is imported; returns the mark."""
    mark = tmp_path / "imported"
    (tmp_path / "stranger.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "stranger", raising=False)
    return mark


def with_word(folder: Path, document: dict[str, Any], *words: str, by: Callable[..., Ended] = command) -> Ended:
    """Run with a word of a stranger's folder: +theirs=word; by: in this process, or in one of its own."""
    (folder / "conf" / "theirs").mkdir(parents=True)
    text = "# @package _global_\n# Theirs.\n" + yaml.safe_dump(document)
    (folder / "conf" / "theirs" / "word.yaml").write_text(text)
    places = (f"--config-dir={folder}/conf", *words, f"paths.outputs={folder}/outputs")
    return by(*places, *QUICK, "+theirs=word")


@pytest.mark.parametrize("place", PLACES)
def test_code_of_a_stranger_is_refused_before_it_is_imported(place: str, stranger: Path, tmp_path: Path) -> None:
    """Catches a corner of a configuration in which a `_target_` is not looked at, or after the import."""
    ended = with_word(tmp_path, PLACES[place])
    assert not stranger.exists()
    assert ended.code == 2 and len(ended.err.strip().splitlines()) == 1, ended.err
    assert "trust=true" in ended.err


def test_only_the_command_line_trusts(stranger: Path, tmp_path: Path) -> None:
    """Catches a check that cannot be switched off by who may: the same file runs, and fails by its own fault."""
    ended = with_word(tmp_path, {"controls": {"mine": EVIL}}, "trust=true")
    assert stranger.exists(), ended.err
    assert "stranger" in ended.err and "trust=true" not in ended.err


def test_a_configuration_of_an_earlier_run_is_a_program_too(stranger: Path, tmp_path: Path) -> None:
    """Catches a main file that is taken at its word because it stands where ours does."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump({"trust": True, "attack": EVIL, "seed": 0}))
    ended = command("--config-path", str(tmp_path / "run"), f"hydra.run.dir={tmp_path}/again")
    assert not stranger.exists() and ended.code == 2 and ended.err.startswith("error: trust=True: no file can")


def test_a_main_file_may_not_look_for_words_in_a_package(stranger: Path, tmp_path: Path) -> None:
    """Catches `pkg://`, for which Hydra imports the package while it still composes."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"hydra": {"searchpath": ["pkg://stranger"]}}))
    ended = command("--config-path", str(tmp_path), f"hydra.run.dir={tmp_path}/again")
    assert not stranger.exists() and ended.code == 2 and "hydra.searchpath" in ended.err


@pytest.mark.parametrize(
    ("target", "why"),
    {
        "telltale.command.os.system": "cannot be imported",
        "telltale.store.store.Path": "trust=true",
        "telltale.reporting.metrics_file.write_json": "a function that no file of conf/ names",
        "telltales.models.gin.GIN": "no class of telltale",
        "telltale": "no class of telltale",
        "7": "expected the dotted name",
    }.items(),
)
def test_only_classes_and_loaders_of_ours_are_ours(target: str, why: str, tmp_path: Path) -> None:
    """Catches what our modules import themselves, and a function that writes a file wherever it is told to."""
    ended = command(*QUICK, f"+controls.mine={{_target_: {target}}}", f"paths.outputs={tmp_path}")
    assert ended.code == 2 and why in ended.err and f"controls.mine._target_={target}" in ended.err
    assert not (tmp_path / "runs").exists() or not list(tmp_path.glob("runs/*/*/metrics.json"))


def test_a_configuration_can_be_looked_at_before_it_is_trusted(stranger: Path, tmp_path: Path) -> None:
    """Catches a check that forbids the first thing that it advises."""
    ended = with_word(tmp_path, {"controls": {"mine": EVIL}}, "--cfg=job")
    assert ended.code == 0 and "stranger.Stranger" in ended.out and not stranger.exists()


@pytest.mark.parametrize("flags", [("--help",), ("--help", "--cfg=job")])
def test_a_page_of_help_is_not_trusted_either(flags: tuple[str, ...], stranger: Path, tmp_path: Path) -> None:
    """Catches a check that is left out where Hydra still sets up logging."""
    ended = with_word(tmp_path, PLACES["a formatter"], *flags)
    assert not stranger.exists() and ended.code == 2 and "trust=true" in ended.err


def test_words_of_hydras_own_parts_need_no_trust(tmp_path: Path) -> None:
    """Catches a check that refuses Hydra's own launchers and logging, and folders named by options."""
    ours = {"hydra": {"run": {"dir": "${paths.outputs}/${oc.select:attack.name,x}-${seed}"}, "job": {"chdir": False}}}
    launcher = ("hydra/launcher=submitit_slurm", "hydra.launcher.setup=[module load cuda]", "hydra.launcher.name=mine")
    logging = ("hydra/job_logging=default", "hydra/hydra_logging=default")
    # a process of its own: Hydra's logging would take the place of this one's, and close its streams
    ended = with_word(tmp_path, ours, *launcher, *logging, "seed=-1", by=process)
    assert ended.code == 2 and ended.err.startswith("error: seed=-1"), ended.err


def test_what_a_program_composes_is_its_own() -> None:
    """Catches Python's own callers being asked to type what they pass."""
    with composed(["target=function", "target.call=mine.py:run", "attack=audit", "dataset=arrays"]) as (cfg, _):
        assert cfg.target.call == "mine.py:run"


def test_words_that_are_typed_may_be_references() -> None:
    """Catches what Hydra notes of the command line being taken for a file's."""
    ended = command(*QUICK, "victims=${by_scale:8,64,128}", "seed=-1")
    assert ended.code == 2 and ended.err.startswith("error: seed=-1")
