"""What a composed configuration looks like before anything is read from it: all that conf/config.yaml declares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from telltale.configuration.hints import MANY, nearest, nearest_option
from telltale.configuration.words import configuration_folder, groups_of
from telltale.errors import InputError

OPTIONAL = ("downstream", "target")  # a group that may be empty
BUILT = ("pools", "report")  # of a class, which knows more keys
BESIDE = ("hydra", "trust")


def check_shape(cfg: DictConfig) -> None:
    """Refuse, by InputError, what config.yaml declares and is not there, is of another shape, or is not declared.

    Names that begin with `_` are a file's own, for use in other values.
    """
    folder = configuration_folder()
    groups = groups_of([folder])
    declared: Any = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    known = sorted({*declared, *(name for name in groups if name != "paper")} - {"defaults", "hydra"})
    for name in map(str, cfg):
        if name not in (*known, *BESIDE) and not name.startswith("_"):
            raise InputError(name, _shown(cfg, name), f"no such option{nearest_option(name, cfg)}; {_one_of(known)}")
    for name in known:
        if name in declared:
            _check_section(cfg, name, declared[name])
        else:
            _check_group(cfg, name, sorted(groups[name].lines))
    for field in sorted(OmegaConf.missing_keys(cfg)):
        raise InputError(field, "???", "it needs a value")
    for name, keys in (("scale", ("name",)), ("debug", ("fast_dev_run", "profiler"))):
        _check_section(cfg, name, dict.fromkeys(keys))


def find_home(node: DictConfig | ListConfig) -> None:
    """Put the home folder in the place of a `~` that begins a path, in a resolved configuration: a file may have it."""
    keys: Any = range(len(node)) if isinstance(node, ListConfig) else list(node)
    for key in keys:
        value = node[key]
        if isinstance(value, DictConfig | ListConfig):
            find_home(value)
        elif isinstance(value, str) and (value == "~" or value.startswith("~/")):
            node[key] = str(Path(value).expanduser())


def shorten(cfg: DictConfig) -> None:
    """Leave two epochs of whatever is trained where `debug.fast_dev_run` allows a few batches of each.

    A run at the papers' own sizes then tells on a CPU whether everything connects. Keys named `epochs` become at most
    2; `tuning_epochs`, `tokenizer_epochs` and their like, which are parts of others or come after them, at most 1.
    """
    quick = cfg.debug.fast_dev_run
    if isinstance(quick, int) and quick > 0:
        _shorten(cfg)


def _shorten(node: DictConfig | ListConfig) -> None:
    keys: Any = range(len(node)) if isinstance(node, ListConfig) else list(node)
    for key in keys:
        value = node[key]
        if isinstance(value, DictConfig | ListConfig):
            _shorten(value)
        elif type(value) is int and str(key).endswith("epochs"):
            node[key] = min(value, 2 if key == "epochs" else 1)


def _check_section(cfg: DictConfig, name: str, declared: Any) -> None:
    """Check an option of config.yaml itself, or a group of plain values."""
    if name not in cfg:
        raise InputError(name, "left out", "it needs a value; give one, or say nothing of it")
    if not isinstance(declared, Mapping):
        return
    if not _is_group(section := _node(cfg, name)):
        raise InputError(name, _shown(cfg, name), "no value of its own; set one of its keys")
    keys = sorted(declared)
    for key in map(str, section):
        if key not in keys and name not in BUILT:
            raise InputError(f"{name}.{key}", _shown(section, key), f"no such key{nearest(key, keys)}; {_one_of(keys)}")
    for key in keys:
        if key not in section:
            raise InputError(f"{name}.{key}", "left out", "it needs a value; give one, or say nothing of it")


def _check_group(cfg: DictConfig, name: str, words: list[str]) -> None:
    """Check what a word of a group stands for: a class and its options, or several of them by name."""
    if name in ("scale", "debug"):
        return
    part = _node(cfg, name)
    if name in cfg and cfg[name] is None and name in OPTIONAL:
        return
    if not _is_group(part):
        value = _shown(cfg, name) if name in cfg else "left out"
        raise InputError(name, value, f"a word of conf/{name}/: {_one_of(words)}")
    if name not in (*MANY, *OPTIONAL) and "_target_" not in part:
        raise InputError(f"{name}._target_", "left out", f"a word of conf/{name}/: {_one_of(words)}")


def _node(cfg: DictConfig, name: str) -> Any:
    """Return what stands there without resolving it; None where nothing does."""
    return cfg._get_node(name) if name in cfg else None


def _is_group(node: Any) -> bool:
    return isinstance(node, DictConfig) and not node._is_none() and not node._is_missing()


def _one_of(names: list[str]) -> str:
    return f"one of {', '.join(names)}"


def _shown(cfg: DictConfig, name: str) -> str:
    value = _node(cfg, name)
    plain = OmegaConf.to_container(value) if OmegaConf.is_config(value) else getattr(value, "_value", lambda: value)()
    return "null" if plain is None else str(plain)
