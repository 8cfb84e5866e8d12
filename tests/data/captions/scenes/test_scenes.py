"""Scenes as a data set: the same whatever else is asked for, two sources that differ, claims that are right."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import numpy as np
import pytest

from telltale.data.captions import two_sets
from telltale.data.captions.pools import deal_by_concept
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.scenes.claims import read
from telltale.data.captions.scenes.reader import load
from telltale.data.captions.scenes.shown import ScenesShown
from telltale.data.captions.vocabulary import vocabulary_of
from telltale.data.captions.withheld import granted
from telltale.data.images.records import pixel_digests
from telltale.data.pools import PoolSizes
from telltale.errors import InputError


def scenes(pictures: int = 40, **options: object) -> CaptionedImages:
    return load(pictures, **{"size": 16, **options}).records  # type: ignore[arg-type]


def shown(records: CaptionedImages) -> ScenesShown:
    assert isinstance(records.shown, ScenesShown)
    return records.shown


def test_a_scene_hangs_on_its_number_alone() -> None:
    """Catches pictures that change when more are asked for, and chunks that show."""
    few, many = scenes(7), scenes(1100)
    assert np.array_equal(few.images, many.images[:7]) and few.references == many.references[:7]
    assert np.array_equal(shown(few).table, shown(many).table[:7])
    assert len(set(pixel_digests(many.images))) == 1100
    assert not np.array_equal(few.images, scenes(7, seed=1).images)


def test_knobs_of_captions_leave_pictures_alone() -> None:
    """Catches a curve over a knob that changes more than what it is about."""
    plain, strange = scenes(idiosyncrasy=0.0), scenes(idiosyncrasy=0.5)
    assert np.array_equal(plain.images, strange.images)
    lengths = [[len(text.split()) for texts in records.references for text in texts] for records in (plain, strange)]
    assert lengths[0] == lengths[1]


def test_what_is_kept_is_what_was_made(tmp_path: Path) -> None:
    """Catches a cache that answers another question, or holds less."""
    made, found = (load(30, size=16, cache=str(tmp_path)) for _ in range(2))
    assert np.array_equal(made.records.images, found.records.images)
    assert made.records.references == found.records.references and made.told == found.told
    assert len(list(tmp_path.glob("*.npz"))) == 1
    load(30, size=16, idiosyncrasy=0.2, cache=str(tmp_path))
    load(30, size=16, source="second", cache=str(tmp_path))
    assert len(list(tmp_path.glob("*.npz"))) == 3


def test_a_thousand_scenes_take_less_than_a_second_of_one_core() -> None:
    """Catches drawing object by object: 10,000 are to take 10 seconds on two cores. A busy machine has slow moments."""
    seconds = []
    for seed in range(3):
        start = process_time()
        scenes(1000, size=32, seed=seed)
        seconds.append(process_time() - start)
    assert min(seconds) < 1


def test_all_that_a_caption_says_is_right_and_of_another_scene_it_is_not() -> None:
    """Catches a reader that misses what the grammar says, and one that agrees with everything."""
    for source in ("first", "second"):
        records = scenes(200, source=source, idiosyncrasy=0.0)
        right, told = shown(records).judged([texts[0] for texts in records.references]).T
        assert np.array_equal(right, told) and (told >= 1).all()
        others = [texts[0] for texts in (*records.references[1:], records.references[0])]
        right, told = shown(records).judged(others).T
        assert right.sum() < 0.5 * told.sum()


@pytest.mark.parametrize(
    ("caption", "right", "told"),
    [
        ("", 0, 0),
        ("<unk> the of", 0, 0),
        ("a big plain red circle left of a small plain blue bar on grass", 10, 10),
        ("a blue bar right of one red ball", 5, 5),
        ("a blue circle left of a red bar", 3, 5),  # as well one way as the other
        ("a red ball", 2, 2),
        ("a red ball and a red ball", 2, 4),
        ("red left of", 1, 2),
        ("on sand on sand", 0, 1),
        ("some teal star", 0, 2),
    ],
)
def test_claims_are_counted(caption: str, right: int, told: int) -> None:
    """Catches attributes of one object that are right of another, and what is said twice."""
    table = np.array([[2, 3, 0, 0, 5, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]], np.int8)
    one = ScenesShown(table, np.zeros(1, np.int64), shown(scenes(1)).grammars)
    assert one.judged([caption]).tolist() == [[right, told]] and read(caption).told == told


def test_two_sources_differ_in_pictures_and_words() -> None:
    """Catches a second source that is the first one again."""
    both = scenes(60, second="second", nonmember_source="other_dataset")
    assert len(both) == 120 and len(both.source_names) == 2
    own, other = (both.take(both.sources == place) for place in range(2))
    first, second = (set(vocabulary_of(part.references, 1).known.split()) for part in (own, other))
    meaningless = set(shown(both).grammars[0].idiosyncratic)
    assert len((first & second) - meaningless) < 12  # a, of, the …
    means = [part.images.reshape(60, 3, -1).mean(2) for part in (own, other)]
    assert np.abs(means[0].mean(0) - means[1].mean(0)).max() > 5
    right, told = shown(both).judged([texts[0] for texts in both.references]).T
    assert right.sum() > 0.85 * told.sum()
    values = both.take(np.arange(119, 0, -1)).shown
    assert isinstance(values, ScenesShown) and np.array_equal(values.law, shown(both).law[:0:-1])
    pools = deal_by_concept(both, PoolSizes(members=10, non_members=10, auxiliary=20, population=20), 0)
    assert pools.assigned and len(pools.population) == 20


def test_equal_sources_are_refused() -> None:
    """Catches another data set that is the same law again."""
    with pytest.raises(InputError, match=r"dataset\.second=first"):
        load(10, second="first")
    with pytest.raises(InputError, match=r"dataset\.second=third"):
        load(10, second="third")
    with pytest.raises(InputError, match=r"dataset\.other"):
        two_sets.load(load(10), load(10, seed=1))
    assert len(two_sets.load(load(10), load(10, source="second")).records) == 20


@pytest.mark.parametrize(
    "options",
    [{"pictures": 0}, {"pictures": 10**8}, {"size": 0}, {"size": 2.5}, {"seed": -1}, {"nonmember_source": "no"}],
)
def test_bad_options_are_told(options: dict[str, object]) -> None:
    """Catches a traceback, or a machine without memory, instead of a line."""
    with pytest.raises(InputError):
        load(**{"pictures": 3, **options})  # type: ignore[arg-type]


def test_who_may_not_see_captions_is_not_shown_the_truth() -> None:
    """Catches facts that come along with pictures."""
    records = scenes(5)
    assert granted(records, frozenset()).shown is None
    assert granted(records, frozenset({"references"})).shown is None


def test_captions_tell_as_much_as_the_law_says() -> None:
    """Catches nats of other captions than a picture's own."""
    records = scenes(60, size=4)
    own = records.shown.log_probabilities(records.references)  # type: ignore[union-attr]
    rolled = (*records.references[1:], records.references[0])
    assert own.mean() > shown(records).log_probabilities_unseen(records.references).mean()
    assert own.mean() > records.shown.log_probabilities(rolled).mean()  # type: ignore[union-attr]
