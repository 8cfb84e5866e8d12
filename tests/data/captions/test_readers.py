"""Readers of captioned pictures on small planted folders, good and bad."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from telltale.data.captions import flickr8k, iapr_tc12, image_reports, mscoco, openclipart, stamps, two_sets
from telltale.data.captions.pools import deal_by_concept
from telltale.data.pools import PoolSizes
from telltale.errors import InputError

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30)
NAME = st.from_regex(r"[a-z0-9_]{1,12}\.jpg", fullmatch=True)
CAPTIONS = st.lists(st.tuples(NAME, TEXT), max_size=6)
LONG = "n" * 300 + ".jpg"  # more than a file's name may have
ODD = st.sampled_from(["1.jpg", LONG, "a\0b.jpg", "\ud800.jpg", "", "..", "/", 1, True, None, [], 1e999])
IMAGES, NOTES = (
    st.lists(st.fixed_dictionaries({}, optional={key: st.just(1) | ODD, field: ODD}) | ODD, max_size=4) | ODD
    for key, field in (("id", "file_name"), ("image_id", "caption"))
)
DOCUMENT = st.fixed_dictionaries({}, optional={"images": IMAGES, "annotations": NOTES}) | ODD


def picture(file: Path, colour: int = 0) -> Path:
    """Write a small picture that no other colour gives; returns its file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((9, 7, 3), colour * 10, np.uint8)).save(file)
    return file


def reasons(read: object) -> dict[str, str]:
    return {bad.file.name: bad.reason for bad in read.invalid}


@given(CAPTIONS)
def test_captions_with_commas_are_kept_whole(pairs: list[tuple[str, str]]) -> None:
    """Catches the released code's mistake: a caption cut off at its first comma."""
    plain = [(name, caption.strip()) for name, caption in pairs if '"' not in caption and "\t" not in caption]
    captions, bad = flickr8k.parse_captions("".join(f"{name},{caption}\n" for name, caption in plain))
    assert [(name, told) for name in captions for told in captions[name]] == sorted(
        plain, key=lambda pair: list(captions).index(pair[0])
    )
    assert not bad


