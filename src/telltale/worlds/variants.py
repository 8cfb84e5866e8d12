"""Other releases of the same victims, attacked alike: what another compression would have given away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from hydra.utils import instantiate

from telltale.attacks.quantized_encoding.codebooks import DATA_AWARE
from telltale.attacks.quantized_encoding.compression import EncodedCompression
from telltale.attacks.weight_encoding.correlation import CorrelatedEncoding
from telltale.checks import choice
from telltale.data.images.records import ImageRecords
from telltale.defenses.quantization.fine_tuning import FineTunedQuantization
from telltale.defenses.quantization.network import QUANTIZERS, require_bits
from telltale.defenses.quantization.post_training import Quantization
from telltale.errors import InputError
from telltale.game.game import Game, World
from telltale.owner.preparation import hidden_records, membership_of
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.truth import Truth

COMPRESSING = ("finish", "model")
MODES = ("post_training", "owner", "attacker")
Releases = Mapping[str, Sequence[Release]]


class Variant:
    """Base of other releases of a game's victims, by name."""

    def check(self, game: Game) -> None:
        """Refuse, by InputError, a game that has no such release."""
        raise NotImplementedError

    def releases(self, game: Game) -> Releases:
        """Have the victims trained by other recipes, on the same records and from the same seeds."""
        raise NotImplementedError

    def world(self, game: Game, name: str, releases: Sequence[Release], access: frozenset[str]) -> World:
        """Return what the attack is shown in the place of the target's world."""
        return game.world_of(releases, access)


class Float(Variant):
    """The malicious release without any compression: the most that an attacker can hope for."""

    def check(self, game: Game) -> None:
        """Nothing can be missing."""

    def releases(self, game: Game) -> Releases:
        """Return the trained weights as they are."""
        return {"float": game.retrained(uncompressed(game.recipe), "float")}


class Compression(Variant):
    """Every quantizer at every bit-width in every mode, by names such as "kmeans 4 bit, owner".

    quantizers: uniform | symmetric | kmeans | weighted_entropy | affine | histogram; modes: post_training = no
    fine-tuning, whoever does it; owner = fine-tuned by the owner's own code; attacker = fine-tuned by the attacker's,
    with the correlation term. affine and histogram are the attacker's own and look at the payload: fine-tuned without
    the term they are called "attacker-task", not "owner". epochs, learning_rate: of the fine-tuning.
    """

    def __init__(
        self,
        quantizers: Sequence[str],
        bits: Sequence[int],
        modes: Sequence[str],
        epochs: int = 15,
        learning_rate: float = 0.001,
    ) -> None:
        for quantizer in quantizers:
            choice("variants.quantizers", quantizer, {**QUANTIZERS, **DATA_AWARE})
        for number in bits:
            require_bits("variants.bits", number)
        for mode in modes:
            choice("variants.modes", mode, MODES)
        self.cells = list(product(bits, quantizers, modes))
        self.epochs, self.learning_rate = epochs, learning_rate

    def check(self, game: Game) -> None:
        """Refuse data-aware quantizers and correlated fine-tuning where nothing is hidden by correlation."""
        asks = [cell for cell in self.cells if cell[2] == "attacker" or cell[1] in DATA_AWARE]
        if asks and self._encoding(game) is None:
            told = "works on attack=quantized_encoding or weight_encoding attack.method=correlated; use variants=none"
            raise InputError("variants.modes", asks[0][2], told)

    def releases(self, game: Game) -> Releases:
        """Compress the same trained weights in every way."""
        return {
            f"{quantizer} {bits} bit, {_told(quantizer, mode)}": game.retrained(
                self._recipe(game, quantizer, bits, mode), f"{quantizer} {bits} bit"
            )
            for bits, quantizer, mode in self.cells
        }

    def _recipe(self, game: Game, quantizer: str, bits: int, mode: str) -> Recipe:
        plain, encoding, options = uncompressed(game.recipe), self._encoding(game), (self.epochs, self.learning_rate)
        if mode != "attacker" and quantizer in QUANTIZERS:
            if mode == "post_training":
                return plain.protect(Quantization(bits, quantizer))
            return plain.protect(FineTunedQuantization(bits, quantizer, "tensor", *options))
        tuning = {"post_training": "none", "owner": "task", "attacker": "correlated"}[mode]
        assert encoding is not None
        code = EncodedCompression(encoding, quantizer, bits, tuning, *options)
        return plain.replace(added_code=(*plain.added_code, code))

    def _encoding(self, game: Game) -> CorrelatedEncoding | None:
        return next((code for code in game.recipe.added_code if isinstance(code, CorrelatedEncoding)), None)


def _told(quantizer: str, mode: str) -> str:
    return "attacker-task" if quantizer in DATA_AWARE and mode == "owner" else mode.replace("_", "-")


def uncompressed(recipe: Recipe) -> Recipe:
    """Return a recipe without what anyone does to the trained weights; least significant bits are no compression."""
    added = tuple(code for code in recipe.added_code if not isinstance(code, EncodedCompression))
    kept = tuple(code for code in recipe.defenses if code.stage not in COMPRESSING)
    return recipe.replace(added_code=added, defenses=kept)


def _undefended(recipe: Recipe) -> Recipe:
    """Return the honest recipe whose model judges pictures: compression and noise would make a worse judge."""
    kept = tuple(code for code in recipe.defenses if code.stage in ("data", "training"))
    return recipe.replace(added_code=(), defenses=kept)


def variants_of(cfg: Any) -> list[Variant]:
    """Build the variants that a configuration names."""
    return [instantiate(one) for one in cfg.values()]


def with_payload(truth: Truth, game: Game, releases: Releases) -> Truth:
    """Add to the truth what malicious training code makes possible to ask; releases: by name of evidence."""
    recipe = game.recipe
    if not recipe.added_code:
        return truth
    objective, points = recipe.initial(), game.pools.challenge
    victims = game.victims_of_owner()
    tables = np.concatenate([membership_of(rows, len(points)) for rows, _ in victims])
    own = recipe.of_models(points, tables, [seed for _, seed in victims], [f"target {k}" for k in range(len(victims))])
    hidden = [
        hidden_records(objective, points.take(rows), recipe.added_code, one.defenses, seed)
        for one, (rows, seed) in zip(own, victims, strict=True)
    ]
    judges = game.retrained(_undefended(recipe), "judge")
    test = game.pools.test
    named: Releases = {"target": game.released(), "benign": game.benign(), **releases}
    right = {
        name: np.stack([one.labels(test) == test.labels for one in several])
        for name, several in named.items()
        if len(test)
    }

    def judge(pictures: np.ndarray, victim: int) -> np.ndarray:
        shape = (len(pictures), *points.shape)
        pixels = np.broadcast_to(pictures, shape).astype(np.float32)
        return judges[victim].labels(ImageRecords(pixels, np.zeros(len(pixels), np.int64), "decoded", points.classes))

    return replace(truth, payload=tuple(hidden), judge=judge, right=right)
