"""Every file of conf/ is a word that works: it composes, at every scale."""

from __future__ import annotations

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
OPTIONS = [(file.parent.name, file.stem) for file in FILES if file.parent != CONF and not file.stem.startswith("_")]
OPTIONS = [(group, option) for group, option in OPTIONS if group not in NOT_COMPOSED]


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
@pytest.mark.parametrize("attack", sorted(file.stem for file in (CONF / "attack").glob("[!_]*.yaml")))
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
