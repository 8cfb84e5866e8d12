"""What the command line needs before anything slow is imported: resolvers, and one clear line for every error."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hydra.errors import HydraException, InstantiationException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from telltale.configuration.disk import told_of
from telltale.configuration.hints import MANY, nearest, nearest_option, of_other_word
from telltale.configuration.words import configuration_folder as configuration_folder
from telltale.configuration.words import groups_of, help_page
from telltale.errors import InputError, JobsLostError, NotPrivateError, NumericalError, QueriesSpentError
from telltale.reporting.slurm import told_of_lost_job

SECTIONS = ("scale", "pools", "evaluation", "report", "paths", "sweep", "debug")  # plain values, built by no class
SCALES = ("smoke", "small", "paper")
ENTRY = ("command.py", "trust.py")  # files of ours that stand behind whatever Hydra does
NO_MEMORY = r"can't allocate memory|out of memory|Unable to allocate|array is too big|Maximum allowed dimension"
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def register_resolvers() -> None:
    """Register what the YAML files call.

    `${by_scale:smoke,small,paper}`   the value for the scale in force
    `${if_given:option,value}`        0 where the option is null
    `${sweep_place:name,moment}`      folder of a sweep: its name, or where it has none the moment
    `${help_page:}`                   what `--help` shows
    """
    OmegaConf.register_new_resolver("by_scale", by_scale, replace=True)
    OmegaConf.register_new_resolver("if_given", lambda option, value: 0 if option is None else value, replace=True)
    OmegaConf.register_new_resolver("sweep_place", lambda name, moment: moment if name is None else name, replace=True)
    OmegaConf.register_new_resolver("help_page", help_page, replace=True)


def by_scale(smoke: Any, small: Any, paper: Any, *, _root_: Any) -> Any:
    """Choose among a setting's three values."""
    if "scale" not in _root_:
        raise InputError("scale", "left out", f"a word of conf/scale/: one of {', '.join(SCALES)}")
    scale = _root_.scale.name
    if scale not in SCALES:
        raise InputError("scale.name", scale, f"one of {', '.join(SCALES)}")
    chosen = dict(zip(SCALES, (smoke, small, paper), strict=True))[scale]
    return OmegaConf.create(chosen) if isinstance(chosen, list) else chosen


def check_words(choices: Mapping[str, str]) -> None:
    """Refuse, by InputError, a part that other files share where a word belongs: `attack=_membership`.

    choices: the word of each group.
    """
    for group, word in choices.items():
        if str(word).startswith("_"):
            groups = groups_of([configuration_folder()])
            words = f"; one of {', '.join(groups[group].lines)}" if group in groups else ""
            raise InputError(group, word, f"no word, but a part that other files share{words}")


def check_options(cfg: DictConfig, **others: Any) -> None:
    """Refuse, by InputError, an option that its constructor does not have or whose value is of another type.

    Reads every group with a `_target_`, and `others`: group -> what is built of it. Ranges are the constructors'
    own business.
    """
    groups: Any = {str(group): options for group, options in cfg.items()}
    for group, options in groups.items():
        if group in SECTIONS and not isinstance(options, Mapping):
            raise InputError(group, options, "no value of its own; set one of its keys")
        if isinstance(options, Mapping) and "_target_" in options:
            _check_group(group, options, imported(f"{group}._target_", options["_target_"]))
        elif group in others:
            _check_group(group, options, others[group])
        elif group in MANY:
            for name, part in options.items():
                _check_part(f"{group}.{name}", part)


def _check_part(field: str, options: Any) -> None:
    """Check a control, rival or variant, which may also be none at all: an option of one that is not there."""
    if not isinstance(options, Mapping) or "_target_" not in options:
        group, _, name = field.partition(".")
        expected = f"a word of conf/{group}/, e.g. by {group}={name}; leave one out with ~{field}"
        raise InputError(field, "null" if options is None else options, expected)
    _check_group(field, options, imported(f"{field}._target_", options["_target_"]))


