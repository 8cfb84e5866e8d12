"""Every file of conf/ is a word that works: it composes, and its keys are its constructor's arguments."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from telltale.attacks.molextract.candidates import VocabularyOptions, enumerate_candidates
from telltale.configuration.command_line import SCALES, check_options, register_resolvers
from telltale.data.molecules.moses import load
from telltale.data.pools import PoolSizes, deal
from telltale.data.seeds import derive
from tests.experiment.commands import ROOT

CONF = ROOT / "conf"
NOT_COMPOSED = {"paper"}  # read by `make reproduce-paper`, no group of the composition
FILES = sorted(CONF.rglob("*.yaml"))
OPTIONS = [(file.parent.name, file.stem) for file in FILES if file.parent != CONF]
OPTIONS = [(group, option) for group, option in OPTIONS if group not in NOT_COMPOSED]
# what the run adds to the options of a file
INJECTED = {
    "objective": {"model"},
    "logger": {"folder", "name", "settings"},
    "trainer": {"fast_dev_run", "profiler"},
    "downstream": {"dataset"},  # an OtherSource's, named in its defaults
    "dataset": {"own", "other"},  # the two sets of two_caption_sets, named in its defaults
}
BESIDE = {"defaults"}


@pytest.fixture(autouse=True)
def hydra() -> Iterator[None]:
    GlobalHydra.instance().clear()
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


def composed(*overrides: str) -> DictConfig:
    cfg = compose("config", list(overrides), return_hydra_config=True)
    del cfg.hydra
    OmegaConf.resolve(cfg)
    return cfg


def text(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text()) or {}


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=["=".join(one) for one in OPTIONS])
def test_every_word_composes_with_the_default_attack(group: str, option: str) -> None:
    """Catches a file that no command line can name, and a reference that leads nowhere."""
    cfg = composed(f"{group}={option}")
    # `digits` and the like are no data for this attack: options are checked, not whether all go together
    check_options(cfg, pools=PoolSizes)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("attack", sorted(file.stem for file in (CONF / "attack").glob("*.yaml")))
def test_every_attack_resolves_at_every_scale(attack: str, scale: str) -> None:
    """Catches a setting with two values instead of three, and an attack that needs more words to run."""
    cfg = composed(f"attack={attack}", f"scale={scale}")
    assert cfg.scale.name == scale
    assert "by_scale" not in OmegaConf.to_yaml(cfg)
    check_options(cfg, pools=PoolSizes)


def test_the_scale_files_are_the_scales_of_the_resolver() -> None:
    """Catches a fourth scale that no setting knows."""
    assert {file.stem for file in (CONF / "scale").glob("*.yaml")} == set(SCALES)
    assert all(text(file) == {"name": file.stem} for file in (CONF / "scale").glob("*.yaml"))


def settings(group: str, option: str) -> dict[str, Any]:
    """Return the blocks of a file that name a `_target_`, by where they stand."""
    document = text(CONF / group / f"{option}.yaml")
    blocks = {"": document, **{name: one for name, one in document.items() if isinstance(one, dict)}}
    return {name: one for name, one in blocks.items() if "_target_" in one}


TARGETS = [(group, option, name) for group, option in OPTIONS for name in settings(group, option)]


@pytest.mark.parametrize(("group", "option", "name"), TARGETS, ids=["/".join(one) for one in TARGETS])
def test_the_keys_of_a_file_are_the_arguments_of_its_target(group: str, option: str, name: str) -> None:
    """Catches an option that does nothing, and one that only the source code tells of."""
    keys = dict(settings(group, option)[name])
    module, _, attribute = keys.pop("_target_").rpartition(".")
    target = getattr(importlib.import_module(module), attribute)
    expected = set(inspect.signature(target).parameters) - INJECTED.get(group, set())
    assert set(keys) - BESIDE == expected


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_every_file_begins_by_saying_what_it_is(file: Path) -> None:
    """Catches a configuration nobody explains."""
    lines = file.read_text().splitlines()
    first = lines[1] if lines[0] == "# @package _global_" else lines[0]
    assert first.startswith("# ") and len(first) > 8, first


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_only_attacks_override_other_groups(file: Path) -> None:
    """Catches two files that override one group: in Hydra one of them loses in silence."""
    overrides = [next(iter(one)) for one in text(file).get("defaults", []) if isinstance(one, dict)]
    overrides = [word for word in overrides if word.startswith("override ")]
    if file.parent.name == "attack":
        return
    assert [word for word in overrides if not word.startswith("override hydra/")] == []
    assert not overrides or file == CONF / "config.yaml"


def test_the_command_line_wins_over_an_attack() -> None:
    """Catches an attack whose choice of model cannot be changed."""
    cfg = composed("attack=molextract", "model=gcn", "controls=none")
    assert cfg.model._target_.endswith(".GCN") and not cfg.controls


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["smoke", "small"])
def test_the_published_lists_are_at_most_a_quarter_of_the_pool(scale: str) -> None:
    """Catches a top K so long that its precision is the pool's base rate, whatever the scores."""
    cfg = composed(f"scale={scale}")
    records = load(cache="outputs/cache/molecules").records
    options = VocabularyOptions(cfg.attack.rings, cfg.attack.motifs, cfg.attack.largest_motif)
    pools = deal(records, PoolSizes(**cfg.pools), derive(cfg.seed, "pools"))
    pool = len(enumerate_candidates(pools.auxiliary, options))
    assert max(cfg.attack.k) <= pool / 4
