"""The whole way through the game: hidden while training, read back, scored against the sealed truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from telltale.attacks.quantized_encoding.attack import QuantizedEncoding
from telltale.attacks.weight_encoding.attack import WeightEncoding
from telltale.attacks.weight_encoding.base import HiddenRecords
from telltale.data.images import digits
from telltale.data.pools import PoolSizes, deal
from telltale.defenses.quantization.post_training import Quantization
from telltale.errors import InputError
from telltale.evaluation.score import evaluate
from telltale.game.game import Game
from telltale.owner.defense import Defense
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.worlds.compression import Compression
from telltale.worlds.controls import Benign
from telltale.worlds.payload import originals, with_payload
from telltale.worlds.variants import Float, uncompressed
from tests.training.small import CPU

POOLS = deal(digits.load().records, PoolSizes(members=150, non_members=20, auxiliary=60, test=100), seed=1)
OBJECTIVE = {
    "_target_": "telltale.objectives.classification.Classification",
    "classes": 10,
    "epochs": 25,
    "batch_size": 25,
}
OBJECTIVE |= {"learning_rate": 0.003, "optimizer": "adam"}
MODEL = {"_target_": "telltale.models.mlp.MLP", "widths": [64, 32], "shape": (1, 8, 8)}


SEEN: list[int] = []


@dataclass(frozen=True)
class Counted(Defense):
    """The owner's own code after training, which notes how many records it is given."""

    stage: ClassVar = "finish"

    def finish(self, objective: Any, records: Any, train: Any) -> None:
        SEEN.append(len(records))


def game_of(folder: Path, attack: HiddenRecords, *defenses: Defense, victims: int = 1) -> Game:
    recipe = attack.tamper(Recipe(MODEL, OBJECTIVE, CPU))
    return Game(POOLS, recipe.replace(defenses=defenses), Owner(Store(folder)), victims, seed=0)


def metrics(game: Game, attack: HiddenRecords) -> dict[str, Any]:
    evidence = {
        "target": attack.run(game.world(attack.access)),
        "benign": attack.run(Benign().world(game, attack)),
        "zero_query": attack.blind(game.knowledge),
    }
    truth = with_payload(game.unseal(), game, [])
    return dict(evaluate(evidence, truth, ("benign", "zero_query"), 20, 0).metrics)


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"method": "correlated"}, 30.0),
        ({"method": "correlated", "signed": True, "stretch": True, "permute": True}, 30.0),
        ({"method": "lsb", "lowest_bits": 8}, 0.5),
        ({"method": "sign", "strength": 200.0}, 60.0),
    ],
)
def test_what_was_hidden_is_read_back_and_an_honest_model_gives_nothing(
    tmp_path: Path, options: dict[str, Any], most: float
) -> None:
    """Catches a payload that the evaluation orders otherwise than the code that hid it, for each method."""
    attack = WeightEncoding(**options)
    found = metrics(game_of(tmp_path, attack), attack)
    error = "stretched_mape" if options.get("stretch") else "mape"
    assert found["target"][error].value < most < found["benign"]["mape"].value
    assert found["target"]["mape"].value < found["zero_query"]["mape"].value + 20 * (options["method"] == "sign")
    if options["method"] == "correlated":
        assert found["target"]["correlation"].value > 0.8 and found["benign"]["correlation"].value < 0.2


def test_a_payload_below_capacity_is_read_back_as_well(tmp_path: Path) -> None:
    """Catches a decoder that takes weights which carry nothing for pictures."""
    attack = QuantizedEncoding(compression="owner", images=6, strength=10.0)
    found = metrics(game_of(tmp_path, attack), attack)["target"]
    assert found["correlation"].value > 0.95 and found["mape"].value < 25 and found["minmax_mape"].value < 25


def test_a_transfer_is_refused_before_it_trains() -> None:
    """Catches fine-tuning records that are hidden and members that are scored."""
    start = Recipe(MODEL, OBJECTIVE, CPU)
    with pytest.raises(InputError, match="objective=transfer"):
        WeightEncoding().tamper(start.replace(start=start))


