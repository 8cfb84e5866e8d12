"""Secrets: what looks like a key, a token or a password is shown as ***, and the run has the real one."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from telltale.writing import write_text

HIDDEN = "***"
SHORTEST = 6  # a secret of fewer letters is hidden where it stands, and not looked for in other texts
_ALWAYS = r"passwords?|passwd|passphrases?|pwd|secrets?|credentials?"
_TEXTS = r"(?:api|access|private|auth)?(?:keys?|tokens?)"  # a number under such a name is a size, e.g. max_tokens
_CAMEL = r"(?<=[a-z])(?=[A-Z])"
_BEFORE, _AFTER = rf"(?:^|[^a-zA-Z]|{_CAMEL})", rf"(?:$|[^a-zA-Z]|{_CAMEL})"
SECRET = re.compile(rf"{_BEFORE}(?i:{_ALWAYS}){_AFTER}")
SECRET_TEXT = re.compile(rf"{_BEFORE}(?i:{_TEXTS}){_AFTER}")
WORD = re.compile(r"(['\"]?[+~]*([\w./@-]+)=)(.+)", re.DOTALL)  # of the command line
ENTRY = re.compile(r"(([\w.-]+)['\"]?\s*:\s*)('[^']*'|\"[^\"]*\"|[^\s,{}\[\]]+)")  # of a mapping within a word
TOKENS = [
    re.compile(pattern)
    for pattern in (
        r"(?<=://)()[\w~%+-]{20,}(?=@)",  # https://token@host
        r"((?:://|^)[^\s/:@'\"]*:)[^\s/'\"]+(?=@[\w.-]+)",  # user:password@host
        r"([?&][\w.-]*(?i:key|token|secret|password|signature|sig)=)[^&\s'\"]+",
        r"()\b(?:hf|gh[opsur]|github_pat|glpat|sk|xox[abposr]|npm|pypi|wandb_v1)[_-][\w-]{16,}",
        r"()\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        r"()\bAIza[\w-]{35}",
        r"()\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",  # JSON web tokens
        r"()(?<![0-9a-zA-Z])[0-9a-f]{40}(?![0-9a-zA-Z])",  # W&B's keys
        r"((?i:\bbearer) )[\w.~+/=-]{8,}",
        r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?=-----END|$)",
    )
]


def masked(value: Any, name: str = "") -> Any:
    """Return a copy in which whatever looks like a secret is ***: mappings, lists, texts and words of a command.

    name: of the option that has this value, which may say that it is one.

    >>> masked({"hub": {"api_key": "abc", "max_tokens": 5}, "url": "https://me:abc@host/x"})
    {'hub': {'api_key': '***', 'max_tokens': 5}, 'url': 'https://me:***@host/x'}
    >>> masked(["attack=lira", "logger.token=abc"])
    ['attack=lira', 'logger.token=***']
    """
    if isinstance(value, Mapping):
        return {key: masked(one, f"{name}.{key}") for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one, name) for one in value]
    if is_secret(name, value):
        return HIDDEN
    return _masked_word(value) if isinstance(value, str) else value


def masked_text(text: str) -> str:
    """Return a text for people, such as a message, without the secrets of this command and of the environment."""
    for secret in sorted(_known(), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern in TOKENS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text


def masked_configuration(cfg: DictConfig) -> DictConfig:
    """Return the configuration to be shown, resolved."""
    options: Any = OmegaConf.to_container(cfg, resolve=True)
    hidden = masked(options)
    return cfg if hidden == options else OmegaConf.create(hidden)


class HiddenSecrets(Callback):
    """Hydra callback: masks what Hydra itself writes: `.hydra`, where asked for, and a sweep's `multirun.yaml`."""

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write those files anew where there is something to hide."""
        hydra = config.hydra
        if hydra.output_subdir is not None:
            for file in (Path(hydra.runtime.output_dir) / hydra.output_subdir).glob("*.yaml"):
                _mask_file(file)
        if hydra.mode == RunMode.MULTIRUN:
            _mask_file(Path(hydra.sweep.dir) / "multirun.yaml")

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Mask the words that Hydra prints where a job has failed."""
        job_return.overrides = masked(job_return.overrides)


class Masking(logging.Filter):
    """Hides secrets in what is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the masked message in place of the record's."""
        record.msg, record.args = masked_text(record.getMessage()), None
        return True


def is_secret(name: str, value: Any) -> bool:
    """Tell whether an option of this name holds a secret; a number can be a password, and is no key."""
    if value is None or isinstance(value, bool) or value == "":
        return False
    return bool(SECRET.search(name) or (isinstance(value, str) and SECRET_TEXT.search(name)))


def _masked_word(text: str) -> str:
    if (word := WORD.fullmatch(text)) and is_secret(word[2], word[3]):
        return f"{word[1]}{HIDDEN}"
    if WORD.fullmatch(text):
        text = ENTRY.sub(lambda entry: f"{entry[1]}{HIDDEN}" if is_secret(entry[2], entry[3]) else entry[0], text)
    return masked_text(text)


def _mask_file(file: Path) -> None:
    with suppress(OSError, yaml.YAMLError):  # Hydra's own copy: nobody reads it
        options = yaml.safe_load(file.read_text(encoding="utf-8"))
        if (hidden := masked(options)) != options:
            write_text(file, yaml.safe_dump(hidden, sort_keys=False, allow_unicode=True))


def _known() -> set[str]:
    """Return the secrets that the command line and the environment name."""
    found = [match for text in sys.argv[1:] for match in (WORD.fullmatch(text), *ENTRY.finditer(text)) if match]
    named = [*((match[2], match[3]) for match in found), *os.environ.items()]
    values = {value.strip("'\"") for name, value in named if is_secret(name, value)}
    return {value for value in values if len(value) >= SHORTEST and not value.startswith("/") and HIDDEN not in value}
