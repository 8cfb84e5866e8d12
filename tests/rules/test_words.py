"""The rules of CONTRIBUTING.md hold for every file of conf/ there is, and for each new one without a word here."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.utils import get_object

from tests.rules.house import CONF, room_of

FILES = sorted(CONF.glob("*/*.yaml"))
ATTACKS = [file for file in FILES if file.parent.name == "attack" and not file.stem.startswith("_")]
ROOM_OF_GROUP = {
    "attack": "attacks",
    "rivals": "attacks",
    "controls": "worlds",
    "variants": "worlds",
    "dataset": "data",
    "downstream": "data",
    "defense": "defenses",
    "executor": "owner",
    "logger": "reporting",
    "model": "models",
    "objective": "objectives",
    "target": "targets",
    "trainer": "training",
}
WITH_THE_CONTRACT = {"telltale.owner.defense.NoDefense"}  # what does nothing
FROM_ELSEWHERE = {  # arguments that the experiment hands over
    "objective": {"model"},
    "trainer": {"fast_dev_run", "profiler"},
    "logger": {"folder", "name", "settings"},
}
BESIDE = {"objective": {"pretraining"}}  # parts of a group that are built by themselves


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def read(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text(encoding="utf-8")) or {}


def blocks(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping with a `_target_`, at any depth: each is one class's options."""
    if isinstance(document, dict):
        if "_target_" in document:
            yield with_parts(document)
        for part in document.values():
            yield from blocks(part)


def with_parts(document: dict[str, Any]) -> dict[str, Any]:
    """Put a part that comes from another group (`- /dataset@dataset: digits`) where it will stand."""
    own = dict(document)
    return {part: {} for part in parts_in(own.pop("defaults", []))} | own


def parts_in(defaults: list[Any]) -> set[str]:
    """Name the parts that a defaults list takes from other groups."""
    words = [key for entry in defaults if isinstance(entry, dict) for key in entry]
    return {word.partition("@")[2] for word in words if "@" in word}


def parts_of(file: Path) -> set[str]:
    return parts_in(read(file).get("defaults", []))


WITH_CLASSES = [file for file in FILES if list(blocks(read(file)))]


def test_every_group_that_names_classes_has_a_room() -> None:
    """Catches a new group that no rule asks about."""
    assert {file.parent.name for file in WITH_CLASSES} == set(ROOM_OF_GROUP)


@pytest.mark.parametrize("file", WITH_CLASSES, ids=name_of)
def test_options_mirror_the_constructor_one_to_one(file: Path) -> None:
    """Catches an option that does nothing, and one that only the source code tells of."""
    group = file.parent.name
    for options in blocks(read(file)):
        parameters = inspect.signature(get_object(options["_target_"])).parameters
        given = set(options) - {"_target_", *BESIDE.get(group, ())}
        expected = set(parameters) - FROM_ELSEWHERE.get(group, set())
        for name, parameter in parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:  # takes parts that come from other files
                expected, given = expected - {name}, given - parts_of(file)
        if group == "rivals":  # says in what it differs from its class
            assert given <= expected
            repeated = {name for name in given if options[name] == parameters[name].default}
            assert not repeated, "the class says so already"
            expected = {name for name in expected if parameters[name].default is inspect.Parameter.empty}
            assert expected <= given
        else:
            assert given == expected


@pytest.mark.parametrize("file", WITH_CLASSES, ids=name_of)
def test_the_class_of_a_word_lies_in_the_room_of_its_group(file: Path) -> None:
    """Catches an objective among the data sets: a reader looks for the class where the word stands."""
    targets = {options["_target_"] for options in blocks(read(file))} - WITH_THE_CONTRACT
    assert {room_of(target) for target in targets} <= {ROOM_OF_GROUP[file.parent.name]}


@pytest.mark.parametrize("file", ATTACKS, ids=name_of)
def test_an_attack_lists_its_controls(file: Path) -> None:
    """Catches a score that nothing is compared with."""
    entries = read(file)["defaults"]
    bases = [file.with_name(f"{entry}.yaml") for entry in entries if isinstance(entry, str) and entry != "_self_"]
    listed = [*entries, *(entry for base in bases for entry in read(base)["defaults"])]
    assert any("override /controls" in entry for entry in listed)


@pytest.mark.parametrize("file", [CONF / "config.yaml", *FILES], ids=name_of)
def test_only_attacks_override_groups(file: Path) -> None:
    """Catches two files that override one group: in Hydra one of them loses in silence."""
    words = [key for entry in read(file).get("defaults", []) if isinstance(entry, dict) for key in entry]
    overrides = [word for word in words if word.startswith("override ")]
    if file.parent.name != "attack":
        assert not [word for word in overrides if not word.startswith("override hydra/")]
        assert not overrides or file == CONF / "config.yaml"


@pytest.mark.parametrize("file", [CONF / "config.yaml", *FILES], ids=name_of)
def test_every_file_begins_by_saying_what_it_is(file: Path) -> None:
    """Catches a configuration nobody explains."""
    lines = file.read_text(encoding="utf-8").splitlines()
    first = lines[1] if lines[0] == "# @package _global_" else lines[0]
    assert first.startswith("# ") and len(first) > 8, first