def test_trusted_fine_tuning_sees_no_made_up_record(tmp_path: Path) -> None:
    """Catches an owner whose own code goes on learning the attacker's labels."""
    SEEN.clear()
    game = game_of(tmp_path, WeightEncoding("capacity"), Counted())
    assert game.world(frozenset({"labels"})).releases and SEEN == [150]


def test_only_models_of_one_size_are_compared_by_their_weights(tmp_path: Path) -> None:
    """Catches a detector that tells compressed from uncompressed, and calls that hidden data."""
    plain, compressed = QuantizedEncoding(compression="owner"), QuantizedEncoding(tuning_epochs=1)
    assert "weight_ks" in metrics(game_of(tmp_path, plain), plain)["target"]
    assert "weight_ks" not in metrics(game_of(tmp_path, compressed), compressed)["target"]


def test_capacity_abuse_asks_for_labels_only(tmp_path: Path) -> None:
    """Catches weights read in a black-box attack; a network this small learns the labels by heart."""
    attack = WeightEncoding("capacity", images=1)
    game = game_of(tmp_path, attack)
    game.recipe = game.recipe.replace(objective=OBJECTIVE | {"epochs": 120})
    world = game.world(attack.access)
    evidence = attack.run(world)
    assert dict(world.queries) == {"labels": 2 * 64}
    truth = with_payload(game.unseal(), game, [])
    found = evaluate({"target": evidence}, truth, (), 20, 0).metrics["target"]
    assert found["mape"].value < 25


def test_quantization_wipes_least_significant_bits(tmp_path: Path) -> None:
    """Catches a defence that comes before what it is to destroy."""
    attack = WeightEncoding("lsb", lowest_bits=8)
    found = metrics(game_of(tmp_path, attack, Quantization(8)), attack)
    assert found["target"]["mape"].value > found["zero_query"]["mape"].value


def test_the_attackers_compression_keeps_few_levels_and_the_pictures(tmp_path: Path) -> None:
    """Catches compression that forgets the payload, or that leaves weights uncompressed."""
    attack = QuantizedEncoding(bits=3, tuning_epochs=3)
    game = game_of(tmp_path, attack)
    weights = game.world(attack.access).releases[0].weights()
    assert all(len(np.unique(one)) <= 8 for one in weights.values() if one.ndim > 1)
    found = metrics(game, attack)
    assert found["target"]["mape"].value < 0.6 * found["benign"]["mape"].value


def test_all_compressions_share_one_training(tmp_path: Path) -> None:
    """Catches a table that trains a model for every cell."""
    attack = QuantizedEncoding(compression="owner")
    game = game_of(tmp_path, attack)
    cells = Compression(["kmeans", "histogram"], [4, 2], ["post_training", "attacker"], epochs=1)
    found = {**Float().releases(game), **cells.releases(game)}
    assert len(found) == 1 + 8 and len({release.key for one in found.values() for release in one}) == 9
    trained = [
        folder for folder in (tmp_path / "release").iterdir() if "finishes" not in (folder / "entry.json").read_text()
    ]
    assert len(trained) == 1


def test_a_release_is_fine_tuned_without_compression_by_either_owner(tmp_path: Path) -> None:
    """Catches compression in what it is compared with, a cell a bit-width, and pruning by the attacker."""
    attack = QuantizedEncoding(compression="owner", strength=10.0)
    game = game_of(tmp_path, attack)
    variants = Compression(["none", "pruned"], [4, 2], ["post_training", "owner", "attacker"], 10, 0.01, pruned=0.5)
    found = variants.releases(game)
    assert list(found) == ["float, owner", "float, attacker", "pruned, post-training", "pruned, owner"]
    sizes = {name: len(np.unique(one.weights()["backbone.layers.0.weight"])) for name, (one,) in found.items()}
    assert sizes["float, owner"] > 4000 and sizes["float, attacker"] > 4000
    evidence = {name: attack.run(world) for name, world in variants.worlds("compression", game, attack).items()}
    evidence |= {"target": attack.run(game.world(attack.access))}
    scores = evaluate(evidence, with_payload(game.unseal(), game, [variants]), (), 20, 0).metrics
    assert scores["float, owner"]["correlation"].value < scores["float, attacker"]["correlation"].value


