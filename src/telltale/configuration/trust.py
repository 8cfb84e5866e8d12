"""A configuration is a program: the classes it may name, checked before any of them is imported (SECURITY.md)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import hydra._internal.hydra as hydra_internals
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from telltale.configuration.command_line import configuration_folder, imported
from telltale.errors import InputError

ADVICE = "a configuration is a program: add trust=true to the command if you trust who wrote it (SECURITY.md)"
SHOWS_ONLY = ("-c", "--cfg", "-i", "--info", "-h", "--help", "--hydra-help")  # nothing is built: look before you trust
OURS = re.compile(r"telltale(\.[A-Za-z]\w*)+")
HYDRAS = re.compile(r"(hydra\._internal\.core_plugins|hydra_plugins)(\.\w+)+")  # its launchers and sweepers
HANDLERS = ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler")
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
RESOLVERS = (
    "now",
    "hydra",
    "oc.env",
    "help_page",
    "python_version",
)  # that return text, never a part with a `_target_`
USERS_CODE = ("target.call", "target.model", "target.prepare", "target.train")  # files of the user's that are run
TYPED = ("hydra.overrides.", "hydra.job.override_dirname")
SHELL = ("hydra.job.env_set", "hydra.launcher.setup", "hydra.launcher.python", "hydra.launcher.additional_parameters")


class CheckingLoader(ConfigLoaderImpl):
    """Hydra's own loader, which refuses what names foreign code before Hydra builds its callbacks and launchers."""

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose, and check what came of it; raises InputError."""
        words = dict(word.lstrip("+").partition("=")[::2] for word in overrides)
        trusted = words.get("trust", "").lower() == "true"
        if not trusted:
            self._check_search_path(config_name)
        cfg = super().load_configuration(config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        if not trusted and not any(word.partition("=")[0] in SHOWS_ONLY for word in sys.argv[1:]):
            check_composed(cfg, overrides)
        return cfg

    def _check_search_path(self, config_name: str | None) -> None:
        """Refuse a main file that looks for words in a Python package: Hydra imports it to look."""
        try:
            found = self.repository.load_config(config_path=config_name) if config_name else None
        except Exception:  # whatever is wrong with it, composing it says so
            return
        if found is not None and (path := OmegaConf.select(found.config, "hydra.searchpath")):
            raise InputError("hydra.searchpath", path, ADVICE)


def guard_composition() -> None:
    """Have Hydra compose by our loader: it has no hook between composing a configuration and building parts of it."""
    hydra_internals.ConfigLoaderImpl = CheckingLoader  # type: ignore[misc]


def check_composed(cfg: DictConfig, words: Sequence[str]) -> None:
    """Refuse, by InputError, a composed, unresolved configuration that names code of others or trusts itself.

    words: of the command line; what the user typed there is no stranger's.
    """
    if OmegaConf.select(cfg, "trust", throw_on_missing=False) not in (None, False):
        raise InputError("trust", cfg.trust, "no file can trust itself; only the command line can say trust=true")
    for field, value in _values(OmegaConf.to_container(cfg, resolve=False)):
        key, of_hydra = field.rpartition(".")[2], field.startswith("hydra.")
        if key == "_target_":
            _check_name(field, value, of_hydra)
        elif _is_users_code(field, value) and not _is_typed(field, words):
            raise InputError(field, value, f"a file, not the command, would have this code run; {ADVICE}")
        elif field.startswith(TYPED):  # a list that Hydra makes, and composes the jobs of a sweep from
            if isinstance(value, str) and value not in words and field != TYPED[-1]:
                raise InputError(field, value, ADVICE)
        elif of_hydra and _is_code(field, key, value) and not _is_typed(field, words):
            raise InputError(field, value, ADVICE)


def check_targets(cfg: DictConfig) -> None:
    """Refuse, by InputError, a resolved configuration in which a `_target_` is no class, or no loader, of ours."""
    if cfg.get("trust") is True:
        return
    for field, value in _values(OmegaConf.to_container(cfg)):
        if field.rpartition(".")[2] == "_target_":
            _check_name(field, value)
            target = imported(field, value)
            if not str(getattr(target, "__module__", "")).startswith("telltale."):
                raise InputError(field, value, ADVICE)
            if not isinstance(target, type) and not _is_named_by_us(value):
                raise InputError(field, value, f"a function that no file of conf/ names; {ADVICE}")


def _values(node: Any, field: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of everything in a configuration, groups and lists included."""
    yield field, node
    parts: Any = node.items() if isinstance(node, Mapping) else ()
    if isinstance(node, Sequence) and not isinstance(node, str):
        parts = enumerate(node)
    for key, value in parts:
        yield from _values(value, f"{field}.{key}".lstrip("."))


def _check_name(field: str, value: Any, of_hydra: bool = False) -> None:
    if not isinstance(value, str):
        raise InputError(field, value, "expected the dotted name of a class, e.g. telltale.models.mlp.MLP")
    if not OURS.fullmatch(value) and not (of_hydra and HYDRAS.fullmatch(value)):
        raise InputError(field, value, f"no class of telltale; {ADVICE}")
    if value.startswith("telltale.targets.") and field != "target._target_":
        raise InputError(field, value, f"runs code of its options, and may stand in the group target alone; {ADVICE}")


def _is_users_code(field: str, value: Any) -> bool:
    """Tell whether a value names a file of code, or the whole group is a reference to what may."""
    return (field in USERS_CODE and value is not None) or (field == "target" and isinstance(value, str))


def _is_typed(field: str, words: Iterable[str]) -> bool:
    names = [word.lstrip("+").partition("=")[0] for word in words]
    return any(name == field or name.startswith(f"{field}.") for name in names)


def _is_code(field: str, key: str, value: Any) -> bool:
    """Tell whether a value below `hydra` makes Hydra or Python's logging run something, or may."""
    if key == "()" or (key == "class" and value not in HANDLERS) or (field in SHELL and value):
        return True
    if not isinstance(value, str):
        return False
    resolvers = re.findall(r"\$\{\s*([\w.]+)\s*:", value)
    return (value.startswith("ext://") and value not in STREAMS) or not set(resolvers) <= set(RESOLVERS)


def _is_named_by_us(path: str) -> bool:
    lines = (line for file in configuration_folder().rglob("*.yaml") for line in file.read_text("utf-8").splitlines())
    return any(line.partition("#")[0].strip() == f"_target_: {path}" for line in lines)
