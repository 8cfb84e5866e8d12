"""Telltale from Python: quiet, quick to import, and the same answers as the command."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

import telltale
from telltale.errors import InputError
from telltale.evaluation.answer import CANNOT_TELL, LEAKS
from telltale.evaluation.statistics import Band
from telltale.reporting.figures import roc_figure
from telltale.targets.function import called

SEPARATED = np.repeat([0.0, 1.0], 100) + np.random.default_rng(0).normal(size=200)
TRUTH = np.repeat([False, True], 100)


def test_importing_takes_no_time() -> None:
    """Catches torch or pandas behind `import telltale`."""
    code = (
        "import sys, telltale; print([name for name in ('torch', 'numpy', 'pandas', 'hydra') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_two_arrays_are_enough_and_nothing_is_printed(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Catches a notebook that fills with tables, and a result that cannot be saved or shown."""
    before = GlobalHydra.instance().hydra, HydraConfig.instance().cfg  # of another test, perhaps
    result = telltale.score(SEPARATED, TRUTH, ids=[f"row {row}" for row in range(200)], replicates=100)
    assert result.verdict == LEAKS
    assert result.auc.low > 0.6
    assert "AUC" in result._repr_html_() or "auc" in result._repr_html_()
    assert result.exposed["id"].iloc[0].startswith("row 1")
    page = result.save(tmp_path / "kept")
    assert page.read_text(encoding="utf-8").startswith("<!")
    assert (tmp_path / "kept" / "exposure.csv").read_text(encoding="utf-8").startswith("id,label,member,score")
    assert capfd.readouterr() == ("", "")
    assert (GlobalHydra.instance().hydra, HydraConfig.instance().cfg) == before


def test_scores_with_a_turned_sign_are_no_clean_bill() -> None:
    """Catches "no leak found: AUC at most 0.249", of scores that tell members from others as well as theirs turned."""
    truth = np.repeat([True, False], 2000)
    turned = telltale.score(np.random.default_rng(1).normal(size=4000) - truth, truth, replicates=100)
    assert turned.verdict == CANNOT_TELL
    assert "members score lower than others by scores (AUC 0.2" in turned.sentence and "sign turned?" in turned.sentence


def test_members_that_are_less_sure_are_no_clean_bill() -> None:
    """Catches "no leak found" of an unlearned model, which gives away its members by having less confidence in them."""
    rng, truth, labels = np.random.default_rng(0), np.arange(3000) < 1500, np.arange(3000) % 2
    sure = np.clip(np.where(truth, 0.80, 0.95) + 0.02 * rng.normal(size=3000), 0.01, 0.99)
    said = np.abs(np.stack([labels, 1 - labels], 1) - sure[:, None])
    result = telltale.score(said, truth, labels=labels, gives="probabilities", random_split=True, replicates=100)
    assert result.verdict == CANNOT_TELL
    assert "members score lower than others" in result.sentence and "unlearned" in result.sentence


def test_a_model_is_asked_from_python() -> None:
    """Catches an audit that misses a forest which knows its training rows by heart."""
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 5))
    y = np.where(x[:, 0] + rng.normal(size=500) > 0, "ill", "well")
    forest = RandomForestClassifier(30, random_state=0).fit(x[:250], y[:250])
    result = telltale.audit(forest.predict_proba, (x[:250], y[:250]), (x[250:], y[250:]), replicates=100)
    assert result.verdict == LEAKS
    assert result.auc.value > 0.7
    assert result.table.loc["no_model", "role"] == "control"
    assert result.exposed["id"].str.startswith("member").all()


def test_answers_of_many_models_need_no_names_of_classes() -> None:
    """Catches a learned shadow attack that trains a network for each name of a class, and has none."""
    rng = np.random.default_rng(0)
    truth, labels = rng.random((6, 60)) < 0.5, rng.integers(0, 2, 60)
    sure = 1 / (1 + np.exp(-(rng.normal(size=truth.shape) + 2 * truth)))
    answers = np.where((labels == 1)[:, None], np.stack([1 - sure, sure], -1), np.stack([sure, 1 - sure], -1))
    result = telltale.score(answers, truth, labels=labels, gives="probabilities", replicates=20)
    assert result.table.loc["shadow_classifier", "auc"] > 0.6


