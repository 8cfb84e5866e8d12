"""What a user types first is what Hydra reads, or one line says how to type it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from telltale.configuration import parsed
from telltale.configuration.arguments import readable
from telltale.configuration.command_line import check_options, configuration_folder, register_resolvers
from telltale.configuration.shape import check_shape, find_home
from telltale.errors import InputError
from tests.experiment.commands import command

PLAIN = (
    *(
        "/data/set (1).csv",
        "/data/epoch=3/set.csv",
        "/data/дані.csv",
        "it's",
        'a "b"',
        "50 % [x] {y}",
        "C:\\data (1)\\",
    ),
    *("a#b;c|d<e>!`^", "Neoplasms benign, malignant and unspecified (incl cysts and polyps)", "/a/caf\udce9.csv", "=3"),
)
REFUSED = {
    "seed=0,1": ("several values", "-m", "'seed=[0,1]'", "'seed=\"0,1\"'"),
    "seed=range(3)": ("several values", "-m"),
    "-m dataset.label=x (1),y": ("'dataset.label=\"x (1),y\"'", '\'dataset.label="x (1)","y"\''),
    "attack.k=[10,20": ("cannot be read", "'attack.k=\"[10,20\"'"),
    "paths.outputs=": ("the name of a folder",),
    "paths.store='' ": ("the name of a folder",),
    "paths.outputs=null": ("the name of a folder",),
    "hydra.run.dir=": ("the name of a folder",),
    "dataset.root=": ("an empty text",),
    "lira": ("expected option=value", "attack=lira"),
    "=3": ("expected option=value",),
}
# what is set in a composed attack=lira -> what its one line must hold
NONSENSE: dict[tuple[str, Any], tuple[str, ...]] = {
    ("rivals.lira_offline.online", "yes_please"): ("rivals.lira_offline.online=yes_please", "true or false"),
    ("rivals.lira_offline.onlin", True): ("rivals.lira_offline.onlin=", "did you mean online?"),
    ("rivals.rmia.gamma", "much"): ("rivals.rmia.gamma=much", "a number"),
    ("rivals.rmia_offline", 1.5): ("rivals.rmia_offline=1.5", "conf/rivals/"),
    ("variants.compression", 1): ("variants.compression=1", "conf/variants/"),
    ("controls.untrained.x", 1): ("controls.untrained.x=1", "no such key"),
    ("controls.untrained._target_", -1): ("controls.untrained._target_=-1", "cannot be imported"),
    ("dataset._target_", "../../etc"): ("dataset._target_=../../etc", "cannot be imported"),
    ("defense", None): ("defense=null", "a word of conf/defense/", "rounding"),
    ("paths", None): ("paths=null", "one of its keys"),
    ("x", 1): ("x=1", "no such option"),
    ("learning_rate", 1): ("learning_rate=1", "did you mean objective.learning_rate?"),
    ("seeds", 1): ("seeds=1", "did you mean seed?"),
    ("evaluation.replicate", 7): ("evaluation.replicate=7", "did you mean replicates?"),
    ("model.weights", "x"): ("model.weights=x", "it is one of model=captioner", "widths"),
    ("dataset.downloads", 2024): ("dataset.downloads", "'dataset.downloads=\"2024\"'"),
}


@pytest.fixture(scope="module")
def composed() -> DictConfig:
    register_resolvers()
    with initialize_config_dir(str(configuration_folder()), version_base="1.3"):
        return compose("config", ["attack=lira", "scale=smoke", "dataset=census"])


@pytest.mark.parametrize("value", PLAIN)
def test_a_plain_value_is_taken_as_it_is(value: str) -> None:
    """Catches Hydra's raw lexer message for a path of blanks, brackets, quotes or letters outside ASCII."""
    (word,) = readable([f"dataset.root={value}"])
    assert OverridesParser.create().parse_override(word).value() == value


def test_what_hydra_reads_stays_as_it_is() -> None:
    """Catches a list, a sweep or a quoted text that is quoted once more, and flags taken for options."""
    words = ["-m", "--cfg", "job", "-cd", "a b", "seed=0,1", "a.k=[10,20]", 'a.b="x (1)"', "~attack", "+a=${b}"]
    assert readable(words) == words
    assert readable(["attack=lira", "-m", "seed=0,1"]) == ["-m", "attack=lira", "seed=0,1"]  # or it reads no more


