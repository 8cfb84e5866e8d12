"""What looks like a secret in the configuration of a model that somebody saved: told by its name, once."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from telltale.reporting.masking import masked

log = logging.getLogger("telltale")
OF_TEXTS = re.compile(r"[<>\[\]|]|^.{0,5}$")  # tokens that texts are made of, such as "bos_token": "<s>"


def tell_secrets(folder: Path) -> None:
    """Name what looks like a secret in a model's folder: it is not used, and goes where the folder goes."""
    for file in sorted(folder.glob("*config.json")):
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, OSError, RecursionError):  # refused, in a line of its own, by who reads the model
            continue
        if names := dict.fromkeys(name for name, text in _texts(said) if _is_secret(name, text)):
            shown = ", ".join(names)
            log.warning(f"{file} holds what looks like a secret ({shown}); it is neither used nor shown: take it out")


def _texts(said: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text under the name that it, or the list around it, has."""
    if isinstance(said, str):
        yield name, said
    for key, value in said.items() if isinstance(said, dict) else ():
        yield from _texts(value, str(key))
    for value in said if isinstance(said, list) else ():
        yield from _texts(value, name)


def _is_secret(name: str, text: str) -> bool:
    by_name = masked({name: text}) != {name: text}
    return by_name and not (masked(text) == text and re.search("tokens?$", name) and OF_TEXTS.search(text))
