"""No search and no reward knows who was trained on: with the truth turned round the list is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.attacks.molextract.attack import Molextract
from telltale.data.pools import PoolSizes, deal
from telltale.game.game import Game
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from tests.experiment.worlds import GIN, INFOGRAPH, InitialWeights
from tests.training.small import molecules

FEW = {"epochs": 3, "molecules": 12, "width": 8, "retrain_from": 1, "scorer_steps": 2, "updates": 2}


@pytest.mark.parametrize("search", ["enumerate", "beam", "policy", "policy_gradient"])
def test_turning_the_truth_round_changes_no_list_and_no_reward(search: str, tmp_path: Path) -> None:
    """Catches a reward that is multiplied by the private label, as the released code has it."""
    pools = deal(molecules(160), PoolSizes(members=50, non_members=50, auxiliary=60), seed=0)
    game = Game(pools, Recipe(GIN, INFOGRAPH, TrainerOptions(accelerator="cpu")), InitialWeights(Store(tmp_path)), 1, 0)
    grown: dict[str, Any] = {"search": search, "steps": 2, "query_budget": 90, "policy": FEW}
    attack = Molextract("paper", [10], rings=3, motifs=5, largest_motif=4, cuts=0, **grown)
    before = attack.run(game.world(attack.access))
    truth = game.unseal().membership.copy()
    game._members[:] = ~game._members
    after = attack.run(game.world(attack.access))
    assert not np.array_equal(truth, game.unseal().membership)
    assert len(before.smiles) > 5 and np.array_equal(before.smiles, after.smiles)
    np.testing.assert_array_equal(before.scores, after.scores)
