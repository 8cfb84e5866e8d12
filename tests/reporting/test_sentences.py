from __future__ import annotations

import pytest

from telltale.evaluation.comparison import PairedTest
from telltale.evaluation.statistics import Estimate
from telltale.reporting.sentences import metric_title, privacy_sentence, rivals_sentence, success_sentence


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("auc", "AUC"),
        ("tpr_at_fpr_0.001", "TPR at 0.1 % FPR"),
        ("novel_tpr_at_fpr_0.01", "novel TPR at 1 % FPR"),
        ("novel_auc", "novel auc"),
        ("empirical_epsilon_one_run", "empirical ε, one run"),
        ("empirical_epsilon_f_dp_all_models", "empirical ε, f-DP all models"),
    ],
)
def test_metrics_have_readable_titles(name: str, title: str) -> None:
    assert metric_title(name) == title


def against(value: float, p: float, replicates: int = 1000) -> dict[str, PairedTest]:
    return {"auc": PairedTest(value, value - 0.1, value + 0.1, 9, p, replicates)}


def test_rivals_are_said_to_be_beaten_beating_or_neither() -> None:
    tests = {"a": against(0.1, 0.002), "b": against(0.2, 0.002), "c": against(-0.1, 0.002), "d": against(0.1, 0.4)}
    said = rivals_sentence(tests)
    assert "by AUC, better than a and b; worse than c; not told apart from d" in said
    assert "Holm-corrected over 4 rivals" in said


def test_one_rival_needs_no_correction_and_none_no_sentence() -> None:
    assert "Holm" not in rivals_sentence({"a": against(0.1, 0.03)})
    assert rivals_sentence({}) == ""


def test_the_test_is_called_what_it_is() -> None:
    """Catches "paired bootstrap" of several models, whose difference is tested by Student's t over their groups."""
    assert "(paired bootstrap, p <" in rivals_sentence({"a": against(0.1, 0.03)})
    assert "(paired t-test over models, p <" in rivals_sentence({"a": against(0.1, 0.03, 0)})


def test_too_few_replicates_to_pass_the_correction_decide_nothing() -> None:
    """Catches "not told apart" where no difference, however large, could have been told."""
    tests = {str(i): against(0.5, 2 / 101, 100) for i in range(8)}
    assert rivals_sentence(tests).endswith("cannot be told: 100 bootstrap replicates, 320 needed")
    enough = {str(i): against(0.5, 2 / 321, 320) for i in range(8)}
    assert "better than 0, 1" in rivals_sentence(enough)


def test_success_on_training_and_test_records_stands_side_by_side() -> None:
    said = success_sentence(
        {"train_accuracy": 0.996, "accuracy": 0.812, "train_loss": 0.1, "loss": 0.75, "chance": 0.1}
    )
    assert said == (
        "accuracy 99.6 % on training, 81.2 % on test records (gap 18.4 percentage points); "
        "loss 0.100 on training, 0.750 on test records; chance 0.100"
    )
    assert success_sentence({"train_accuracy": 0.5}) == "train accuracy 0.500"
    assert success_sentence({}) == ""


def test_a_lower_bound_on_epsilon_stands_beside_what_the_accountant_says() -> None:
    """Catches a bound above the promise that passes in silence, and a sentence where nothing was audited."""
    found = {"empirical_epsilon_one_run": Estimate.exact(1.5, 100), "empirical_epsilon_retrained": Estimate.exact(0, 9)}
    said = privacy_sentence(found, {"epsilon": 8.0, "delta": 1e-5})
    assert "lower bound 1.50 (one model) and 0.00 (one canary, retrained models) at 95 % each" in said
    assert said.endswith("the accountant's ε is 8.00 at δ = 1e-05")
    assert "exceeded" in privacy_sentence(found, {"epsilon": 1.0, "delta": 1e-5})
    replaced = {"epsilon": 0.1, "worst_case": 0.8, "delta": 0.0, "protects": "one record replaced by another"}
    assert "nothing to compare with" in privacy_sentence(found, replaced)
    assert "no accountant" in privacy_sentence(found, None) and privacy_sentence({}, None) == ""
