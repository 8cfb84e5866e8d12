"""Hints at what was meant: an option of much the same name, of another group, or of another word."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from omegaconf import DictConfig, OmegaConf

from telltale.configuration.words import configuration_folder

MANY = ("controls", "rivals", "variants", "probes")  # groups of several parts, by name


def nearest(value: str, options: Collection[str], but: str = "") -> str:
    """Return a hint at the option that is spelled most alike; empty where none is. `but`: it is not that one."""
    close = difflib.get_close_matches(value, [option for option in options if option != but], n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def nearest_option(name: str, cfg: DictConfig) -> str:
    """Return a hint at a group or option of the same name elsewhere, or of much the same name: learning_rate=0.1."""
    below = [f"{group}.{name}" for group in map(str, cfg) if name in _keys(cfg, group)]
    return f" (did you mean {' or '.join(below)}?)" if below else nearest(name, sorted(map(str, cfg)), but=name)


def _keys(cfg: DictConfig, group: str) -> list[str]:
    part = OmegaConf.select(cfg, group)
    return [str(key) for key in part] if isinstance(part, DictConfig) and group not in ("hydra", *MANY) else []


def of_other_word(field: str) -> str:
    """Return a hint at the words that do have an option which this one has not: model.weights is the captioners'."""
    group, _, name = field.partition(".")
    words = [
        file.stem
        for file in sorted((configuration_folder() / group).glob("[!_]*.yaml"))
        if name in _options_of(OmegaConf.load(file), group)
    ]
    return f" (it is one of {group}={', '.join(words)})" if words and group not in MANY else ""


def _options_of(written: Any, group: str) -> list[str]:
    """Return the options in a word's own file; that of an attack writes the whole configuration."""
    part = written.get(group, {}) if group == "attack" else written
    return [str(key) for key in part]
