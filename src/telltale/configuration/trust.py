"""A configuration is a program: the classes it may name, checked before any of them is imported (SECURITY.md)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import hydra._internal.hydra as hydra_internals
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from telltale.configuration.command_line import configuration_folder, imported
from telltale.errors import InputError

ADVICE = "a configuration is a program: add trust=true to the command if you trust who wrote it (SECURITY.md)"
OURS = re.compile(r"telltale(\.[A-Za-z]\w*)+")
# What Hydra builds before our code runs, by name: a module of ours has others' functions in it, e.g. a `.os.system`.
HYDRAS = re.compile(
    r"(hydra\._internal\.core_plugins|hydra_plugins)(\.[a-z_]+)+\.[A-Z]\w*(Launcher|Sweeper)"
    r"|telltale\.reporting\.(taking\.FolderTaking|slurm\.SlurmWatch|masking\.HiddenSecrets)"
    r"|telltale\.sweeps\.summary\.SweepSummary"
)
HANDLERS = ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler")
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
OUTSIDE = re.compile(r"\s*(ext|cfg)\s*://")  # what logging imports, or looks up
OF_HYDRA = ("now", "hydra", "oc.env", "oc.select", "python_version")
RESOLVERS = (*OF_HYDRA, "by_scale", "if_given", "sweep_place", "help_page")
REFERENCE = re.compile(r"\s*(?:([\w.@/-]+)\s*(?:[}\[]|(:))|\[)")  # what follows `${`: an option, or a resolver and `:`
NUMBERS = re.compile(r"\s*oc\.create:\s*\[[\d\s.,]*\]\s*\}")
# Hydra's own options that are texts and nothing else: what they refer to becomes a text, too.
PLAIN = r"run\.dir|sweep\.(?:dir|subdir)|job\.(?:name|num|id)|runtime\.(?:output_dir|cwd|version)|help\.app_name"
TEXTS = re.compile(rf"hydra\.(?:{PLAIN}|output_subdir|(?:help|hydra_help)\.\w+)")
TEXT = re.compile(rf"\$\{{(?:hydra[.:](?:{PLAIN})|(?:now|help_page|python_version|oc\.env):[^${{}}]*)\}}")
LOGGING = ("hydra.hydra_logging", "hydra.job_logging")
LOGS = re.compile(r"(?:\$\{hydra\.(?:runtime\.output_dir|job\.name)\}|[\w ./-])*")  # no `:`, so no `ext://` in parts
USERS_CODE = ("target.call", "target.model", "target.prepare", "target.train")  # files of the user's that are run
TYPED = ("hydra.overrides.", "hydra.job.override_dirname")
SHELL = ("job.env_set", *(f"launcher.{name}" for name in ("setup", "python", "additional_parameters", "srun_args")))
ONE_RUN = "hydra.mode=RUN"  # what Hydra adds to the words of a command that is no sweep
SWEEPS = ("hydra.sweeper._target_", "hydra.sweeper.max_batch_size")  # all that a file may say of a sweep


class CheckingLoader(ConfigLoaderImpl):
    """Hydra's own loader, which refuses what names foreign code before Hydra builds its callbacks and launchers."""

    hide: Callable[[str, Sequence[str]], str] | None = None

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        """Keep the words of the command: a launcher takes this loader to processes that have others."""
        super().__init__(config_search_path)
        self.typed, self.hide = sys.argv[1:], CheckingLoader.hide
        self.settled: frozenset[tuple[str, ...]] = frozenset()  # words of jobs that have been composed, and run
        self.looked: tuple[str | None, list[str], DictConfig] | None = None

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose, and check what came of it; raises InputError.

        What was typed is the command line, or what a program composes from; `overrides` of a sweep's job may be a
        file's.
        """
        again = self._composed_before(config_name, overrides, from_shell)
        if again is not None and run_mode == RunMode.RUN:
            return again
        typed = self.typed if from_shell else overrides
        words = dict(word.lstrip("+").partition("=")[::2] for word in typed)
        trusted = words.get("trust", "").lower() == "true"
        if not trusted:
            self._check_search_path(config_name)
        looks = run_mode == RunMode.MULTIRUN and not validate_sweep_overrides  # whether a file makes this a sweep
        as_one_run = looks  # so that the same composition serves if it is none
        try:
            mode = RunMode.RUN if looks else run_mode
            cfg = super().load_configuration(config_name, overrides, mode, from_shell, validate_sweep_overrides)
        except HydraException:
            if not looks:
                raise
            as_one_run = False
            cfg = super().load_configuration(config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        if not trusted and not (from_shell and _only_shows(typed)):
            check_composed(cfg, overrides, typed)
        if self.hide is not None and (name := cfg.hydra.job.override_dirname):
            with read_write(cfg.hydra), open_dict(cfg.hydra):
                cfg.hydra.job.override_dirname = self.hide(name, overrides)
        if as_one_run and cfg.hydra.mode is None:
            self.looked = config_name, [*overrides, ONE_RUN], cfg
        return cfg

    def _composed_before(self, config_name: str | None, overrides: list[str], from_shell: bool) -> DictConfig | None:
        """Return what Hydra has composed and was checked when it looked whether this is a sweep, if it is none."""
        looked, self.looked = self.looked, None
        if looked is None or looked[:2] != (config_name, overrides):
            return None
        parsed, cfg = OverridesParser.create().parse_overrides(overrides), looked[2]
        self.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell)
        cfg.hydra.mode = RunMode.RUN
        cfg.hydra.overrides.hydra.append(ONE_RUN)
        return cfg

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Compose a job of a sweep; one that is settled was composed before, and nobody will look at it."""
        if tuple(sweep_overrides) in self.settled:
            return master_config
        return super().load_sweep_config(master_config, sweep_overrides)

    def _check_search_path(self, config_name: str | None) -> None:
        """Refuse a main file that looks for words in a Python package: Hydra imports it to look."""
        try:
            found = self.repository.load_config(config_path=config_name) if config_name else None
        except Exception:  # whatever is wrong with it, composing it says so
            return
        if found is not None and (path := OmegaConf.select(found.config, "hydra.searchpath")):
            raise InputError("hydra.searchpath", path, ADVICE)


