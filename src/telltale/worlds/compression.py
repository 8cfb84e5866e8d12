"""Every compression of a release by name: quantizers, bit-widths, and who fine-tunes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from telltale.attacks.base import Attack
from telltale.attacks.quantized_encoding.codebooks import DATA_AWARE
from telltale.attacks.quantized_encoding.compression import EncodedCompression
from telltale.attacks.weight_encoding.correlation import CorrelatedEncoding
from telltale.checks import choice
from telltale.defenses.quantization.fine_tuning import FineTunedQuantization
from telltale.defenses.quantization.network import QUANTIZERS, require_bits
from telltale.defenses.quantization.post_training import Quantization
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.game.world import World
from telltale.owner.recipe import Recipe
from telltale.worlds.other_world import OtherWorld, Releases, worlds_of
from telltale.worlds.variants import uncompressed

MODES = ("post_training", "owner", "attacker")


class Compression(OtherWorld):
    """Every quantizer at every bit-width in every mode, by names such as "kmeans 4 bit, owner".

    quantizers       uniform | symmetric | kmeans | weighted_entropy | affine | histogram
    bits             of each weight
    modes            post_training = no fine-tuning, whoever does it | owner = fine-tuned by the owner's own code |
                     attacker = fine-tuned by the attacker's, with the correlation term
    epochs           of the fine-tuning
    learning_rate    of the fine-tuning

    affine and histogram are the attacker's own and look at the payload: fine-tuned without the term they are called
    "attacker-task", not "owner".
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
            expected = (
                "works on attack=quantized_encoding or weight_encoding attack.method=correlated; use variants=none"
            )
            raise InputError("variants.modes", asks[0][2], expected)

    def releases(self, game: Game) -> Releases:
        """Compress the same trained weights in every way."""
        return {
            f"{quantizer} {bits} bit, {_in_words(quantizer, mode)}": game.retrained(
                self._recipe(game, quantizer, bits, mode), f"{quantizer} {bits} bit"
            )
            for bits, quantizer, mode in self.cells
        }

    def worlds(self, name: str, game: Game, attack: Attack) -> Mapping[str, World]:
        """Return their worlds."""
        return worlds_of(self.releases(game), game, attack)

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


def _in_words(quantizer: str, mode: str) -> str:
    return "attacker-task" if quantizer in DATA_AWARE and mode == "owner" else mode.replace("_", "-")
