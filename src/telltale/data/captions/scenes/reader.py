"""Scenes: pictures drawn on the fly, as many as are asked for, with captions as people differ in writing them.

Every caption comes from a grammar whose law is known, so that what a captioner has learned by heart can be measured
against the best that can be learned (`likelihood`), and what a caption says against what there is (`claims`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple
from pathlib import Path
from typing import NamedTuple

import numpy as np

from telltale.checks import choice, whole_number
from telltale.data.captions import two_sets
from telltale.data.captions.read import ReadCaptions
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.scenes.drawing import pictures as draw
from telltale.data.captions.scenes.facts import drawn
from telltale.data.captions.scenes.grammar import Grammar, written
from telltale.data.captions.scenes.lexicon import LEXICA
from telltale.data.captions.scenes.shown import ScenesShown
from telltale.data.images.pictures import require_size
from telltale.data.kept import as_bytes, as_texts
from telltale.data.molecules.cache import through_cache, write_whole
from telltale.errors import InputError

VERSION = "1"  # change it with anything that changes a scene: what is kept on disk is then made anew
CAPTIONS = 4  # of each picture
MOST_BYTES = 8 * 2**30  # of pictures
TRIED = 100  # pictures whose captions are weighed by who sees them and who does not


class _Made(NamedTuple):
    """What is kept on disk: pictures, captions as bytes, facts, and nats a caption (seen, unseen)."""

    pixels: np.ndarray
    captions: np.ndarray
    table: np.ndarray
    nats: np.ndarray


def load(
    pictures: int,
    source: str = "first",
    second: str | None = None,
    objects: int = 4,
    words: int = 1000,
    idiosyncrasy: float = 0.1,
    size: int = 32,
    seed: int = 0,
    nonmember_source: str = "same",
    cache: str | None = None,
) -> ReadCaptions:
    """Return so many scenes of `source` and, where named, as many of a `second` one, with four captions each.

    objects, words, idiosyncrasy: as `Grammar` has them; size: pixels a side; seed: of the scenes, and scene i hangs
    on it and on i alone; cache: folder where they are kept. Raises InputError for an option out of range.
    """
    require_size(size)
    most = MOST_BYTES // (3 * size**2)
    whole_number(
        "dataset.pictures", pictures, 1, most, expected=f"from 1 to {most:,}, which take 8 GiB at {size} pixels"
    )
    whole_number("dataset.seed", seed, 0)
    own = _one(pictures, Grammar(source, words, idiosyncrasy, objects), size, seed, nonmember_source, cache)
    if second is None:
        return own
    choice("dataset.second", second, LEXICA, expected=f"{' or '.join(LEXICA)}, or null")
    if second == source:
        raise InputError("dataset.second", second, f"another source than dataset.source={source}, or null")
    other = _one(pictures, Grammar(second, words, idiosyncrasy, objects), size, seed, nonmember_source, cache)
    return two_sets.load(own, other, nonmember_source)


def _one(
    pictures: int, grammar: Grammar, size: int, seed: int, nonmember_source: str, cache: str | None
) -> ReadCaptions:
    options = [VERSION, pictures, size, seed, CAPTIONS, *astuple(grammar)]
    path = None if cache is None else Path(cache) / f"scenes-{_key(options)}.npz"
    made = through_cache(path, _load, _save, lambda: _make(pictures, grammar, size, seed))
    texts = as_texts(made.captions)
    source = f"scenes of the {grammar.source} source"
    records = CaptionedImages(
        made.pixels,
        tuple(tuple(texts[start : start + CAPTIONS]) for start in range(0, len(texts), CAPTIONS)),
        np.arange(pictures),
        np.zeros(pictures, np.int64),
        (source,),
        tuple(f"{grammar.source} scene {number}" for number in range(pictures)),
        f"{source} ({size} x {size})",
        nonmember_source,
        ScenesShown(made.table, np.zeros(pictures, np.int64), (grammar,)),
    )
    seen, unseen = made.nats.tolist()
    told = f"a caption of {source} takes {seen:.1f} nats to who knows the scene and {unseen:.1f} to who does not"
    return ReadCaptions(records=records, lines=pictures, told=(told,))


def _make(pictures: int, grammar: Grammar, size: int, seed: int) -> _Made:
    numbers = np.arange(pictures)
    facts = drawn(grammar.source, grammar.objects, seed, numbers)
    captions = written(grammar, facts, seed, numbers, CAPTIONS)
    shown = ScenesShown(facts.table(), np.zeros(pictures, np.int64), (grammar,))
    few, texts = shown.take(numbers[:TRIED]), captions[:TRIED]
    nats = [-of(texts).mean() / CAPTIONS for of in (few.log_probabilities, few.log_probabilities_unseen)]
    flat = [text for of_picture in captions for text in of_picture]
    return _Made(draw(grammar.source, facts, seed, numbers, size), as_bytes(flat), shown.table, np.array(nats))


def _key(options: list[object]) -> str:
    return hashlib.blake2b(json.dumps(options).encode(), digest_size=16).hexdigest()


def _save(made: _Made, path: Path) -> None:
    write_whole(path, lambda file: np.savez(file, allow_pickle=False, **made._asdict()))


def _load(path: Path) -> _Made:
    with np.load(path, allow_pickle=False) as arrays:
        return _Made(*(arrays[name] for name in _Made._fields))