def test_a_command_line_is_played_from_python(tmp_path: Path) -> None:
    """Catches a run that needs the command, and a mistake that is a traceback."""
    words = ("attack=lira", "dataset=digits", "scale=smoke", "rivals=none", "controls=none", "evaluation.replicates=50")
    result = telltale.run(*words, f"paths.outputs={tmp_path}", folder=tmp_path / "run")
    assert result.folder is not None and (result.folder / "report.html").exists()
    assert list(result.table.index) == ["lira"]
    with pytest.raises(InputError, match="no such"):
        telltale.run("attack=nothing_of_the_kind")


def test_a_run_is_quiet_and_its_mistakes_are_told_as_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches "columns inferred" on the screen of a notebook, and Hydra's error where an InputError is promised."""
    rows = [f"r{row},{row / 7},{row % 3},{row % 2}" for row in range(80)]
    (tmp_path / "own.csv").write_text("\n".join(["id,a,y,t", *rows]), encoding="utf-8")
    (tmp_path / "serve.py").write_text("def predict(x):\n    return x['no such column']\n", encoding="utf-8")
    words = ["attack=audit", f"target.call={tmp_path / 'serve.py'}:predict", "dataset=csv", "dataset.members=t"]
    words += ["dataset.id=id", f"dataset.root={tmp_path / 'own.csv'}", "evaluation.replicates=10"]
    words += [f"paths.outputs={tmp_path}", f"paths.store={tmp_path / 'store'}"]
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as in a notebook: nobody listens
    with pytest.raises(InputError, match="the function fails"):  # after the table was read
        telltale.run(*words, "dataset.label=y", folder=tmp_path / "run")
    assert capsys.readouterr() == ("", "")
    with pytest.raises(InputError, match=r"dataset\.label=nope"):
        telltale.run(*words, "dataset.label=nope", folder=tmp_path / "other")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: x[:, :3], "expected probabilities"),
        (lambda x: np.full((len(x), 2), 0.9), "probabilities that sum to 1"),
        (lambda x: np.where(np.arange(len(x))[:, None] == 3, np.nan, 0.5) * np.ones(2), "a finite number"),
        (lambda x: np.ones((1, 2)), "about 40 records"),
        (lambda x: x["no such column"], "the function fails: .*test_from_python.py, line"),
        (lambda x: ["no", "numbers"], "no array of numbers"),
    ],
)
def test_answers_that_will_not_do_are_told_in_one_line(answer: object, said: str) -> None:
    """Catches a traceback of ours where the user's function is wrong, and a wrong answer that is taken."""
    x, y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 2
    with pytest.raises(InputError, match=said):
        telltale.audit(answer, (x[:20], y[:20]), (x[20:], y[20:]))  # type: ignore[arg-type]


def test_what_is_handed_over_has_to_fit_together() -> None:
    """Catches labels of one side that reach into the other: the lengths of both together fit."""
    x, y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 2
    members, others = (x[:20], y[:20]), (x[20:], y[20:])

    def audit(**changed: object) -> telltale.Result:
        given = {"members": members, "others": others, "replicates": 10} | changed
        return telltale.audit(lambda x: np.full((len(x), 2), 0.5), **given)  # type: ignore[arg-type]

    for changed, said in (
        (
            {"members": (x[:20], y[:19]), "others": (x[20:], y[19:])},
            r"members=\(X, y\): X has 20 records, y is \(19,\)",
        ),
        ({"others": (x[20:], y[20:, None] * np.ones(2))}, r"others=.*y is \(20, 2\); expected one label a record"),
        ({"members": x[:20]}, r"members=ndarray: expected a pair \(X, y\)"),
        ({"ids": (range(25), range(15))}, r"ids=of the members an array \(25,\): expected one a record, \(20,\)"),
        ({"groups": (range(20), range(21))}, r"groups=of the others an array \(21,\): expected one a record"),
        ({"groups": range(40)}, "groups=range: expected a pair"),
    ):
        with pytest.raises(InputError, match=said):
            audit(**changed)
    for argument in ("ids", "groups", "labels"):
        with pytest.raises(InputError, match=rf"{argument}=an array \(150,\): expected one a record, \(200,\)"):
            telltale.score(SEPARATED, TRUTH, **{argument: np.arange(150)})
    with pytest.raises(InputError, match="features=list: expected numbers"):
        telltale.score(SEPARATED, TRUTH, features=[["a"]] * 200)
    named = telltale.score(SEPARATED, TRUTH, labels=np.where(TRUTH, "ill", "well"), replicates=20)
    assert named.outcome.challenge.classes == ("ill", "well")
    columns = telltale.score(SEPARATED[:, None], TRUTH[:, None], replicates=20)
    assert columns.auc.value == telltale.score(SEPARATED, TRUTH, replicates=20).auc.value
    flat, column = (audit(members=(x[:20], of[:20]), others=(x[20:], of[20:])) for of in (y, y[:, None]))
    assert flat.auc.value == column.auc.value


