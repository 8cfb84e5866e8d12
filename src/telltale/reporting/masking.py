"""Secrets: what looks like a key, a token or a password is shown as ***, and the run has the real one."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
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
_ALWAYS = r"pass|passwords?|passwd|passcodes?|passphrases?|pwd|secrets?|credentials?|bearer|auth|authorization"
_TEXTS = (
    r"(?:api|access|private|auth|account)?(?:keys?|tokens?)"  # a number under such a name is a size, e.g. max_tokens
)
_CAMEL = r"(?<=[a-z])(?=[A-Z])"
_BEFORE, _AFTER = rf"(?:^|[^a-zA-Z]|{_CAMEL})", rf"(?:$|[^a-zA-Z]|{_CAMEL})"
SECRET = re.compile(rf"{_BEFORE}(?i:{_ALWAYS}){_AFTER}")
SECRET_TEXT = re.compile(rf"{_BEFORE}(?i:{_TEXTS}){_AFTER}")
WORD = re.compile(r"(['\"]?[+~]*([\w./@-]+)=)(.+)", re.DOTALL)  # of the command line
PIECE = re.compile(r"'[^']*'|\"[^\"]*\"|[{}\[\],:]|[^{}\[\],:'\"]+|['\"]")  # of a mapping or list within a word
PAIR = re.compile(r"([\w.@/-]*\w=)([^\s,;&'\"(){}\[\]]*[^\s,;&'\"(){}\[\]:.])")  # of a message, e.g. of an InputError
TOKENS = [
    re.compile(pattern)
    for pattern in (
        r"(?<=://)()[\w~%+-]{20,}(?=@)",  # https://token@host
        r"(://[^\s/:@'\"]*:)(?!\d+/)[^\s'\"]+(?=@[\w.-]+)",  # ://user:password@host, where 80/ is a port and a path
        r"(^[^\s/:@'\"]*:)[^\s/'\"]+(?=@[\w.-]+)",  # user:password@host
        r"((?i:accountkey|sharedaccesskey|sharedaccesssignature)=)[^;\s'\"]+",  # Azure's
        r"((?i:\bauthorization)['\"]?\s*[:=]\s*['\"]?\w+ )[\w.~+/=-]{6,}",
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
    return PAIR.sub(_masked_pair, text)


def _masked_pair(pair: re.Match[str]) -> str:
    name, value = pair[1].removesuffix("="), pair[2]
    is_number = value.replace(".", "").isdigit() and not SECRET.search(name)
    return pair[0] if is_number or not is_secret(name, value) else f"{pair[1]}{HIDDEN}"


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
                mask_file(file)
        if hydra.mode == RunMode.MULTIRUN:
            mask_file(Path(hydra.sweep.dir) / "multirun.yaml")

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
    if name.endswith("target.bearer") and re.fullmatch(r"[A-Z][A-Z0-9_]*", str(value)):
        return False  # the name of the environment variable that has it
    return bool(SECRET.search(name) or (isinstance(value, str) and SECRET_TEXT.search(name)))


def _masked_word(text: str) -> str:
    if word := WORD.fullmatch(text):
        if is_secret(word[2], word[3]):
            return f"{word[1]}{HIDDEN}"
        shown, end = word[1], 0
        for start, stop, name in _entries(word[3]):
            secret = is_secret(name, word[3][start:stop])
            shown, end = f"{shown}{word[3][end:start]}{HIDDEN if secret else word[3][start:stop]}", stop
        text = shown + word[3][end:]
    return masked_text(text)


def _entries(text: str, name: str = "") -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, dotted name) of every value in a mapping or list of a word, e.g. {token:{value:x}}."""
    opened: list[tuple[str, str]] = []  # brackets, and the names of what they hold
    field, start, in_key = name, 0, False
    for piece in (*PIECE.finditer(text), None):
        sign, at = (piece[0], piece.start()) if piece else ("", len(text))
        if sign in ("{", "["):
            opened.append((sign, field))
            start, in_key = at + 1, sign == "{"
        elif sign in ("}", "]", ",", ""):
            value = text[start:at]
            if value.strip() and not in_key:
                first = start + len(value) - len(value.lstrip())
                yield first, first + len(value.strip()), field
            if sign in ("}", "]") and opened:
                opened.pop()
            start, in_key = at + 1, bool(opened) and sign == "," and opened[-1][0] == "{"
            field = opened[-1][1] if opened else name
        elif sign == ":" and in_key:
            field, start, in_key = (
                f"{opened[-1][1]}.{text[start:at].strip()}".replace("'", "").replace('"', ""),
                at + 1,
                False,
            )


def hidden_dirname(text: str, words: Sequence[str]) -> str:
    """Return Hydra's `override_dirname`, of which folders are named, without the secrets among the words of a job."""
    values = [found[3] for word in words if masked([word]) != [word] and (found := WORD.fullmatch(word))]
    for value in sorted(values, key=len, reverse=True):
        text = re.sub(re.escape(value).replace("=", ".{1,9}?"), "hidden", text)  # `=` is written as Hydra's kv_sep
    return masked_text(text).replace(HIDDEN, "hidden")  # no name of a file on Windows, and a pattern to shells


def mask_file(file: Path) -> None:
    """Write a YAML file of Hydra's anew where there is something to hide; one that cannot be read is left."""
    with suppress(OSError, yaml.YAMLError):  # Hydra's own copy: nobody reads it
        options = yaml.safe_load(file.read_text(encoding="utf-8"))
        if (hidden := masked(options)) != options:
            write_text(file, yaml.safe_dump(hidden, sort_keys=False, allow_unicode=True))


def _known() -> set[str]:
    """Return the secrets that the command line and the environment name."""
    words = [match for text in sys.argv[1:] if (match := WORD.fullmatch(text))]
    parts = [(name, word[3][start:end]) for word in words for start, end, name in _entries(word[3], word[2])]
    named = [*((word[2], word[3]) for word in words), *parts, *os.environ.items()]
    values = {value.strip("'\"") for name, value in named if is_secret(name, value)}
    return {value for value in values if len(value) >= SHORTEST and not value.startswith("/") and HIDDEN not in value}
