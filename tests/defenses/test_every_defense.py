"""What holds for every defence that has a file in conf/defense, and for each new one without a word here."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hydra.utils import get_object, instantiate

from telltale.defenses.early_stopping import EarlyStopping
from telltale.errors import InputError
from telltale.owner.defense import Defense, Trained
from telltale.owner.release import ANSWER_CALLS
from tests.defenses.recipes import RECORDS, alone, recipe_of
from tests.experiment.commands import QUICK, ROOT, command, read

FILES = sorted(file.stem for file in (ROOT / "conf" / "defense").glob("*.yaml") if file.stem != "none")
SIMPLE = ("early_stopping", "label_smoothing", "weight_decay", "relaxloss", "output_noise", "top_k_only", "rounding")
SIMPLE += (
    "top_dimensions",
    "query_limit",
    "quantization",
    "fine_tuned_quantization",
    "augmentation",
    "fine_tuning",
    "pruning",
    "deep_compression",
)
METHODS = {
    "data": {"records", "of_models", "examples", "measured"},
    "training": {"prepare", "begin", "loss"},
    "finish": {"finish"},
    "model": {"model"},
    "answer": {"answer"},
    "none": set(),
}
MISTAKES = {
    "augmentation": ["kind=none", "kind=blur"],
    "early_stopping": ["validate_on=test", "share=0", "share=1", "share=-0.1"],
    "label_smoothing": ["alpha=1", "alpha=-0.1"],
    "weight_decay": ["weight_decay=-1"],
    "relaxloss": ["alpha=-1", "upper=0", "upper=1.1"],
    "output_noise": ["sigma=-1"],
    "top_k_only": ["k=0"],
    "rounding": ["decimals=-1"],
    "top_dimensions": ["k=0"],
    "query_limit": ["queries=0"],
    "dp_sgd": ["epsilon=0", "epsilon=-1", "clip=-1", "delta=0", "delta=1", "on=both", "mode=fast", "accountant=gdp"],
    "torchao": ["bits=0", "bits=1", "bits=9", "group=0"],
    "quantization": ["bits=0", "bits=9", "quantizer=ternary", "granularity=row"],
    "fine_tuning": ["epochs=0", "learning_rate=0"],
    "pruning": ["share=0", "share=1", "epochs=-1"],
    "deep_compression": ["share=1", "bits=9", "quantizer=ternary"],
    "fine_tuned_quantization": ["bits=0", "quantizer=ternary", "granularity=row", "epochs=0", "learning_rate=0"],
}


ASKED_BY = {  # where a plain threshold does not ask what the defence answers
    "top_dimensions": (
        *("attack=embedding_membership", "attack.rivals=[]"),
        *("dataset=digits", "objective=classification", "model=mlp"),
    ),
}


def options(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "conf" / "defense" / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", FILES)
def test_a_defence_overrides_the_methods_of_its_stage_only(name: str) -> None:
    """Catches a defence that acts where its stage, and so the store's key, does not say."""
    kind = get_object(options(name)["_target_"])
    stages = {method for methods in METHODS.values() for method in methods}
    overridden = {method for method in stages if getattr(kind, method) is not getattr(Defense, method)}
    assert overridden and overridden <= METHODS[kind.stage]
    assert kind.__dataclass_params__.frozen and issubclass(kind, Defense)


@pytest.mark.parametrize("name", SIMPLE)
def test_the_file_gives_the_defaults_of_the_class_and_no_guarantee(name: str) -> None:
    """Catches two defaults for one option, and a proof that nobody gave."""
    defense = instantiate(options(name))
    assert defense == type(defense)() and defense.guarantee(Trained("images", 90, None, False)) is None
    assert inspect.getdoc(type(defense))


@pytest.mark.parametrize("name", ["output_noise", "top_k_only", "rounding", "top_dimensions"])
def test_an_answer_stage_changes_the_calls_it_says_it_protects_and_no_embedding_else(name: str) -> None:
    """Catches a `protects` that lets an attack run on answers which nothing protects."""
    defense = instantiate(options(name))
    keys, values = np.arange(4), np.random.default_rng(0).dirichlet(np.ones(20), 4)
    assert defense.protects and defense.protects <= set(ANSWER_CALLS)
    for call in defense.protects:
        assert not np.array_equal(defense.answer(call, values, keys), values)
    assert ("embeddings" in defense.protects) == (name != "top_k_only")
    if name == "top_k_only":
        assert defense.answer("embeddings", values, keys) is values


@pytest.mark.parametrize(("name", "word"), [(name, word) for name, words in MISTAKES.items() for word in words])
def test_an_option_out_of_range_names_its_field(name: str, word: str) -> None:
    """Catches a value that trains something else than it says."""
    field, _, value = word.partition("=")
    with pytest.raises(InputError, match=rf"^defense\.{field}={value}: "):
        get_object(options(name)["_target_"])(**{field: yaml.safe_load(value)})


@pytest.mark.parametrize("name", SIMPLE)
def test_the_key_of_the_weights_names_what_changes_them_and_nothing_else(name: str, tmp_path: Path) -> None:
    """Catches undefended weights served for defended ones, and models trained again for another answer."""
    defense = instantiate(options(name)).with_public(RECORDS)
    plain, defended = alone(recipe_of(tmp_path)), alone(recipe_of(tmp_path, defense))
    assert (plain.entry == defended.entry) == (defense.stage in ("model", "answer"))


def test_another_option_is_another_key(tmp_path: Path) -> None:
    """Catches a key that holds the name of a defence only."""
    keys = {alone(recipe_of(tmp_path, EarlyStopping("own", share))).key for share in (0.1, 0.2)}
    assert len(keys) == 2


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.mark.parametrize("name", FILES)
def test_every_defence_runs_through_the_command(name: str, store: Path, tmp_path: Path) -> None:
    """Catches a word that composes but does not run; shadows and controls are defended by the same recipe."""
    if name == "torchao":
        pytest.importorskip("torchao", reason='torchao is not installed: pip install "telltale[quant]"')
    folder = tmp_path / "run"
    words = (*ASKED_BY.get(name, ("attack=threshold",)), f"defense={name}", "victims=4", "rivals=none")
    words = (*words, "objective.epochs=4")
    quick = tuple(word for word in QUICK if not word.startswith("attack.rivals"))
    ended = command(*quick, *words, f"hydra.run.dir={folder}", f"paths.store={store}")
    assert ended.code == 0, ended.err
    document = read(folder / "metrics.json")
    assert 0 <= document["metrics"]["auc"]["value"] <= 1
    assert set(document["controls"]) == {"untrained", "disjoint"}
    if name == "dp_sgd":
        assert 7.9 < document["guarantee"]["epsilon"] <= 8
    if name in SIMPLE:
        assert document["guarantee"] is None and document["target"]["accuracy"] > 0.15  # of a guess: 0.1