def guard_composition(hide: Callable[[str, Sequence[str]], str]) -> None:
    """Have Hydra compose by our loader: it has no hook between composing a configuration and building parts of it.

    hide: makes of `hydra.job.override_dirname` and the words it is made of a name for folders without secrets.
    """
    CheckingLoader.hide = staticmethod(hide)
    hydra_internals.ConfigLoaderImpl = CheckingLoader  # type: ignore[misc]


def check_composed(cfg: DictConfig, words: Sequence[str], typed: Sequence[str]) -> None:
    """Refuse, by InputError, a composed, unresolved configuration that names code of others or trusts itself.

    words: that it was composed from.
    typed: of the command line; what the user typed there is no stranger's.
    """
    options: Any = OmegaConf.to_container(cfg, resolve=False)
    if options.get("trust") not in (None, False):
        raise InputError(
            "trust", options["trust"], "no file can trust itself; only the command line can say trust=true"
        )
    for field, value in _values(options):
        key, of_hydra = field.rpartition(".")[2], field == "hydra" or field.startswith("hydra.")
        if key == "_target_":
            _check_name(field, value, of_hydra)
        elif field.startswith(TYPED):  # a list that Hydra makes, and composes the jobs of a sweep from
            if isinstance(value, str) and value not in words and field != TYPED[-1]:
                raise InputError(field, value, ADVICE)
        elif _is_typed(field, typed):
            continue
        elif _is_users_code(field, value):
            raise InputError(field, value, f"a file, not the command, would have this code run; {ADVICE}")
        elif key == "()" or not _is_harmless(value) or (of_hydra and _is_code(field, key, value)):
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


def _only_shows(typed: Sequence[str]) -> bool:
    """Tell whether the configuration is printed and nothing of it is used; a page of help has Hydra set up logging."""
    flags, _ = get_args_parser().parse_known_args(list(typed))
    return bool(flags.cfg or flags.info) and not (flags.help or flags.hydra_help)


def _check_name(field: str, value: Any, of_hydra: bool = False) -> None:
    if not isinstance(value, str):
        raise InputError(field, value, "expected the dotted name of a class, e.g. telltale.models.mlp.MLP")
    if not (HYDRAS if of_hydra else OURS).fullmatch(value):
        of_ours = (
            "one of telltale's callbacks, and no launcher or sweeper of Hydra's" if of_hydra else "class of telltale"
        )
        raise InputError(field, value, f"no {of_ours}; {ADVICE}")
    if value.startswith("telltale.targets.") and field != "target._target_":
        raise InputError(field, value, f"runs code of its options, and may stand in the group target alone; {ADVICE}")


def _is_users_code(field: str, value: Any) -> bool:
    """Tell whether a value names a file of code, or the whole group is a reference to what may."""
    return (field in USERS_CODE and value is not None) or (field == "target" and isinstance(value, str))


def _is_typed(field: str, words: Iterable[str]) -> bool:
    """Tell whether a word of the command is this option, or a mapping or list with it: a group's word is a file's."""
    for word in words:
        name, _, value = word.lstrip("+").partition("=")
        if name == field or (field.startswith(f"{name}.") and value.startswith(("{", "["))):
            return True
    return False


def _is_harmless(value: Any) -> bool:
    """Tell whether a text names nothing for logging to import, and calls no resolvers but those that we know."""
    if not isinstance(value, str):
        return True
    for after in value.split("${")[1:]:
        found = REFERENCE.match(after)
        if found is None or (found[2] and found[1] not in RESOLVERS and not NUMBERS.match(after)):
            return False
    return not OUTSIDE.match(value) or value in STREAMS


def _is_code(field: str, key: str, value: Any) -> bool:
    """Tell whether a value below `hydra` makes Hydra or Python's logging run something, or may."""
    if isinstance(value, Mapping | list | tuple) or value is None:
        return key == "class"
    if field.startswith(tuple(f"hydra.{name}" for name in SHELL)):
        return bool(value)
    if field.startswith("hydra.sweeper.") and field not in SWEEPS:
        return True  # words of jobs that nobody typed
    if key == "class":
        return value not in HANDLERS
    if not isinstance(value, str):
        return False
    if key == "filename" and not value.endswith(".log"):
        return True  # lines of a stranger's in a file that is run
    if field == "hydra.job.name":
        return not re.fullmatch(r"\w[\w.-]*", value)
    if field.startswith("hydra.launcher.") and "\n" in value:
        return True  # a line of its own in a cluster's script
    return not TEXTS.fullmatch(field) and _is_whole_reference(field, value)


def _is_whole_reference(field: str, value: str) -> bool:
    """Tell whether a value may become more than a text, or in logging one that names something to import."""
    if "${" not in value:
        return False
    if field.startswith(LOGGING):
        return not LOGS.fullmatch(value)
    left, rest = "", value
    while left != rest:
        left, rest = rest, re.sub(r"\$\{[^${}]*\}", "", rest)
    return not rest.strip() and not TEXT.fullmatch(value)


def _is_named_by_us(path: str) -> bool:
    lines = (line for file in configuration_folder().rglob("*.yaml") for line in file.read_text("utf-8").splitlines())
    return any(line.partition("#")[0].strip() == f"_target_: {path}" for line in lines)
