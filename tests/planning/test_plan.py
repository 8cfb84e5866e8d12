"""plan=true: what it says of models, before anything is trained, is what a run then trains."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.same_numbers import ON_WHAT_EXISTS, WITH_ATTACK, WITH_DEFENSE, WITHOUT_OWN_WORDS
from telltale.training.rehearsal import now
from tests.experiment.commands import ROOT, command
from tests.planning.planned import plan, to_train, trained

ALWAYS = ("scale=smoke", "logger=none", "trainer=cpu", "evaluation.replicates=20", "paths.cache=outputs/cache")
TINY = (*ALWAYS, "rivals=none", "objective.epochs=1")
OF_PICTURES = ("dataset=digits", "pools.members=60", "pools.non_members=60", "pools.disjoint=60", "pools.auxiliary=60")
EACH = {
    "attack": {name.stem for name in (ROOT / "conf" / "attack").glob("[!_]*.yaml")} - set(ON_WHAT_EXISTS),
    "defense": {name.stem for name in (ROOT / "conf" / "defense").glob("[!_]*.yaml")} - {"torchao"},
}
WHOLE = [
    *((f"attack={attack}", *WITH_ATTACK.get(attack, ())) for attack in sorted(EACH["attack"])),
    *((f"defense={defense}", *WITH_DEFENSE.get(defense, WITHOUT_OWN_WORDS)) for defense in sorted(EACH["defense"])),
]


def test_what_is_planned_is_trained_and_nothing_is_left_but_the_probe(tmp_path: Path) -> None:
    """Catches models that a plan forgets or invents, one that trains or writes, and one that is blind to the store."""
    words = (*TINY, *OF_PICTURES, "attack=lira", "victims=6", f"paths.outputs={tmp_path}")
    planned, ended = plan(*words)
    assert {models.owner: models.to_train for models in planned.models} == {"victims": 6, "controls'": 12}
    written = [path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()]
    assert written and set(written) == {("store", "probe")}
    assert "nothing was trained" in ended.out and f"{6 * 120 * 3:,} probabilities" in ended.out
    assert command(*words).code == 0
    assert to_train(planned) == trained(tmp_path / "store")
    again, _ = plan(*words)
    assert not to_train(again) and {models.owner: models.there for models in again.models} == {
        "victims": 6,
        "controls'": 12,
    }


@pytest.mark.slow
def test_both_parts_of_a_transfer_are_planned(tmp_path: Path) -> None:
    """Catches a model that goes on from another whose key a plan does not know."""
    few = ("pools.members=60", "pools.non_members=60", "pools.disjoint=60", "pools.finetune=60", "victims=6")
    words = (
        *TINY,
        "attack=tmi",
        "shadow_models=0",
        "objective.pretraining.epochs=1",
        *few,
        f"paths.outputs={tmp_path}",
    )
    planned, _ = plan(*words)
    assert command(*words).code == 0
    assert to_train(planned) == trained(tmp_path / "store")


def test_jobs_of_a_sweep_that_share_a_model_train_it_once(tmp_path: Path) -> None:
    """Catches a total that counts a shared model twice: victims of the smaller game are victims of the larger."""
    words = (*TINY, *OF_PICTURES, "attack=lira", "controls=none", f"paths.outputs={tmp_path}")
    ended = command(*words, "-m", "victims=6,8", "plan=true", "hydra/launcher=joblib", "sweep=night")
    assert ended.code == 0, ended.err
    rows = [line.strip("│ ").split("│") for line in ended.out.splitlines() if line.startswith("│")]
    counts = {row[0].split()[-1]: [cell.strip() for cell in row[1:4]] for row in rows}
    assert counts == {"victims=6": ["6", "0", "0"], "victims=8": ["2", "0", "6"], "total": ["8", "0", "0"]}
    assert {path.name for path in tmp_path.iterdir()} == {"store"}


@pytest.mark.parametrize(
    ("word", "told"),
    [("plan=maybe", "plan=maybe: true or false"), ("victims=0", "victims=0"), ("attack=scores", "scores=null")],
)
def test_bad_input_is_told_as_without_a_plan(word: str, told: str, tmp_path: Path) -> None:
    """Catches a plan of what a run would refuse."""
    words = ("plan=true", "attack=lira", f"paths.outputs={tmp_path}", word)
    ended = command(*words)
    assert ended.code == 2 and f"error: {told}" in ended.err and not list(tmp_path.rglob("run.json"))


@pytest.mark.slow
@pytest.mark.parametrize("words", WHOLE, ids=" ".join)
def test_every_attack_and_defence_trains_what_was_planned_in_about_that_time(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """Catches an attack or a defence whose own training no plan knows of."""
    words = (*ALWAYS, *words, f"paths.outputs={tmp_path}")
    planned, _ = plan(*words)
    began = now()
    assert command(*words).code == 0
    spent, expected = now().less(began).cpu, planned.spent.cpu - planned.parts["starting"].cpu
    assert to_train(planned) == trained(tmp_path / "store")
    assert abs(expected - spent) < 0.5 * spent + 0.5  # seconds: most take but a few, in which a moment counts
    again, _ = plan(*words)
    assert not to_train(again)
