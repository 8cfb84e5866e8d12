"""The label-only attack: which pictures it asks about, what it reads, and that it finds what labels alone tell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from telltale.attacks.membership.label_only import LabelOnly, translations
from telltale.attacks.membership.thresholds import areas
from telltale.data.images.records import ImageRecords
from telltale.errors import InputError

CLASSES = ("a", "b", "c")
POINTS = 300


def records(points: int = POINTS) -> ImageRecords:
    pixels = np.random.default_rng(0).random((points, 1, 6, 8), dtype=np.float32)
    return ImageRecords(pixels, np.arange(points) % 3, "made-up pictures", CLASSES)


def knowledge() -> Any:
    return SimpleNamespace(challenge=records(), seed=0, models=20, fewest=(1, 1))


def test_a_picture_is_moved_by_so_many_pixels_in_all_and_its_edge_repeats() -> None:
    """Catches a square of moves, a move both ways at once, zeros or reflections that come in."""
    own = records(2).pixels[0, 0]
    for distance in (1, 2):
        found = [one.pixels[0, 0] for one in translations(records(2), distance)]
        assert len({one.tobytes() for one in found}) == len(found) == 4 * distance + 1
        assert np.array_equal(found[0], own)
        rows, columns = np.arange(6), np.arange(8)
        expected = {
            own[np.clip(rows - down, 0, 5)][:, np.clip(columns - across, 0, 7)].tobytes()
            for down in range(-9, 10)
            for across in range(-9, 10)
            if abs(down) + abs(across) == distance
        }
        assert {one.tobytes() for one in found[1:]} == expected


def test_members_whose_neighbours_are_named_rightly_are_found_where_the_pictures_own_label_tells_nothing() -> None:
    """Catches an attack that looks at the picture's own label alone, as the gap attack does."""
    rng = np.random.default_rng(0)
    rows = rng.random((9, POINTS)) < 0.5
    attack, told = LabelOnly(), knowledge()
    attack._seed, attack._trained = 0, {}
    signals = []
    for members in rows:
        answers = iter([np.ones(POINTS, bool), *(rng.random((4, POINTS)) < np.where(members, 0.9, 0.5))])

        def labels(asked: ImageRecords, answers: Any = answers) -> np.ndarray:
            return np.where(next(answers), asked.labels, (asked.labels + 1) % 3)

        release: Any = SimpleNamespace(labels=labels)
        signals.append(attack.signal(release, told))
    assert signals[0].shape == (POINTS, 5) and signals[0][:, 0].all()
    scores, _ = attack.judge(signals[:1], np.stack(signals[1:]), rows[1:], told)
    assert areas(scores, rows[:1]).item() > 0.8


def test_a_picture_moved_out_of_itself_is_refused() -> None:
    """Catches pictures of nothing but their edge."""
    LabelOnly(5).check(knowledge())
    with pytest.raises(InputError, match=r"attack\.distance=6: below 6"):
        LabelOnly(6).check(knowledge())