@given(CAPTIONS)
def test_quoted_lines_and_tabbed_lines_say_the_same(pairs: list[tuple[str, str]]) -> None:
    """Catches doubled quotation marks, and the number of a caption taken for the image's name."""
    told = [(name, f"a, {caption.strip()} b") for name, caption in pairs]
    table = io.StringIO()
    csv.writer(table, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(told)
    quoted = table.getvalue().replace('.jpg"', ".jpg").replace('\n"', "\n").removeprefix('"')
    tabbed = "\n".join(f"{name}#{number}\t{caption}" for number, (name, caption) in enumerate(told))
    assert flickr8k.parse_captions("image,caption\n" + quoted) == flickr8k.parse_captions(tabbed)


def test_a_file_is_parted_by_tabs_or_by_commas_throughout() -> None:
    """Catches a tab inside a caption that is taken for the end of the image's name, and a mark before the heading."""
    plain = "\nimage,caption\na.jpg,A dog,\ta cat\nb.jpg,No. #1\tof two, or not\n"
    assert flickr8k.parse_captions(plain) == (
        {"a.jpg": ["A dog,\ta cat"], "b.jpg": ["No. #1\tof two, or not"]},
        [],
    )
    tabbed = "\na.jpg#0\tA dog, a cat\na.jpg#1\tA dog\twith a cat\nb.jpg,no tab\n"
    assert flickr8k.parse_captions(tabbed) == ({"a.jpg": ["A dog, a cat", "A dog\twith a cat"]}, [4])


@given(st.text())
def test_no_text_breaks_the_parsers(text: str) -> None:
    """Catches a traceback on a file of something else."""
    captions, bad = flickr8k.parse_captions(text)
    assert all(captions.values()) and all(number >= 1 for number in bad)
    assert all(caption.strip() for caption in iapr_tc12.parse_note(text))


def test_flickr8k_skips_and_lists_what_it_cannot_use(tmp_path: Path) -> None:
    """Catches a folder with one bad picture that cannot be read at all, and bad pictures dropped in silence."""
    for number, name in enumerate(("a.jpg", "b.jpg", "empty.jpg", "half.jpg")):
        picture(tmp_path / "Images" / name, number)
    picture(tmp_path / "Images" / "twin.jpg", 1)
    (tmp_path / "Images" / "damaged.jpg").write_bytes(b"no picture")
    lines = [
        "image,caption", "a.jpg,A Dog , which runs .", "a.jpg,Two  dogs",
        "b.jpg,A cat", "empty.jpg, ", "twin.jpg,a cat",
        "half.jpg,A man", "half.jpg,", "gone.jpg,A ship", "damaged.jpg,A hill", "no caption here",
    ]  # fmt: skip
    (tmp_path / "captions.txt").write_text("\n".join(lines), encoding="utf-8-sig")
    read = flickr8k.load(str(tmp_path), size=4)
    assert read.records.references == (("a dog , which runs .", "two dogs"), ("a cat",), ("a man",))
    assert read.records.shape == (3, 4, 4) and read.duplicates == 1 and read.lines == 8
    told = reasons(read)
    assert set(told) == {"captions.txt", "empty.jpg", "gone.jpg", "half.jpg", "damaged.jpg"}
    assert told["captions.txt"] == "is not an image and its caption" and told["half.jpg"] == "1 of 2 captions are empty"
    read.write_invalid(tmp_path / "invalid.csv")
    assert len((tmp_path / "invalid.csv").read_text().splitlines()) == 7  # with heading and twin


def test_mscoco_joins_captions_to_pictures_by_number(tmp_path: Path) -> None:
    """Catches captions that go to the picture of the same position."""
    for number in (1, 2):
        picture(tmp_path / "val2017" / f"{number}.jpg", number)
    notes = [(2, "A red bus, parked"), (1, "A cat"), (2, "The bus"), (9, "Nobody"), (1, None)]
    document = {
        "images": [{"id": number, "file_name": f"{number}.jpg"} for number in (1, 2, 3)],
        "annotations": [{"image_id": number, "caption": caption} for number, caption in notes],
    }
    file = tmp_path / "annotations" / "captions_val2017.json"
    file.parent.mkdir()
    file.write_text(json.dumps(document), encoding="utf-8-sig")
    read = mscoco.load(str(tmp_path), size=4)
    assert read.records.references == (("a cat",), ("a red bus, parked", "the bus"))
    assert len(read.invalid) == 3 and reasons(read)["3.jpg"].startswith("has no caption")
    file.write_text('{"images": []}')
    with pytest.raises(InputError, match="no file of captions"):
        mscoco.load(str(tmp_path))


@given(DOCUMENT)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_document_breaks_the_reader_of_mscoco(tmp_path: Path, document: object) -> None:
    """Catches a traceback on names that are numbers, missing, too long for a file, or none that a file can have."""
    picture(tmp_path / "val2017" / "1.jpg")
    (tmp_path / "annotations").mkdir(exist_ok=True)
    (tmp_path / "annotations" / "captions_val2017.json").write_text(json.dumps(document))
    try:
        read = mscoco.load(str(tmp_path), size=4)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        read.write_invalid(tmp_path / "invalid.csv")
        assert read.records.names == ("val2017/1.jpg",)


def test_an_entry_without_a_name_costs_that_entry_alone() -> None:
    """Catches a document that is refused as a whole, and an entry that goes missing in silence."""
    images = [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": 7}, {"id": 3}, {"id": 1, "file_name": "4.jpg"}]
    annotations = [{"image_id": number, "caption": "a cat"} for number in (1, 2, [1])]
    captions, bad = mscoco.parse_captions({"images": images, "annotations": annotations})
    assert captions == {"1.jpg": ["a cat"]}
    assert [reason.split(":")[0] for reason in bad] == ["image 1", "image 2", "image 3", "annotation 1", "annotation 2"]


def test_iapr_reads_description_and_title_out_of_the_tags(tmp_path: Path) -> None:
    """Catches semicolons kept and tags taken for words."""
    picture(tmp_path / "images" / "05" / "5012.jpg")
    note = tmp_path / "annotations_complete_eng" / "05" / "5012.eng"
    note.parent.mkdir(parents=True)
    text = "<DOC>\n<TITLE>The café</TITLE>\n<DESCRIPTION>a red roof; two &amp; more people;</DESCRIPTION></DOC>"
    note.write_text(text, encoding="iso-8859-1")
    assert iapr_tc12.load(str(tmp_path), size=4).records.references == (("a red roof, two & more people", "the café"),)


@pytest.mark.parametrize("name", [LONG, "a\0b.jpg", "\ud800.jpg"], ids=["long", "NUL", "surrogate"])
def test_a_name_that_no_file_can_have_is_listed_as_invalid(tmp_path: Path, name: str) -> None:
    """Catches a traceback where the name of a picture, or of the list itself, is none."""
    picture(tmp_path / "1.png")
    rows = [{"image": "1.png", "report": "Clear \ud800."}, {"image": name, "report": "Gone."}]
    (tmp_path / "reports.json").write_text(json.dumps(rows))
    read = image_reports.load(str(tmp_path), "reports.json", size=4)
    read.write_invalid(tmp_path / "invalid.csv")
    assert read.records.references == (("clear ?.",),) and read.lines == 2
    (bad,) = read.invalid
    assert bad.file.name == name and bad.reason.startswith("no such file (")
    with pytest.raises(InputError, match=r"dataset\.file"):
        image_reports.load(str(tmp_path), name)


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_reports_of_one_patient_are_one_concept(tmp_path: Path, suffix: str) -> None:
    """Catches a patient among members and non-members, and a report cut at a comma or a line's end."""
    rows = [
        {"image": "x/1.png", "report": "No effusion,\nheart normal.", "patient": "p1"},
        {"image": "x/2.png", "report": "Clear.", "patient": "p2"},
        {"image": "x/3.png", "report": "Unchanged.", "patient": "p1"},
        {"image": "x/4.png", "report": " ", "patient": "p3"},
        {"image": "../5.png", "report": "Elsewhere.", "patient": "p3"},
    ]
    for number in range(1, 4):
        picture(tmp_path / "x" / f"{number}.png", number)
    file = tmp_path / f"reports.{suffix}"
    with file.open("w", newline="", encoding="utf-8-sig") as stream:
        if suffix == "json":
            json.dump({"train": rows[:2], "test": rows[2:]}, stream)
        else:
            (writer := csv.DictWriter(stream, rows[0])).writeheader()
            writer.writerows(rows)
    read = image_reports.load(str(tmp_path), file.name, group="patient", size=4)
    assert read.records.references[0] == ("no effusion, heart normal.",)
    assert read.records.concepts[0] == read.records.concepts[2] != read.records.concepts[1]
    assert reasons(read) == {file.name: "has no image or no report", "5.png": "lies outside dataset.root"}
    with pytest.raises(
        InputError, match=r"dataset.report=findings: no row of .* its columns are image, patient, report"
    ):
        image_reports.load(str(tmp_path), file.name, report="findings")


def test_stamps_of_one_sentence_are_one_concept_and_translations_no_caption(tmp_path: Path) -> None:
    """Catches a sentence in Acholi, and a mirrored stamp that counts as a second picture."""
    for number, (name, text) in enumerate(
        {"a": "A frog.\nde.utf8=Ein Frosch.", "b": "A Frog.", "c": "de.utf8=Boot"}.items()
    ):
        picture(tmp_path / "animals" / f"{name}.png", number).with_suffix(".txt").write_text(text)
    picture(tmp_path / "animals" / "a_mirror.png", 7)
    read = stamps.load(str(tmp_path), size=4)
    assert read.records.references == (("a frog.",),) * 2 and read.records.concepts.tolist() == [0, 0]
    assert list(reasons(read)) == ["c.png"] and read.lines == 3


def listing(folder: Path, *names: str) -> None:
    """Write a list of pictures with a report each."""
    rows = "".join(f"{name},report of {name}\n" for name in names)
    (folder / "reports.csv").write_text(f"image,report\n{rows}")


def test_pictures_of_sixteen_bits_are_read_by_one_scale_and_told(tmp_path: Path) -> None:
    """Catches X-rays of 12 bits that come out white, levels cut at 255, and a reader that says nothing of it."""
    for name, level in (("a.png", 1000), ("b.png", 4000)):
        Image.fromarray(np.full((8, 8), level, np.uint16)).save(tmp_path / name)
    listing(tmp_path, "a.png", "b.png")
    read = image_reports.load(str(tmp_path), size=4)
    levels = read.records.images[:, :, 0, 0].astype(int)
    assert (levels == levels[:, :1]).all() and (3.9 * levels[0] < levels[1]).all() and not read.invalid
    assert read.told == ("2 grey pictures of more than 8 bits were scaled from 12 (deepest level 4,000) to 8",)


def test_a_report_folder_without_its_pictures_is_told_in_one_line(tmp_path: Path) -> None:
    """Catches a list whose pictures were not copied, told as too few records."""
    listing(tmp_path, "a.png", "b.png")
    with pytest.raises(
        InputError, match=r"^dataset\.root=.*none of 2 pictures listed can be used; a\.png: no such file"
    ):
        image_reports.load(str(tmp_path), size=4)


def test_pictures_that_are_all_alike_are_told_in_one_line(tmp_path: Path) -> None:
    """Catches an export of black pictures, told as one record where two hundred were listed."""
    for name in ("a.png", "b.png", "c.png"):
        picture(tmp_path / name)
    listing(tmp_path, "a.png", "b.png", "c.png")
    with pytest.raises(
        InputError, match=r"^dataset\.root=.*all 3 pictures that can be read are alike at 4 x 4, a\.png"
    ):
        image_reports.load(str(tmp_path), size=4)


def test_clip_art_has_the_titles_of_its_drawings_but_not_those_of_collections(tmp_path: Path) -> None:
    """Catches a collection's title as the caption of each of its pictures, and a number that is a word."""
    titles = {
        "a": "Red &amp; black ant",
        "b": "smiley 02",
        "c": "Smiley 3",
        "d": "set",
        "e": "set",
        "f": "set",
        "g": None,
    }
    for number, (name, title) in enumerate(titles.items()):
        picture(tmp_path / "png" / "x" / f"{name}.png", number)
        text = "<svg>" if title is None else f"<svg><dc:title>\n {title}</dc:title>"
        (drawing := tmp_path / "svg" / "x" / f"{name}.svg").parent.mkdir(parents=True, exist_ok=True)
        drawing.write_text(text)
    read = openclipart.load(str(tmp_path), shared=2, size=4)
    assert read.records.references == (("red & black ant",), ("smiley",), ("smiley",))
    assert len(set(read.records.concepts.tolist())) == 2
    assert read.told == (
        "3 drawings have the title of a collection, of more than 2: left out",
        "1 have no title: left out",
    )
    (tmp_path / "svg").rename(tmp_path / "gone")
    with pytest.raises(InputError, match="none of 7 pictures has a title of its own"):
        openclipart.load(str(tmp_path), size=4)


@pytest.mark.parametrize("reader", [flickr8k, mscoco, iapr_tc12, image_reports, stamps, openclipart])
def test_a_folder_of_something_else_is_answered_by_what_is_expected(tmp_path: Path, reader: object) -> None:
    """Catches a traceback, and a message that does not say what to have in the folder."""
    with pytest.raises(InputError, match="expected a folder"):
        reader.load(root=str(tmp_path))
    with pytest.raises(InputError, match="expected a folder"):
        reader.load()


def test_two_sets_are_two_sources_without_a_concept_in_common(tmp_path: Path) -> None:
    """Catches concepts of two sets that share a number, and pools dealt by what both show where nothing is."""
    for place, colours in (("one", range(6)), ("two", range(10, 15))):
        for number in colours:
            picture(tmp_path / place / f"{number}.png", number).with_suffix(".txt").write_text(f"{place} {number}")
    one, two = (stamps.load(str(tmp_path / place), size=4) for place in ("one", "two"))
    records = two_sets.load(one, two, "other_dataset").records
    assert len(set(records.concepts.tolist())) == 11
    pools = deal_by_concept(records, PoolSizes(members=2, non_members=1, auxiliary=2, population=2), seed=0)
    assert pools.challenge.sources.tolist() == [0, 0, 1] and pools.population.sources.tolist() == [1, 1]
    assert pools.available == 5
    with pytest.raises(InputError, match=r"dataset\.other"):
        two_sets.load(one, stamps.load(str(tmp_path / "two"), size=5))


def test_a_picture_that_both_sets_have_is_the_first_ones(tmp_path: Path) -> None:
    """Catches a member whose very picture is a non-member under another set's name."""
    for place, colours in (("one", (0, 1, 2)), ("two", (2, 3, 1)), ("three", (1, 2))):
        for number, colour in enumerate(colours):
            picture(tmp_path / place / f"{number}.png", colour).with_suffix(".txt").write_text(f"{place} {number}")
    one, two, three = (stamps.load(str(tmp_path / place), size=4) for place in ("one", "two", "three"))
    read = two_sets.load(one, two)
    assert read.records.references == (("one 0",), ("one 1",), ("one 2",), ("two 1",))
    assert read.records.sources.tolist() == [0, 0, 0, 1] and read.duplicates == 2 and read.lines == 6
    with pytest.raises(InputError, match=r"dataset\.other=.*expected pictures that"):
        two_sets.load(one, three)