def _check_group(group: str, options: Any, target: Any) -> None:
    if not isinstance(options, Mapping):
        raise InputError(group, options, "no value of its own; set one of its keys")
    try:
        declared = get_type_hints(target if inspect.isfunction(target) else target.__init__)
        parameters = inspect.signature(target).parameters
    except (AttributeError, NameError, TypeError, ValueError) as error:  # a module, a type of Python's own, a number
        expected = f"no class whose options can be read ({error})"
        raise InputError(f"{group}._target_", options.get("_target_"), expected) from error
    open_ended = any(one.kind == inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    for name, value in options.items():
        if name.startswith("_"):
            continue
        if isinstance(value, Mapping) and "_target_" in value:  # a class of its own inside this group
            _check_group(f"{group}.{name}", value, imported(f"{group}.{name}._target_", value["_target_"]))
            continue
        if name not in parameters and not open_ended:
            valid, field = sorted(parameters), f"{group}.{name}"
            hint = of_other_word(field) or nearest(name, valid)
            raise InputError(field, value, f"no such key{hint}; one of {', '.join(valid)}")
        if name in declared and not _fits(value, declared[name]):
            field, shown = f"{group}.{name}", "null" if value is None else value
            is_text = isinstance(value, int | float) and _fits(str(value), declared[name])
            quoted = f"; a text is quoted: '{field}=\"{value}\"'" if is_text else ""
            raise InputError(field, shown, f"expected {_in_words(declared[name])}{quoted}")


def imported(field: str, path: str) -> Any:
    """Return what a dotted name stands for; raises InputError, naming the field, where there is nothing."""
    module, _, name = str(path).rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise InputError(field, path, f"cannot be imported ({error})") from error


def explain(error: BaseException, configuration: Path) -> tuple[int, str]:
    """Turn an exception into (exit code, what to print): one line for the user's mistakes, a traceback for ours."""
    chain = list(causes(error))
    for cause in chain:
        if isinstance(cause, KeyboardInterrupt):
            return INTERRUPTED, f"interrupted: {cause}" if str(cause) else _INTERRUPTED_EARLY
        if isinstance(cause, NumericalError | NotPrivateError | JobsLostError | QueriesSpentError):
            return FAILED, f"error: {cause}"
        if isinstance(cause, InputError):
            return BAD_INPUT, f"error: {cause}"
        if isinstance(cause, MissingConfigException):
            return BAD_INPUT, f"error: {_one_line(_unknown_option(cause, configuration))}"
        if lost := told_of_lost_job(cause):
            return FAILED, f"error: {lost}"
    if any(isinstance(cause, MemoryError) or re.search(NO_MEMORY, str(cause)) for cause in chain):
        return FAILED, f"error: {_OUT_OF_MEMORY}"
    for cause in reversed(chain):
        if isinstance(cause, OmegaConfBaseException):
            return BAD_INPUT, f"error: {_bad_key(cause)}"
    if isinstance(error, InstantiationException) and not told_of(error):
        return BAD_INPUT, f"error: {_bad_argument(error)}"
    if isinstance(error, BrokenPipeError):  # the reader of our output has left, e.g. `… --help | head`
        return FAILED, ""
    if isinstance(error, OSError) and _makes_run_folder(error):
        field = "hydra.sweep.dir" if {"-m", "--multirun"} & set(sys.argv) else "hydra.run.dir"
        return (
            BAD_INPUT,
            f"error: {field}={error.filename}: cannot be written ({error.strerror}); give a folder that can",
        )
    if (of_disk := told_of(error)) is not None:
        return FAILED, f"error: {of_disk}"
    if isinstance(error, HydraException) or not _reached_our_code(error):
        return BAD_INPUT, f"error: {_one_line(str(error))}"
    return FAILED, "".join(traceback.format_exception(error)).rstrip()


_OUT_OF_MEMORY = "out of memory: make model, batches, pools or numbers of models smaller"
_INTERRUPTED_EARLY = (
    "interrupted: nothing was being trained; the same command starts again, from the store where it can"
)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it was raised from, outermost first."""
    met: set[int] = set()  # what is raised again may stand among its own causes
    while error is not None and id(error) not in met:
        met.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _files(error: BaseException) -> list[str]:
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


def _reached_our_code(error: BaseException) -> bool:
    """Tell whether anything of ours but the entry was running, or Hydra was still composing."""
    ours = {str(file) for file in Path(__file__).parents[1].rglob("*.py") if file.name not in ENTRY}
    return any(name in ours for name in _files(error))


def _makes_run_folder(error: OSError) -> bool:
    """Tell whether it was Hydra itself that could not write."""
    return not _reached_our_code(error) and any(f"{os.sep}hydra{os.sep}" in name for name in _files(error))


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a value of the configuration is of the annotated type; unknown annotations take anything."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in arguments)
    if origin in (list, tuple, Sequence):
        return (
            isinstance(value, Sequence)
            and not isinstance(value, str)
            and all(_fits(one, arguments[0]) for one in value)
        )
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint in (bool, str, NoneType):
        return isinstance(value, hint)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(one, arguments[1]) for one in value.values())
    return hint is Any or not isinstance(
        hint, type
    )  # a part of a class of ours has a `_target_` and was checked as such


def _in_words(hint: Any) -> str:
    if get_args(hint):
        if get_origin(hint) in (Union, UnionType):
            return " or ".join(_in_words(one) for one in get_args(hint))
        kind, of = ("keys", get_args(hint)[1]) if get_origin(hint) is Mapping else ("a list", get_args(hint)[0])
        return f"{kind}, each {_in_words(of)}"
    if isinstance(hint, type) and hint not in (int, float, bool, str, NoneType):
        return f"a part with a `_target_`: {hint.__name__}"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", NoneType: "null"}
    return names.get(hint, str(hint))


def _one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())


def _unknown_option(error: MissingConfigException, configuration: Path) -> str:
    group, _, value = (error.missing_cfg_file or "").rpartition("/")
    options = sorted(option for option in error.options or () if not option.startswith("_"))
    if not group or not options:
        groups = ", ".join(sorted(folder.name for folder in configuration.iterdir() if folder.is_dir()))
        return f"{error.missing_cfg_file}: no such configuration; the groups are {groups}"
    return f"{group}={value}: no such {group}{nearest(value, options)}; one of {', '.join(options)}"


def _bad_key(error: OmegaConfBaseException) -> str:
    named = re.search(r"^\s*full_key: (\S+)", str(error), re.MULTILINE)
    key = error.full_key or str(error.key or (named[1] if named else "configuration"))
    parent = error.parent_node
    if "is not in struct" in str(error) and parent is not None:
        valid = sorted(str(name) for name in parent)
        name = key.rpartition(".")[2]
        if not valid:
            return f"{key}: its group is not there; set none of config.yaml's groups to null"
        if key.startswith("rivals.") and "_target_" in parent and name in _arguments(key, parent["_target_"]):
            return f"{key}: an option that its file leaves as it is; set it as +{key}=…"
        hint = nearest_option(name, parent) if name == key else of_other_word(key) or nearest(name, valid)
        return f"{key}: no such key{hint}; one of {', '.join(valid)}"
    return f"{key}: {_one_line(str(error).splitlines()[0])}"


def _arguments(field: str, path: str) -> Mapping[str, Any]:
    """Return the arguments of a class; only a rival's file leaves some out, so only a rival's class is loaded."""
    return inspect.signature(imported(field, path)).parameters


def _bad_argument(error: InstantiationException) -> str:
    text = _one_line(str(error))
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", text)
    where = re.search(r"full_key: ([\w.]+)", text)
    if unexpected and where:
        return f"{where[1]}.{unexpected[1]}: no such key"
    return text
