"""Configurations from Python: composed without a command line, and without leaving anything behind in Hydra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, read_write

from telltale.attacks.base import Attack
from telltale.attacks.membership.audit import Audit
from telltale.configuration.arguments import in_full, readable
from telltale.configuration.command_line import (
    BAD_INPUT,
    causes,
    check_words,
    configuration_folder,
    explain,
    register_resolvers,
)
from telltale.configuration.shape import check_shape, shorten
from telltale.configuration.trust import check_targets
from telltale.errors import InputError, NotPrivateError, NumericalError, QueriesSpentError


@contextmanager
def composed(words: Sequence[str], folder: str | Path | None = None) -> Iterator[tuple[DictConfig, Path]]:
    """Compose a command line and yield it, resolved, with the folder of its run; Hydra is left as it was.

    Raises InputError for words that cannot be composed.
    """
    register_resolvers()
    before, place = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(configuration_folder()), version_base="1.3", job_name="telltale"):
            cfg = _compose(["logger=none", *readable([in_full(word) for word in words])])
        HydraConfig.instance().set_config(cfg)
        own = OmegaConf.masked_copy(cfg, [str(name) for name in cfg if name != "hydra"])
        check_shape(own)  # without Hydra's own part, which has values in a job alone
        check_words(HydraConfig.get().runtime.choices)
        output = Path(folder).expanduser() if folder is not None else Path(str(cfg.hydra.run.dir))
        with read_write(cfg.hydra):
            cfg.hydra.runtime.output_dir = str(output.absolute())
        HydraConfig.instance().set_config(cfg)
        OmegaConf.resolve(own)
        shorten(own)
        check_targets(own)
        yield own, output
    finally:
        GlobalHydra.instance().clear()
        GlobalHydra.instance().hydra = before
        HydraConfig.instance().cfg = place


@contextmanager
def told_as_input(words: Sequence[str]) -> Iterator[None]:
    """Raise what a person can mend as it was raised, out of what Hydra wraps it in; other mistakes as InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        for cause in causes(error):
            if isinstance(cause, InputError | NumericalError | NotPrivateError | QueriesSpentError | KeyboardInterrupt):
                raise cause from None
        code, said = explain(error, configuration_folder())
        if code != BAD_INPUT:
            raise
        field, _, rest = said.removeprefix("error: ").partition(": ")
        name, equals, value = field.partition("=")
        raise InputError(name, value if equals else " ".join(words), rest or said) from None


def _compose(words: Sequence[str]) -> DictConfig:
    with told_as_input(words):
        return compose("config", overrides=list(words), return_hydra_config=True)


def attacks_named(word: str) -> dict[str, Attack]:
    """Return the attacks that `attack=word` plays, scores that were handed over first."""
    with composed([f"attack={word}"]) as (cfg, _):
        return attacks_of(cfg)


def attacks_of(cfg: DictConfig) -> dict[str, Attack]:
    """Build the attack that was named, unless it stands for all, then the others."""
    named: Mapping[str, Any] = {"scores": cfg.attack, **cfg.rivals}
    attacks = {str(name): instantiate(options) for name, options in named.items()}
    return {name: attack for name, attack in attacks.items() if not isinstance(attack, Audit)}