def test_what_is_found_is_told_in_short() -> None:
    """Catches a number that prints all it was drawn from, and a comma before the verb where there is one attack."""
    found = telltale.score(SEPARATED, TRUTH, random_split=True, replicates=50)
    assert repr(found.auc) == f"Estimate({found.auc.value:.3f} [{found.auc.low:.3f}, {found.auc.high:.3f}], n=200)"
    assert found.sentence.startswith("leaks: scores tells members from non-members, AUC ")


def test_the_names_under_a_figure_fit_it() -> None:
    """Catches a legend that is cut at both sides."""
    names = [f"a rather long name of attack number {number}" for number in range(9)]
    x = np.geomspace(1e-3, 1, 20)
    figure = roc_figure({name: Band(x, x, x, x) for name in names})
    figure.savefig(io.BytesIO())
    box = figure.legends[0].get_window_extent()
    assert len(figure.legends) == 1 and len(figure.legends[0].get_texts()) == 10
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0


def test_a_handful_of_records_speaks_for_itself_alone() -> None:
    """Catches a leak claimed of chance: two in seventy orders of four members and four others are as good."""
    lucky = telltale.score([8, 7, 6, 4, 5, 3, 2, 1], np.arange(8) < 4, random_split=True, replicates=50)
    assert lucky.auc.value == pytest.approx(15 / 16)
    assert lucky.verdict == CANNOT_TELL
    assert "the numbers are of 4 members and 4 non-members alone, too few to speak of others" in lucky.sentence
    many = np.arange(16) % 2 == 0
    sure = telltale.score(np.where(many, 20.0, 0) + np.arange(16), many, random_split=True, replicates=50)
    assert sure.verdict == LEAKS and sure.sentence.endswith(
        "of 8 members and 8 non-members alone, too few to speak of others"
    )


def test_a_function_that_fails_on_pictures_is_told_of_their_shape() -> None:
    """Catches an error about channels in a network's words alone: options make grey or smaller pictures."""

    def refuse(pictures: np.ndarray) -> np.ndarray:
        raise RuntimeError("expected 1 channel")

    with pytest.raises(InputError, match=r"given pictures of 3 x 8 x 8: see dataset.size and dataset.grey"):
        called("target.call", "serve.py:predict", refuse, np.zeros((2, 3, 8, 8)))


@pytest.mark.parametrize(
    ("members", "others", "told"),
    [
        ((np.zeros((4, 2)), [0, 1, 0, 1]), (np.zeros((4, 3)), [0, 1, 0, 1]), r"others=\(3,\): .* \(2,\)"),
        ((np.zeros((2, 2)), [None, "a"]), (np.zeros((2, 2)), ["b", "a"]), r"members=.*y\[0\] is None"),
        ((np.zeros((2, 2)), None), (np.zeros((2, 2)), [0, 1]), "members=.*one label a record"),
    ],
)
def test_sides_that_do_not_fit_are_refused_in_one_line(members: tuple, others: tuple, told: str) -> None:
    """Catches NumPy's own errors on records of two widths and on a label that is none."""
    with pytest.raises(InputError, match=told):
        telltale.audit(lambda x: np.full((len(x), 2), 0.5), members, others)


def test_an_encoder_is_audited_without_labels() -> None:
    """Catches labels asked for where there are none to have."""
    rng, mixed = np.random.default_rng(0), np.random.default_rng(1).normal(size=(3, 4))
    sides = [(rng.normal(size=(60, 3)), None) for _ in range(2)]
    found = telltale.audit(lambda x: x @ mixed, *sides, gives="embeddings", replicates=50)
    assert found.verdict == CANNOT_TELL
    with pytest.raises(InputError, match="labels on both sides"):
        telltale.audit(lambda x: x @ mixed, sides[0], (sides[1][0], np.zeros(60)), gives="embeddings")
