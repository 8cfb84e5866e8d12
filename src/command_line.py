"""What the command line needs before anything slow is imported: resolvers, and one clear line for every error."""

from __future__ import annotations

import difflib
import re
import traceback
from pathlib import Path
from typing import Any

from hydra.errors import HydraException, InstantiationException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.errors import InputError

SCALES = ("smoke", "small", "paper")
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def register_resolvers() -> None:
    """Register `${by_scale:smoke,small,paper}`: the value for the scale in force."""
    OmegaConf.register_new_resolver("by_scale", by_scale, replace=True)


def by_scale(smoke: Any, small: Any, paper: Any, *, _root_: Any) -> Any:
    """Choose among a setting's three values."""
    chosen = dict(zip(SCALES, (smoke, small, paper), strict=True))[_root_.scale.name]
    return OmegaConf.create(chosen) if isinstance(chosen, list) else chosen


def explain(error: BaseException, configuration: Path) -> tuple[int, str]:
    """Turn an exception into (exit code, what to print): one line for the user's mistakes, a traceback for ours."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, KeyboardInterrupt):
            return INTERRUPTED, f"interrupted: {cause}" if str(cause) else _INTERRUPTED_EARLY
        if isinstance(cause, InputError):
            return BAD_INPUT, f"error: {cause}"
        if isinstance(cause, MissingConfigException):
            return BAD_INPUT, f"error: {_unknown_option(cause, configuration)}"
    for cause in reversed(chain):
        if isinstance(cause, OmegaConfBaseException):
            return BAD_INPUT, f"error: {_bad_key(cause)}"
    if isinstance(error, InstantiationException):
        return BAD_INPUT, f"error: {_bad_argument(error)}"
    if isinstance(error, HydraException):
        return BAD_INPUT, f"error: {_one_line(str(error))}"
    if isinstance(error, OSError) and any("hydra" in frame.filename for frame in _frames(error)):
        return (
            BAD_INPUT,
            f"error: hydra.run.dir={error.filename}: cannot be written ({error.strerror}); give a folder that can",
        )
    return FAILED, "".join(traceback.format_exception(error)).rstrip()


_INTERRUPTED_EARLY = (
    "interrupted: nothing was being trained; the same command starts again, from the store where it can"
)


def _causes(error: BaseException | None) -> Any:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return list(traceback.extract_tb(error.__traceback__))


def _one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())


def _unknown_option(error: MissingConfigException, configuration: Path) -> str:
    group, _, value = (error.missing_cfg_file or "").rpartition("/")
    options = sorted(file.stem for file in (configuration / group).glob("*.yaml"))
    if not group or not options:
        groups = ", ".join(sorted(folder.name for folder in configuration.iterdir() if folder.is_dir()))
        return f"{error.missing_cfg_file}: no such configuration; the groups are {groups}"
    return f"{group}={value}: no such {group}{_nearest(value, options)}; one of {', '.join(options)}"


def _bad_key(error: OmegaConfBaseException) -> str:
    key, parent = error.full_key or str(error.key), error.parent_node
    if "is not in struct" in str(error) and parent is not None:
        valid = sorted(str(name) for name in parent)
        own = key.rpartition(".")[2]
        return f"{key}: no such key{_nearest(own, valid)}; one of {', '.join(valid)}"
    return f"{key}: {_one_line(str(error).splitlines()[0])}"


def _bad_argument(error: InstantiationException) -> str:
    text = _one_line(str(error))
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", text)
    where = re.search(r"full_key: ([\w.]+)", text)
    if unexpected and where:
        return f"{where[1]}.{unexpected[1]}: no such key"
    return text


def _nearest(value: str, options: list[str]) -> str:
    close = difflib.get_close_matches(value, options, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
