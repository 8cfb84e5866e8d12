"""What the page of a sweep shows: curves over swept numbers, and a table whose jobs lead to theirs."""

from __future__ import annotations

from telltale.sweeps.curves import Measured, curves_of, drawn

METRIC = {"auc": {"value": 0.7, "low": 0.6, "high": None}, "tpr": {"value": None, "low": None, "high": None}}


def measured(*words: str, auc: float = 0.7) -> Measured:
    return Measured.of(words, {**METRIC, "auc": {**METRIC["auc"], "value": auc}}, ["auc", "tpr", "f1"])


def test_a_swept_number_has_a_line_for_each_setting_of_the_others() -> None:
    """Catches a line through jobs that differ in another option, points out of order, and words taken for numbers."""
    jobs = [
        measured(f"defense={d}", f"epsilon={e}", auc=auc)
        for d, e, auc in [("a", 10, 0.9), ("a", 2, 0.6), ("b", 2, 0.5)]
    ]
    (curve,) = curves_of(jobs)
    assert (curve.option, curve.metric, curve.seeds) == ("epsilon", "auc", 1)
    assert curve.lines == {
        "defense=a": [(2.0, 0.6, 0.6, 0.6), (10.0, 0.9, 0.6, 0.9)],
        "defense=b": [(2.0, 0.5, 0.6, 0.5)],
    }
    assert drawn(curve).startswith(b"\x89PNG")


def test_seeds_are_one_point_with_their_interval() -> None:
    """Catches a curve over seeds, and an interval that is one run's."""
    jobs = [measured(f"k={k}", f"seed={seed}", auc=0.5 + seed / 10) for k in (1, 2) for seed in (0, 1, 2)]
    (curve,) = curves_of(jobs)
    x, value, low, high = next(iter(curve.lines.values()))[0]
    assert (curve.option, curve.seeds, x) == ("k", 3, 1.0)
    assert [round(end, 3) for end in (value, low, high)] == [0.6, 0.352, 0.848]  # 0.6 ± 4.303 × 0.1 / √3


def test_nothing_is_drawn_where_nothing_is_a_number() -> None:
    """Catches a figure of one point, and one of words."""
    assert not curves_of([measured("attack=a"), measured("attack=b")])
    assert not curves_of([measured("k=1", "attack=a"), measured("k=2", "attack=b")])
