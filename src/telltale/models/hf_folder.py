"""A model in a folder, as the package `transformers` saved it: what is read of it, and what is refused.

Nothing is fetched, unpickled or run from such a folder, and no file outside it is opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from logging import CRITICAL
from pathlib import Path
from typing import Any

from telltale.data.folders import leads_outside
from telltale.errors import InputError

FIELD, CONFIG = "model.path", "config.json"
# not weights: masks and frequencies that older versions saved, and what nothing is made of
BUFFER = re.compile(r"\.(attn|attention|crossattention)\.(masked_)?bias$|\.inv_freq$|position_ids$|\.pooler\.")
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
READ = (".safetensors", ".json", ".txt", ".model")  # endings of what may be read
OFFLINE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
OTHER_WEIGHTS = "transformers_weights"  # names any file as the weights, a pickle or an index of them among these
IMPLEMENTATION = ("attn_implementation", "experts_implementation")  # ends of names; a value may be code to be fetched
OWN_IMPLEMENTATIONS = (None, "eager", "sdpa", "grouped_mm", "batched_mm")


def saved_in(path: str | None, what: str, tokens: Sequence[str], also: Sequence[str] = ()) -> Path:
    """Return the folder of a model.

    what: the model in words; tokens: names of files, of which one has its tokenizer; also: other files that have to be
    there. Raises InputError for what is no folder, lacks a file, or would run code of its own.
    """
    if not isinstance(path, str) or not Path(path).expanduser().is_dir():
        raise InputError(FIELD, path, f"a folder with {what} that transformers saved: save_pretrained(folder)")
    folder = Path(path).expanduser()
    if not any((folder / name).is_file() for name in WEIGHTS):
        pickled = ": pytorch_model.bin is a pickle and is not opened" if list(folder.glob("*.bin")) else ""
        raise InputError(FIELD, path, f"needs {WEIGHTS[0]}{pickled}; save_pretrained(folder) writes it")
    if not any((folder / name).is_file() for name in tokens):
        raise InputError(FIELD, path, f"needs its tokenizer: {' or '.join(tokens)}")
    for name in (CONFIG, *also):
        if not (folder / name).is_file():
            raise InputError(FIELD, path, f"needs {name}, as transformers writes it")
    return folder


def require_own_files(folder: Path, path: str | None) -> None:
    """Refuse, by InputError, code that lies beside the weights or is fetched, and what lies elsewhere."""
    for file in sorted(folder.iterdir()):
        if file.suffix in READ and file.is_file() and leads_outside(file, folder):
            expected = f"its {file.name} is a link to a file outside, which is not opened; cp -rL copies what it is"
            raise InputError(FIELD, path, expected)
    for file in sorted(folder.glob("*config.json")):
        for name, value in _said(read(file)):
            if name == "auto_map":
                raise InputError(FIELD, path, f"its {file.name} asks for code of its own (auto_map), which is not run")
            if name.removesuffix("_internal").endswith(IMPLEMENTATION) and value not in OWN_IMPLEMENTATIONS:
                expected = f"its {file.name} asks for {name}={value}, which may be code to be fetched, and is not run"
                raise InputError(FIELD, path, expected)
            if name == OTHER_WEIGHTS and value != WEIGHTS[0]:
                expected = f"its {file.name} names other weights ({name}={value}), which are not opened"
                raise InputError(FIELD, path, f"{expected}; {' or '.join(WEIGHTS)} is read")
    index = folder / WEIGHTS[1]
    if (folder / WEIGHTS[0]).is_file() or not index.is_file():
        return
    parts = read(index).get("weight_map")
    for name in sorted(set(map(str, parts.values()))) if isinstance(parts, dict) else [str(parts)]:
        if Path(name).name != name or not name.endswith(".safetensors") or not (folder / name).is_file():
            expected = f"its {index.name} names {name}, which is no safetensors file of the folder, and is not opened"
            raise InputError(FIELD, path, expected)


def require_whole(loaded: Any, path: str | None) -> None:
    """Refuse, by InputError, weights that lack some of the network's, which would be drawn at random in their place.

    A pooler's may lack: nothing is made of what it makes. None may be of another shape than the configuration says, or
    have no place in the network, which would not be the model that was saved; buffers of older versions are none.
    """
    if unlike := sorted(loaded["mismatched_keys"]):
        name, held, asked = unlike[0]
        sizes = f"{name} has {' x '.join(map(str, held))}, not {' x '.join(map(str, asked))}"
        raise InputError(FIELD, path, f"{len(unlike)} of its weights are not as its {CONFIG} says: {sizes}")
    missing = sorted(name for name in loaded["missing_keys"] if ".pooler." not in name)
    if missing:
        expected = f"its weights lack {len(missing)} of the network's, as {missing[0]}; is it a model of another task?"
        raise InputError(FIELD, path, expected)
    if unused := sorted(name for name in loaded["unexpected_keys"] if not BUFFER.search(name)):
        expected = f"{len(unused)} of its weights have no place in the network that its {CONFIG} says, as {unused[0]}"
        raise InputError(FIELD, path, expected)


def unreadable(error: Exception, path: str | None) -> InputError:
    """Say in a line why transformers could not read a folder: a damaged file may fail anywhere in the package."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    why = " ".join(lines[:2]) if lines and lines[0].endswith(":") else lines[0] if lines else repr(error)
    return InputError(FIELD, path, f"cannot be read by transformers: {why}")


def library(path: str | None) -> Any:
    """Import transformers. Raises InputError where the extra is not installed."""
    try:
        import transformers
    except ImportError:
        expected = 'needs the package transformers, which is not installed: pip install "telltale[hf]"'
        raise InputError(FIELD, path, expected) from None
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity(CRITICAL)  # what is wrong is said once, in a line of our own
    return transformers


def read(file: Path) -> dict[str, Any]:
    """Read a JSON object. Raises InputError for anything else."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(FIELD, str(file), f"is no JSON that can be read ({error})") from None
    if not isinstance(found, dict):
        raise InputError(FIELD, str(file), "a JSON object")
    return found


def _said(config: Any) -> Iterator[tuple[str, Any]]:
    """Yield all that a configuration says, and those inside it, under the names it has there."""
    if isinstance(config, list):
        for part in config:
            yield from _said(part)
    if isinstance(config, dict):
        for name, value in config.items():
            yield str(name), value
            yield from _said(value)


def first_of(*values: Any) -> int | None:
    """Return the first whole number; configurations leave out what a part of them says."""
    return next((value for value in values if type(value) is int), None)


def digest_of(folder: Path) -> str:
    """Name what a folder holds, wherever it lies: 32 hexadecimal digits."""
    digest = blake2b(digest_size=16)
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.suffix in READ:
            digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as opened:
                while part := opened.read(1 << 24):
                    digest.update(part)
    return digest.hexdigest()
