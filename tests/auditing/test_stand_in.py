"""A recipe of ours stands in for training code that is not at hand: this is told, and more is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import telltale
from telltale.errors import InputError

SERVE = """
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

kept = np.load(Path(__file__).with_name("data.npz"))
inside = kept["member"]
warnings.simplefilter("ignore", ConvergenceWarning)
model = MLPClassifier((64,), alpha=0, max_iter=150, random_state=0).fit(kept["x"][inside], kept["y"][inside])
predict = model.predict_proba
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A table, some of whose labels are hard to tell, and a network of others that was trained on half of it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 12)).astype(np.float32)
    y = (x[:, 0] * 2 + x[:, 1] + rng.normal(size=400) > 0).astype(int)
    np.savez(tmp_path / "data.npz", x=x, y=y, member=rng.random(400) < 0.5)
    (tmp_path / "serve.py").write_text(SERVE)
    own = ["dataset=arrays", f"dataset.root={tmp_path / 'data.npz'}", f"target.call={tmp_path / 'serve.py'}:predict"]
    ours = ["target.stand_in=true", "model=mlp", "model.widths=[32]", "objective.epochs=30", "target.shadow_models=8"]
    rest = ["target.split=random", "evaluation.replicates=50", f"paths.outputs={tmp_path / 'o'}"]
    return ["attack=audit", *own, *ours, *rest]


def test_a_stand_in_is_told_and_finds_more_than_the_model_alone(words: list[str], tmp_path: Path) -> None:
    """Catches shadow models of our making taken for the user's, members of theirs that are wrong, and a run untold."""
    found = telltale.run(*words, folder=tmp_path / "run")
    note = next(note for note in found.outcome.notes if "third of three tiers" in note)
    assert (
        "stand-in: the 8 shadow models are of another recipe (model=mlp, objective=classification, 30 epochs)" in note
    )
    areas = found.table["auc"]
    alone = areas[["loss", "population", "class_population", "population_rmia", "quantile_regression"]]
    assert areas["rmia"] > alone.max() + 0.02 and found.verdict == "leaks"
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "stand-in: the 8 shadow models" in page
    assert len(list((tmp_path / "o" / "store" / "release").iterdir())) == 8


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["target.train=train.py:fit"], "stands beside target.train"),
        (["target.gives=embeddings"], "learns classes, and the model audited gives embeddings"),
        (["objective=infograph"], "objective=infograph: takes molecules"),
    ],
)
def test_what_cannot_stand_in_is_told_before_anything_is_asked(
    words: list[str], tmp_path: Path, changed: list[str], said: str
) -> None:
    """Catches a traceback, and models trained for a comparison that cannot be made."""
    (tmp_path / "train.py").write_text("def fit(records, seed):\n    return None\n")
    (tmp_path / "serve.py").write_text("def predict(x):\n    raise RuntimeError('asked')\n")
    changed = [word.replace("=train.py", f"={tmp_path}/train.py") for word in changed]
    kept = [word for word in words if not word.startswith(("model.", "objective."))]
    with pytest.raises(InputError, match=said):
        telltale.run(*kept, *changed, folder=tmp_path / "run")
