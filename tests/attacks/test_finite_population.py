"""Leave-one-out LiRA on few models: why a victim's complement is none of its shadows (arXiv 2605.25819).

Each record is in exactly half of all models. With all others as shadows, a victim that was trained on a record leaves
one model fewer with it than without it, and one that was not leaves one more: the numbers of shadows tell the
membership, and the score follows them, where nothing was learned at all.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from telltale.attacks.membership.gaussians import likelihood_ratio
from telltale.attacks.membership.shadow_attack import unrelated
from telltale.attacks.membership.thresholds import areas
from tests.experiment.commands import ROOT

POINTS = 20_000
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", re.MULTILINE)


def null_area(models: int, complement: bool, variance: str) -> float:
    """AUC over all models as victims, where φ is normal and nothing else: pairs of models on complementary halves."""
    rng = np.random.default_rng(0)
    half = rng.random((models // 2, POINTS)) < 0.5
    rows = np.stack([half, ~half], 1).reshape(models, POINTS)
    phi = rng.normal(size=(models, POINTS, 1))
    scores = []
    for victim in range(models):
        shadows = np.arange(models) != victim if complement else unrelated(rows, victim)
        scores.append(likelihood_ratio(phi[victim], phi[shadows], rows[shadows], variance=variance))
    return areas(np.ravel(scores)[None], rows.reshape(1, -1)).item()


@pytest.mark.parametrize("row", ROW.findall(GUIDE), ids=lambda row: row[0])
def test_without_the_complement_nothing_is_found_where_nothing_is(row: tuple[str, ...]) -> None:
    """Catches shadows whose number tells the membership, and figures in the guide that are not these."""
    kept = {(kept, v): null_area(int(row[0]), kept, v) for v, kept, shown in cells(row) if shown != "–"}
    for variance, complement, shown in cells(row):
        if shown != "–":
            assert kept[complement, variance] == pytest.approx(float(shown), abs=0.0006), (variance, complement)
        if shown != "–" and not complement:
            assert kept[complement, variance] == pytest.approx(0.5, abs=0.006)


def test_the_guide_shows_what_few_models_do_with_the_complement_kept() -> None:
    """Catches a table that is lost, and a bias that is none."""
    shown = {int(row[0]): [float(cell) for v, kept, cell in cells(row) if kept] for row in ROW.findall(GUIDE)}
    assert set(shown) == {4, 6, 8, 16}
    assert min(abs(area - 0.5) for few in (4, 6) for area in shown[few]) > 0.04
    assert max(abs(area - 0.5) for area in shown[16]) > 0.008


def cells(row: tuple[str, ...]) -> list[tuple[str, bool, str]]:
    """Name the columns of the guide's table: variance, complement kept, what is shown."""
    places = [(v, kept) for kept in (False, True) for v in ("per_point", "pooled_per_side")]
    return [(*place, shown) for place, shown in zip(places, row[1:], strict=True)]