def test_the_judge_has_seen_none_of_the_pictures_and_its_ceiling_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a judge that knows the hidden pictures' labels by heart, and one that nobody can tell is weak."""
    attack = WeightEncoding()
    game = game_of(tmp_path, attack)
    evidence = {"target": attack.run(game.world(attack.access))}
    seen: list[Any] = []
    train_many = Owner.train_many

    def watched(owner: Owner, recipe: Any, pool: Any, members: Any, seeds: Any, names: Any = ()) -> Any:
        seen.extend([pool] if list(names) == ["judge"] else [])
        return train_many(owner, recipe, pool, members, seeds, names)

    monkeypatch.setattr(Owner, "train_many", watched)
    truth = with_payload(game.unseal(), game, [])
    assert len(seen[0]) == 160 and not set(seen[0].fingerprints()) & set(POOLS.challenge.fingerprints())
    perfect = originals(truth, evidence["target"])
    found = evaluate({**evidence, **perfect}, truth, (), 20, 0).metrics["originals"]
    assert found["mape"].value == 0 and found["ssim"].value == pytest.approx(1)
    assert 0.3 < found["recognised"].value < 1


def test_the_owners_code_does_not_serve_the_attackers_loss(tmp_path: Path) -> None:
    """Catches fine-tuning by trusted code that goes on raising the correlation."""
    attack = QuantizedEncoding(compression="owner", strength=10.0)
    game = game_of(tmp_path, attack)
    compression = Compression(["kmeans"], [2], ["owner", "attacker"], epochs=20, learning_rate=0.01)
    worlds = compression.worlds("compression", game, attack)
    evidence = {name: attack.run(world) for name, world in worlds.items()}
    evidence = {"target": attack.run(game.world(attack.access)), **evidence}
    found = evaluate(evidence, with_payload(game.unseal(), game, [compression]), (), 20, 0).metrics
    assert found["kmeans 2 bit, owner"]["correlation"].value < found["kmeans 2 bit, attacker"]["correlation"].value


def test_an_uncompressed_recipe_keeps_what_hides_and_loses_what_compresses(tmp_path: Path) -> None:
    """Catches a float variant that is quantized, or honest."""
    attack = QuantizedEncoding()
    game = game_of(tmp_path, attack, Quantization(4))
    plain = uncompressed(game.recipe)
    assert plain.added_code == (attack.encoding,) and plain.defenses == ()


def test_several_victims_each_hide_their_own_pictures(tmp_path: Path) -> None:
    """Catches one payload for all, which only the first model was trained on."""
    attack = WeightEncoding()
    game = game_of(tmp_path, attack, victims=2)
    truth = with_payload(game.unseal(), game, [])
    assert len(truth.payload) == 2 and not np.array_equal(truth.payload[0].pixels, truth.payload[1].pixels)
    evidence = attack.run(game.world(attack.access))
    errors = np.abs(255 * evidence.records - np.stack([255 * one.pixels for one in truth.payload])).mean((1, 2, 3, 4))
    crossed = np.abs(255 * evidence.records[::-1] - np.stack([255 * one.pixels for one in truth.payload])).mean()
    assert errors.max() < crossed


def test_nothing_that_an_attack_sees_holds_the_hidden_pictures(tmp_path: Path) -> None:
    """Catches a payload that reaches the attacker through its own code object instead of through the release."""
    from tests.experiment.test_sealed_truth import everything_reachable

    attack = WeightEncoding()
    game = game_of(tmp_path, attack)
    world = game.world(attack.access)
    hidden = with_payload(game.unseal(), game, []).payload[0].pixels
    arrays = [one for one in everything_reachable((world, attack)) if isinstance(one, np.ndarray)]
    assert not [one for one in arrays if one.shape == hidden.shape and np.array_equal(one, hidden)]
