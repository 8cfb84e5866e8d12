"""Records of texts kept on disk, tokens and all: a second start neither parses nor tokenises."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.kept import content_digest
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.molecules.cache import through_cache, write_whole
from telltale.data.records import require_labels
from telltale.data.texts.documents import Documents, Preparation, as_objects, as_records
from telltale.data.texts.records import TextRecords
from telltale.data.texts.tokenizer import BytePairs

BETWEEN = "\0"  # texts in a file; documents hold none
PARTS = ("texts", "shown", "ids")


def prepared(
    of: str, read: Callable[[], Documents], how: Preparation, one_class: str | None = None, value: object = None
) -> Loaded[TextRecords]:
    """Return the records of what `read` returns, from the cache where they were made of the same before.

    of: names all that `read` reads, by its content. A tokenizer that a user gives is looked at each time. Raises
    InputError as `as_records` does; one_class: the option named where all are of one class, None = that will do; value:
    of that option, None = the data set is named.
    """
    path = None
    if how.folder is not None and how.tokenizer is None:
        path = how.folder / f"records-{_key(of, how)}.npz"
    loaded = through_cache(path, _load, _save, lambda: as_records(read(), how))
    if one_class is not None:
        require_labels(loaded.records, one_class, value)
    return loaded


def of_files(files: Sequence[Path]) -> str:
    """Name the content of files, in their order."""
    return content_digest([blake2b(file.read_bytes(), digest_size=16).hexdigest() for file in files])


def _key(of: str, how: Preparation) -> str:
    options = (how.vocabulary, how.context, how.near_equal, how.public, how.most_per_group)
    made_by = (version("tokenizers"), np.__version__)
    code = "".join(file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("*.py")))
    return blake2b(f"{of}{options}{made_by}{code}".encode(), digest_size=16).hexdigest()


def _save(loaded: Loaded[TextRecords], path: Path) -> None:
    records = loaded.records
    codec = records.codec
    assert codec is None or isinstance(codec, BytePairs)
    said = {
        "source": records.source,
        "classes": records.classes,
        "codec": None if codec is None else [codec.text, codec.learned_on],
        "counts": [loaded.lines, loaded.duplicates, loaded.conflicts],
        "told": loaded.told,
        "near_equal": records.near_equal,
        "invalid": [[str(bad.file), bad.reason, bad.line, bad.text] for bad in loaded.invalid],
    }
    same = records.shown is records.texts or bool((records.shown == records.texts).all())
    texts = {"texts": records.texts, "shown": None if same else records.shown, "ids": records.ids}
    joined = {name: BETWEEN.join(part.tolist()) for name, part in texts.items() if part is not None}
    arrays = {name: np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8) for name, text in joined.items()}
    arrays["said"] = np.frombuffer(json.dumps(said).encode(), np.uint8)
    arrays["tokens"] = records.tokens.astype(np.min_scalar_type(records.vocabulary))
    arrays["groups"] = records.groups
    arrays |= {name: part for name in ("labels", "near") if (part := getattr(records, name)) is not None}
    write_whole(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def _load(path: Path) -> Loaded[TextRecords]:
    with np.load(path, allow_pickle=False) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    said = json.loads(arrays["said"].tobytes())
    parts = {
        name: arrays[name].tobytes().decode("utf-8", "surrogatepass").split(BETWEEN) for name in PARTS if name in arrays
    }
    texts, codec = as_objects(parts["texts"]), None if said["codec"] is None else BytePairs(*said["codec"])
    records = TextRecords(
        tokens=arrays["tokens"].astype(np.int64),
        vocabulary=1 if codec is None else codec.vocabulary,
        tokenizer="" if codec is None else codec.digest,
        source=said["source"],
        texts=texts,
        shown=as_objects(parts["shown"]) if "shown" in parts else texts,
        groups=arrays["groups"],
        labels=arrays.get("labels"),
        classes=tuple(said["classes"]),
        ids=np.array(parts["ids"]) if "ids" in parts else None,
        near=arrays.get("near"),
        near_equal=said["near_equal"],
        codec=codec,
    )
    lines, duplicates, conflicts = said["counts"]
    invalid = tuple(InvalidRecord(Path(file), reason, line, text) for file, reason, line, text in said["invalid"])
    return Loaded(
        records=records,
        lines=lines,
        duplicates=duplicates,
        conflicts=conflicts,
        invalid=invalid,
        told=tuple(said["told"]),
    )
