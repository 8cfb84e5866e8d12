"""The captioned emoji that come along, and those of a planted second vendor."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path
from PIL import Image, features

from scripts.make_embedded_emoji import groups
from telltale.data.captions import emoji
from telltale.data.captions.emoji import load, read_table
from telltale.data.captions.pools import deal_by_concept
from telltale.data.images.emoji import Emoji
from telltale.data.images.records import pixel_digests
from telltale.data.pools import PoolSizes
from telltale.errors import InputError

QUARTERS = PoolSizes(members=353, non_members=353, auxiliary=706)


@pytest.fixture
def twitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the fetched vendor: noise for pictures, in another order than the table's."""
    table = read_table()[::-1]
    noise = np.random.default_rng(0).integers(0, 255, (len(table), 3, 64, 64), np.uint8)
    known = tuple(Emoji(entry["code_points"], "", (), "", "") for entry in table)
    monkeypatch.setattr(emoji, "fetch", lambda *_, **__: Path())
    monkeypatch.setattr(emoji, "read_sheet", lambda _: (noise, known))


def test_equal_pictures_and_genders_of_one_thing_are_one_concept() -> None:
    """Catches a non-member whose twin the model was trained on."""
    records = load().records
    concepts = defaultdict(set)
    for digest, concept in zip(pixel_digests(records.images).tolist(), records.concepts.tolist(), strict=True):
        concepts[digest].add(concept)
    assert all(len(one) == 1 for one in concepts.values())
    of = dict(zip(records.names, records.concepts.tolist(), strict=True))
    assert of["woman running"] == of["man running"] == of["person running: facing right"] != of["woman walking"]
    assert of["mermaid"] == of["merman"] and of["prince"] == of["princess"] and of["mango"] != of["man"]


def test_every_emoji_has_three_or_four_lower_case_captions_and_none_is_a_flag() -> None:
    """Catches a package of names that has changed, and flags, several of which are one picture."""
    records = load().records
    assert len(records) == 1636 and len(set(records.concepts.tolist())) == 1415
    assert {len(captions) for captions in records.references} == {3, 4}
    assert all(caption == caption.lower() for captions in records.references for caption in captions)
    assert not [name for name in records.names if name.startswith("flag:") or "skin tone" in name]


def test_the_second_vendor_leaves_the_first_ones_quarters_as_they_are(twitter: None) -> None:
    """Catches two runs, with and without a second vendor, whose members are not the same."""
    one, two = load().records, load(second="twitter", downloads="somewhere").records
    assert len(two) == 2 * len(one) and two.names[: len(one)] == two.names[len(one) :] == one.names
    pools = [deal_by_concept(records, QUARTERS, seed=4) for records in (one, two)]
    assert (pools[0].challenge.fingerprints() == pools[1].challenge.fingerprints()).all()


def test_a_third_vendor_has_a_file_for_each_that_it_has_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches pictures under the captions of others where one is missing in between."""
    table = read_table()
    (tmp_path / "assets").mkdir()
    for row, level in ((3, 30), (5, 50)):
        drawn = Image.fromarray(np.full((8, 8, 3), level, np.uint8))
        drawn.save(tmp_path / "assets" / f"{table[row]['code_points'].lower()}.webp", lossless=True)
    monkeypatch.setattr(emoji, "fetch", lambda *_, **__: tmp_path)
    kept = str(tmp_path / "kept")
    records, again = (load("google", "microsoft", size=8, downloads="here", cache=kept).records for _ in range(2))
    assert (records.images == again.images).all() and (records.sources == again.sources).all()
    assert records.source_names == ("Noto", "Fluent") and len(records) == len(table) + 2
    assert records.images[-2:, 0, 0, 0].tolist() == [30, 50] and records.sources[-3:].tolist() == [0, 1, 1]
    assert records.references[-2:] == (records.references[3], records.references[5])


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"vendor": "apple"}, "dataset.vendor"),
        ({"second": "google"}, "dataset.second"),
        ({"second": "twitter"}, "dataset.downloads"),
        ({"size": 64}, "dataset.size"),
        ({"nonmember_source": "both"}, "dataset.nonmember_source"),
    ],
)
def test_options_that_cannot_be_used_are_named(options: dict, field: str) -> None:
    """Catches a traceback where one line would do."""
    with pytest.raises(InputError, match=f"^{field}="):
        load(**options)


def test_more_than_the_concepts_there_are_cannot_be_dealt() -> None:
    """Catches quarters filled up with twins."""
    with pytest.raises(InputError, match="has 1415; ask for fewer"):
        deal_by_concept(load().records, PoolSizes(members=500, non_members=500, auxiliary=500), seed=0)


def test_things_are_grouped_through_others() -> None:
    """Catches groups that depend on the order of their members."""
    assert groups([["a"], ["b"], ["c"], ["b", "a"], ["d", "c"]]) == [0, 0, 1, 0, 1]


def test_a_fonts_emoji_are_drawn_once_each_and_not_where_sequences_fall_to_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches concepts that share a picture in two pools, a glyph that is cut, and a family drawn as its members."""
    font = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    points = {"2600": 0, "2601": 1, "E123": 2, "E124": 3, "E125": 2}  # sun, cloud, and three that the font has not
    table = [{"code_points": point, "concept": concept} for point, concept in points.items()]
    pixels, rows = emoji.drawn_by_font(font, table)
    assert pixels.shape == (4, 3, 64, 64) and rows.tolist() == [0, 1, 2, 4]
    assert (pixels[:, :, [0, -1]] == 255).all() and (pixels[:, :, :, [0, -1]] == 255).all()
    assert all((one < 128).any() for one in pixels)
    monkeypatch.setattr(features, "check", lambda _: False)
    with pytest.raises(InputError, match="no Raqm"):
        emoji.drawn_by_font(font, table)
