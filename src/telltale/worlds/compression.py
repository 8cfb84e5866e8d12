"""Every compression of a release by name: quantizers, bit-widths, and who fine-tunes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from telltale.attacks.base import Attack
from telltale.attacks.quantized_encoding.codebooks import DATA_AWARE
from telltale.attacks.quantized_encoding.compression import NOT_QUANTIZED, EncodedCompression
from telltale.attacks.weight_encoding.correlation import CorrelatedEncoding
from telltale.checks import choice, number, share, whole_number
from telltale.defenses.fine_tuning import FineTuning
from telltale.defenses.quantization.fine_tuning import FineTunedQuantization
from telltale.defenses.quantization.network import QUANTIZERS, require_bits
from telltale.defenses.quantization.post_training import Quantization
from telltale.defenses.quantization.pruning import DeepCompression, MagnitudePruning
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.game.world import World
from telltale.owner.recipe import Recipe
from telltale.worlds.other_world import OtherWorld, Releases, worlds_of
from telltale.worlds.variants import uncompressed

PRUNED = ("pruned", "pruned_kmeans")
OTHERS = (NOT_QUANTIZED, *PRUNED)
MODES = ("post_training", "owner", "attacker")


class Compression(OtherWorld):
    """Every quantizer at every bit-width in every mode, by names such as "kmeans 4 bit, owner".

    quantizers       uniform | symmetric | kmeans | kmeans_linear | weighted_entropy | affine | histogram |
                     none = nothing compressed, but fine-tuned alike, "float, owner" and "float, attacker": what
                     compression itself costs shows against these | pruned = magnitude pruning, "pruned, owner" |
                     pruned_kmeans = pruned, then shared, as Han et al. do
    bits             of each weight; none and pruned have no bit-width
    modes            post_training = no fine-tuning, whoever does it | owner = fine-tuned by the owner's own code |
                     attacker = fine-tuned by the attacker's, with the correlation term
    epochs           of the fine-tuning; pruned_kmeans is trained as long again after sharing, as its authors do
    learning_rate    of the fine-tuning
    pruned           share of a matrix' weights that pruning cuts

    Pruning is the owner's alone. affine and histogram are the attacker's own and look at the payload: fine-tuned
    without the term they are called "attacker-task", not "owner".
    """

    def __init__(
        self,
        quantizers: Sequence[str],
        bits: Sequence[int],
        modes: Sequence[str],
        epochs: int = 15,
        learning_rate: float = 0.001,
        pruned: float = 0.8,
    ) -> None:
        for quantizer in quantizers:
            choice("variants.quantizers", quantizer, {**QUANTIZERS, **DATA_AWARE, **dict.fromkeys(OTHERS)})
        for width in bits:
            require_bits("variants.bits", width)
        for mode in modes:
            choice("variants.modes", mode, MODES)
        whole_number("variants.epochs", epochs, 0)
        number("variants.learning_rate", learning_rate, above=0)
        share("variants.pruned", pruned, whole=False)
        self.cells = [cell for cell in product(bits, quantizers, modes) if _is_built(*cell)]
        self.epochs, self.learning_rate, self.pruned = epochs, learning_rate, pruned

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
        named = {}
        for bits, quantizer, mode in self.cells:
            stored = _stored(quantizer, bits)
            recipe = self._recipe(game, quantizer, bits, mode)
            named[f"{stored}, {_in_words(quantizer, mode)}"] = game.retrained(recipe, stored)
        return named

    def worlds(self, name: str, game: Game, attack: Attack) -> Mapping[str, World]:
        """Return their worlds."""
        return worlds_of(self.releases(game), game, attack)

    def _recipe(self, game: Game, quantizer: str, bits: int, mode: str) -> Recipe:
        plain, encoding, options = uncompressed(game.recipe), self._encoding(game), (self.epochs, self.learning_rate)
        if quantizer in PRUNED:
            tuning = (self.pruned, 0 if mode == "post_training" else self.epochs, self.learning_rate)
            return plain.protect(MagnitudePruning(*tuning) if quantizer == "pruned" else DeepCompression(*tuning, bits))
        if mode == "owner" and quantizer == NOT_QUANTIZED:
            return plain.protect(FineTuning(*options))
        if mode != "attacker" and quantizer in QUANTIZERS:
            if mode == "post_training":
                return plain.protect(Quantization(bits, quantizer))
            return plain.protect(FineTunedQuantization(bits, quantizer, "tensor", *options))
        trained_for = {"post_training": "none", "owner": "task", "attacker": "correlated"}[mode]
        assert encoding is not None
        code = EncodedCompression(encoding, quantizer, bits, trained_for, *options)
        return plain.replace(added_code=(*plain.added_code, code))

    def _encoding(self, game: Game) -> CorrelatedEncoding | None:
        return next((code for code in game.recipe.added_code if isinstance(code, CorrelatedEncoding)), None)


def _is_built(bits: int, quantizer: str, mode: str) -> bool:
    """Leave out what is the plain release, and pruning by the attacker."""
    return mode != {NOT_QUANTIZED: "post_training", **dict.fromkeys(PRUNED, "attacker")}.get(quantizer)


def _stored(quantizer: str, bits: int) -> str:
    return {NOT_QUANTIZED: "float", "pruned": "pruned"}.get(quantizer, f"{quantizer} {bits} bit")


def _in_words(quantizer: str, mode: str) -> str:
    return "attacker-task" if quantizer in DATA_AWARE and mode == "owner" else mode.replace("_", "-")
