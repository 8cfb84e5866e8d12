"""What malicious training code makes possible to ask of the truth: the records it hid, and who recognises them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from telltale.data.images.records import ImageRecords
from telltale.game.game import Game
from telltale.owner.preparation import hidden_records
from telltale.owner.recipe import Recipe
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
    judges = game.retrained(_undefended(recipe), "judge")
    named: Releases = {"target": game.released(), "benign": game.benign()}
    named = {**named, **{name: several for other in others for name, several in other.releases(game).items()}}
    right = {
        name: np.stack([release.labels(test) == test.labels for release in several])
        for name, several in named.items()
        if len(test)
    }

    def judge(pictures: np.ndarray, victim: int) -> np.ndarray:
        shape = (len(pictures), *points.shape)
        pixels = np.broadcast_to(pictures, shape).astype(np.float32)
        return judges[victim].labels(ImageRecords(pixels, np.zeros(len(pixels), np.int64), "decoded", points.classes))

    return replace(truth, payload=tuple(hidden), judge=judge, right=right)


def _undefended(recipe: Recipe) -> Recipe:
    """Return the honest recipe whose model judges pictures: compression and noise would make a worse judge."""
    kept = tuple(code for code in recipe.defenses if code.stage in ("data", "training"))
    return recipe.replace(added_code=(), defenses=kept)
