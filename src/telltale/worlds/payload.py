"""What malicious training code makes possible to ask of the truth: the records it hid, and who recognises them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from telltale.data.images.records import ImageRecords
from telltale.data.images.tones import WHITE, tones
from telltale.data.seeds import derive
from telltale.evidence import Evidence, ReconstructedRecords
from telltale.game.game import Game
from telltale.owner.preparation import hidden_records
from telltale.truth import Truth
from telltale.worlds.other_world import OtherWorld, Releases


def with_payload(truth: Truth, game: Game, others: Iterable[OtherWorld]) -> Truth:
    """Add to the truth what malicious training code makes possible to ask; others: that were attacked too."""
    recipe, test, points = game.recipe, game.pools.test, game.pools.challenge
    if not recipe.added_code:
        return truth
    objective = recipe.initial()
    hidden = [
        hidden_records(objective, records, recipe.added_code, prepared.defenses, seed)
        for records, prepared, seed in game.victims_as_trained()
    ]
    judging = _other_records(game)
    everything, seed = np.ones((1, len(judging)), bool), derive(game.seed, "judge")
    (honest,) = game.owner.train_many(
        recipe.replace(added_code=(), defenses=()), judging, everything, [seed], ["judge"]
    )
    named: Releases = {"target": game.released(), "benign": game.benign()}
    named = {**named, **{name: several for other in others for name, several in other.releases(game).items()}}
    right = {
        name: np.stack([release.labels(test) == test.labels for release in several])
        for name, several in named.items()
        if len(test)
    }

    def judge(pictures: np.ndarray) -> np.ndarray:
        shape = (len(pictures), *points.shape)
        pixels = np.broadcast_to(pictures, shape).astype(np.float32)
        return honest.labels(ImageRecords(pixels, np.zeros(len(pixels), np.int64), "decoded", points.classes))

    return replace(truth, payload=tuple(hidden), judge=judge, right=right)


def originals(truth: Truth, target: Evidence | None) -> dict[str, ReconstructedRecords]:
    """Return what a perfect attack would hand over, as evidence by name: what a judge makes of it is the ceiling.

    target: the attack's evidence, whose pictures are alike; nothing where no pictures were hidden.
    """
    if not truth.payload or not isinstance(target, ReconstructedRecords):
        return {}
    hidden: list[Any] = list(truth.payload)
    pictures = [tones(records.pixels, target.records.shape[2]) for records in hidden]
    return {"originals": ReconstructedRecords(np.stack(pictures) / WHITE)}


def _other_records(game: Game) -> ImageRecords:
    """Return pictures that no victim was trained on: of those, a judge would know the label by heart."""
    parts: list[Any] = [game.pools.test, game.pools.auxiliary]
    pixels, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("pixels", "labels"))
    return replace(parts[1], pixels=pixels, labels=labels, coarse=None, coarse_classes=(), ids=None)
