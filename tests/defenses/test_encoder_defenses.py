"""Every defence on encoders meets both attacks on them, and a probe measures what the encoder is still good for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiment.commands import QUICK, command, read

DEFENSES = {
    "output_noise": (),
    "rounding": (),
    "top_dimensions": (),
    "query_limit": ("defense.queries=400",),
    "early_stopping": (),
    "dp_sgd": ("objective=edge_prediction", "model.norm=layer"),
}
ATTACKS = {
    "embedding_membership": ("attack.signal=norm", "probes=b3db"),
    "molextract": ("attack.k=[10]", "attack.rings=3", "attack.motifs=10", "attack.cuts=0"),
}
FEW = ("pools.members=40", "pools.non_members=40", "pools.auxiliary=60", "pools.disjoint=40", "pools.test=40")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("defense", DEFENSES)
def test_a_defence_on_encoders_meets_both_attacks(defense: str, attack: str, store: Path, tmp_path: Path) -> None:
    """Catches a defence that no encoder can have, a promise without a proof, and a probe that is left out."""
    words = (*QUICK, *FEW, f"attack={attack}", *ATTACKS[attack], f"defense={defense}", *DEFENSES[defense])
    run = ("victims=4", "objective.epochs=2", f"paths.outputs={store}", f"hydra.run.dir={tmp_path / 'run'}")
    ended = command(*words, *run)
    assert ended.code == 0, ended.err
    document = read(tmp_path / "run" / "metrics.json")
    assert ("probe_auc_b3db" in document["target"]) == (attack == "embedding_membership")
    assert (document["guarantee"] is not None) == (defense == "dp_sgd")
    if defense == "dp_sgd":
        assert 7.9 < document["guarantee"]["epsilon"] <= 8 and "one graph" in document["guarantee"]["unit"]
    assert set(document["controls"]) == {"zero_query", "untrained", "disjoint"}
