"""Deals captioned pictures out by what they show: no concept lies in two pools, whoever drew it."""

from __future__ import annotations

import numpy as np

from telltale.data.captions.records import CaptionedImages
from telltale.data.pools import CHALLENGE, Pools, PoolSizes
from telltale.errors import InputError


def deal_by_concept(records: CaptionedImages, sizes: PoolSizes, seed: int) -> Pools[CaptionedImages]:
    """Shuffle the concepts with `seed` and cut them into pools, one picture a concept and source.

    All pools are of the first source, but two: `population` is the second source's pictures of the auxiliary
    concepts, and with records.nonmember_source="other_dataset" the non-members are the second source's; those
    challenge records are then the last ones, and no model may learn from them (Pools.assigned). Where two sources
    show the same things, only concepts that both show are dealt; where they have none in common, `population` is
    other things than the auxiliary's. Raises InputError, naming the pools, where there are too few.
    """
    by_source = _one_a_concept(records, seed)
    confounded = records.nonmember_source == "other_dataset"
    if confounded:
        require_second_source(records, "dataset.nonmember_source", records.nonmember_source)
    if sizes.population:
        require_second_source(records, "pools.population", sizes.population)
    if sizes.population > sizes.auxiliary:
        expected = f"at most pools.auxiliary={sizes.auxiliary}: the same concepts, as the second source shows them"
        raise InputError("pools.population", sizes.population, expected)
    if sizes.canaries:
        raise InputError("pools.canaries", sizes.canaries, "0: captions have no canaries")
    sizes_of_parts = {name: size for name, size in vars(sizes).items() if name not in ("population", "canaries")}
    parts = _cut(sizes_of_parts, by_source.shape[1], records.source)
    rows = {name: by_source[0, part] for name, part in parts.items()}
    rows["population"] = by_source[-1, parts["auxiliary"][: sizes.population]]
    strangers = by_source[-1 if confounded else 0, parts["non_members"]]
    dealt = {name: records.take(part) for name, part in rows.items() if name not in CHALLENGE}
    return Pools(
        challenge=records.take(np.concatenate([rows["members"], strangers])),
        member_count=sizes.members,
        source=records.source,
        available=by_source.shape[1],
        canary_count=0,
        canary_of=None,
        assigned=confounded,
        told=(),
        **dealt,
    )


def require_second_source(records: CaptionedImages, field: str, value: object) -> None:
    """Raise InputError, naming the option that needs one, where all pictures are of one source."""
    if len(records.source_names) < 2:
        expected = (
            f"needs pictures of a second source, {records.source} has one; choose dataset=emoji_captions with "
            "dataset.second=twitter (python -m scripts.fetch_data emoji_twitter) or dataset.second=microsoft "
            "(… emoji_microsoft), dataset=scenes with dataset.second=second, or dataset=two_caption_sets"
        )
        raise InputError(field, value, expected)


def _one_a_concept(records: CaptionedImages, seed: int) -> np.ndarray:
    """Draw one picture of each concept: (sources, concepts) rows of `records`, concepts shuffled.

    Sources that show the same concepts stand side by side, what they name alike preferred; those that have none in
    common are shuffled each by itself, and only as many are kept as the smallest has.
    """
    rng = np.random.default_rng(seed)
    names, name = np.unique(np.array(records.names, dtype=str), return_inverse=True)
    order = np.argsort(rng.permutation(len(names))[name], kind="stable")  # by a number drawn for each name
    picture_of_concept = []
    for source in range(len(records.source_names)):
        of_source = order[records.sources[order] == source]
        concepts, first = np.unique(records.concepts[of_source], return_index=True)
        picture_of_concept.append(dict(zip(concepts.tolist(), of_source[first].tolist(), strict=True)))
    shared = sorted(set.intersection(*(set(pictures) for pictures in picture_of_concept)))
    if not shared:
        least = min(map(len, picture_of_concept))
        shuffled_apart = [rng.permutation(list(pictures.values()))[:least] for pictures in picture_of_concept]
        return np.stack(shuffled_apart).astype(np.int64)
    shuffled = [shared[place] for place in rng.permutation(len(shared)).tolist()]
    return np.array([[pictures[concept] for concept in shuffled] for pictures in picture_of_concept], np.int64)


def _cut(sizes: dict[str, int], available: int, source: str) -> dict[str, np.ndarray]:
    total = sum(sizes.values())
    if total > available:
        named = " + ".join(f"{name} {size}" for name, size in sizes.items() if size)
        expected = f"concepts asked for ({named}), but {source} has {available}; ask for fewer"
        raise InputError("pools", total, expected)
    ends = np.cumsum(list(sizes.values()))[:-1]
    return dict(zip(sizes, np.split(np.arange(total), ends), strict=True))