@pytest.mark.parametrize("value", ["~/set.csv", "'~/set.csv'", '"~/set.csv"'])
def test_a_tilde_is_the_home_folder(value: str) -> None:
    """Catches `~`, which a shell leaves alone behind a `=`, taken for the name of a folder."""
    (word,) = readable([f"dataset.root={value}"])
    assert OverridesParser.create().parse_override(word).value() == str(Path.home() / "set.csv")


def test_a_tilde_in_a_file_is_the_home_folder_too() -> None:
    """Catches a path of a user's own --config-dir that is read as the folder `~`."""
    cfg = OmegaConf.create({"root": "~/set.csv", "several": [{"a": "~/a"}, "~", 3], "smiles": "C~O", "none": None})
    find_home(cfg)
    home = str(Path.home())
    several = [{"a": f"{home}/a"}, home, 3]
    assert cfg == {"root": f"{home}/set.csv", "several": several, "smiles": "C~O", "none": None}


def test_a_tilde_works_in_each_value_of_a_sweep() -> None:
    """Catches a second value whose home folder is not found."""
    assert readable(["-m", "dataset.root=~/a,~/b"])[1] == f"dataset.root={Path.home()}/a,{Path.home()}/b"


@pytest.mark.parametrize("line", REFUSED)
def test_what_could_mean_two_things_is_told_with_what_to_type(line: str) -> None:
    """Catches an empty path that becomes the root folder, and a forgotten -m taken for a text."""
    words = ["-m", line.removeprefix("-m ")] if line.startswith("-m ") else [line.strip()]
    with pytest.raises(InputError) as refused:
        readable(words)
    assert [part for part in REFUSED[line] if part not in str(refused.value)] == [], refused.value
    for shown in [word for word in shlex.split(str(refused.value)) if word.startswith("seed=") and ":" not in word]:
        assert readable([shown.rstrip(";")])


@pytest.mark.parametrize("field, value", NONSENSE.keys(), ids=lambda one: str(one))
def test_nonsense_anywhere_is_told_before_anything_is_read(composed: DictConfig, field: str, value: Any) -> None:
    """Catches options below rivals, controls and variants that nobody checks, and `online=yes_please` for online."""
    cfg = composed.copy()
    OmegaConf.set_struct(cfg, False)
    OmegaConf.update(cfg, field, value, merge=False)
    with pytest.raises(InputError) as refused:
        check_shape(cfg)
        OmegaConf.resolve(cfg)
        check_options(cfg)
    assert [part for part in NONSENSE[field, value] if part not in str(refused.value)] == [], refused.value


@pytest.mark.parametrize("name", ["attack", "dataset", "rivals", "pools", "pools.members", "seed", "debug.profiler"])
def test_what_is_left_out_is_named(composed: DictConfig, name: str) -> None:
    """Catches `~attack` that ends in a KeyError."""
    cfg = composed.copy()
    OmegaConf.set_struct(cfg, False)
    group, _, key = name.rpartition(".")
    holder: Any = OmegaConf.select(cfg, group) if group else cfg
    del holder[key]
    with pytest.raises(InputError, match=f"^{name}=left out: "):
        check_shape(cfg)


def test_a_configuration_as_it_comes_is_well_shaped(composed: DictConfig) -> None:
    """Catches a check that refuses everybody."""
    check_shape(composed)
    assert isinstance(composed, Mapping)


def test_a_scale_that_is_left_out_is_told_in_one_line() -> None:
    """Catches the traceback of a value by scale where there is none: `scale=[]` was the one of 1,000 command lines."""
    ended = command("attack=lira", "scale=[]")
    assert (ended.code, ended.err.count("\n")) == (2, 1) and ended.err.startswith("error: scale=left out"), ended.err


def test_a_short_look_leaves_two_epochs_of_whatever_is_trained() -> None:
    """Catches a look at the papers' sizes that trains a hundred epochs, and results that are cut short."""
    words = ["attack=quantized_encoding", "variants=compression", "scale=paper"]
    with parsed.composed(words) as (cfg, _):
        assert cfg.objective.epochs == 100 and cfg.variants.compression.epochs == 15
    with parsed.composed([*words, "debug=fast"]) as (cfg, _):
        assert cfg.objective.epochs == 2 and cfg.variants.compression.epochs == 2
        assert cfg.attack.tuning_epochs == 1
