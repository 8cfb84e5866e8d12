"""Texts that people have: their own files, and the layouts of known sets, with what is wrong in them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.data.loaded import Loaded
from telltale.data.texts import imdb, own_texts, topics, wikitext
from telltale.data.texts.records import TextRecords
from telltale.data.texts.tabular import rows_of_jsonl, rows_of_text
from telltale.data.texts.tokenizer import BYTES
from telltale.errors import InputError

PLAIN = {"vocabulary": BYTES, "public": 0, "near_equal": None}


def load(file: Path, content: str | bytes, **options: object) -> Loaded[TextRecords]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return own_texts.load(str(file), **{**PLAIN, **options})  # type: ignore[arg-type]


def test_a_table_is_read_by_its_columns(tmp_path: Path) -> None:
    """Catches a comma in a text taken for the end of a cell, and a row without a class that is given one."""
    rows = ['"one, two",red,ann', "three,blue,", '"four\nfive",red,ann', "six,,bob", "too,many,cells,here", ",red,cy"]
    content = "\n".join(["words,topic,who", *rows])
    read = load(tmp_path / "a.csv", content, column="words", label="topic", group="who", shown=False)
    records = read.records
    assert records.texts.tolist() == ["one, two", "three", "four\nfive"] and records.classes == ("blue", "red")
    assert records.labels.tolist() == [1, 0, 1] and records.groups[0] == records.groups[2] != records.groups[1]
    assert records.ids.tolist() == ["line 2", "line 3", "line 4"] and records.shown[1] == "text of 5 characters"
    assert [(bad.line, bad.reason) for bad in read.invalid] == [(6, "topic is empty"), (7, "has 4 cells, expected 3")]
    assert "1 document is empty and was left out" in read.told


def test_objects_of_a_jsonl_are_read_and_others_listed(tmp_path: Path) -> None:
    """Catches a bad line that ends the reading, and text that is none."""
    lines = [
        '{"text": "one", "id": 7}',
        "no json",
        "[1]",
        "",
        '{"text": null}',
        '{"id": 8}',
        '{"text": "two", "id": 9}',
    ]
    read = load(tmp_path / "a.jsonl.gz", gzip.compress("\n".join(lines).encode()), id="id")
    assert read.records.texts.tolist() == ["one", "two"] and read.records.ids.tolist() == ["7", "9"]
    assert [bad.line for bad in read.invalid] == [2, 3, 5, 6] and read.records.labels is None
    assert read.account()[0] == "4 of 6 records could not be read; listed in invalid_records.csv"


@pytest.mark.parametrize(("unit", "texts"), [("line", ["a", "b", "c"]), ("paragraph", ["a\nb", "c"])])
def test_a_text_is_its_lines_or_its_paragraphs(tmp_path: Path, unit: str, texts: list[str]) -> None:
    """Catches paragraphs that run into each other, whatever the ends of their lines."""
    assert load(tmp_path / "a.txt", "a\r\nb\r\n\r\n \r\nc", unit=unit).records.texts.tolist() == texts


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("xyz"), st.text(max_size=5) | st.none() | st.integers(), max_size=3)))
def test_what_is_written_as_jsonl_is_read(rows: list[dict[str, object]]) -> None:
    """Catches line separators inside of texts, which JSON escapes and `splitlines` would part."""
    lines = [json.dumps(row, ensure_ascii=True) for row in rows]
    places = list(rows_of_jsonl(lines))
    assert [place.cells for place in places] == rows and not any(place.fault for place in places)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=8)))
def test_any_lines_are_some_objects_or_faults_and_some_paragraphs(lines: list[str]) -> None:
    """Catches a line that fails the reading, or is lost without a word."""
    filled = [number for number, line in enumerate(lines, 1) if line.strip()]
    assert [place.line for place in rows_of_jsonl(lines)] == filled
    assert [place.line for place in rows_of_text(lines, "line")] == filled
    words = [word for place in rows_of_text(lines, "paragraph") for word in str(place.cells["text"]).split()]
    assert words == [word for line in lines for word in line.split()]


def test_what_is_not_utf8_is_refused_by_its_line_or_read_and_told(tmp_path: Path) -> None:
    """Catches letters that were lost without a word."""
    content = "eins\nzw\xf6lf\n".encode("cp1252")
    with pytest.raises(InputError, match=r"dataset\.file=.*a\.txt: line 2 is not UTF-8; dataset\.undecodable=replace"):
        load(tmp_path / "a.txt", content)
    read = load(tmp_path / "a.txt", content, undecodable="replace")
    assert read.records.texts.tolist() == ["eins", "zwölf"] and "first of them line 2" in read.told[0]
    assert load(tmp_path / "b.txt", "zwölf\n".encode("utf-16")).records.texts.tolist() == ["zwölf"]
    broken = "eins\nzw\u2028ei\n".encode("utf-16") + b"\x00\xd8a\x00"  # half of a pair
    assert load(tmp_path / "c.txt", broken[:-4]).records.texts.tolist() == ["eins", "zw\u2028ei"]
    with pytest.raises(InputError, match=r"c\.txt: line 3 is not UTF-16; dataset\.undecodable=replace"):
        load(tmp_path / "c.txt", broken)
    read = load(tmp_path / "c.txt", broken, undecodable="replace")
    assert len(read.records.texts) == 3 and "says that it is UTF-16, and 1 of its characters" in read.told[0]
    with pytest.raises(InputError, match=r"dataset\.undecodable=guess: one of refuse, replace"):
        load(tmp_path / "a.txt", content, undecodable="guess")


@pytest.mark.parametrize("code", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-32"])
def test_wide_letters_are_read_as_such_whether_or_not_the_file_says_so(tmp_path: Path, code: str) -> None:
    """Catches texts whose letters have spaces between them, for zeros that were taken for text."""
    read = load(tmp_path / "a.txt", "grüne Äpfel\nzwölf\n".encode(code))
    assert read.records.texts.tolist() == ["grüne Äpfel", "zwölf"]
    assert any(f"was read as {code.upper()}" in line for line in read.told) == (code != "utf-32")


def test_zeros_in_a_text_are_spaces_and_counted(tmp_path: Path) -> None:
    """Catches a letter that was changed without a word."""
    read = load(tmp_path / "a.txt", "one\0two\nthree and four and five\n")
    assert read.records.texts.tolist() == ["one two", "three and four and five"]
    assert "1 document holds zeros (NUL), read as spaces" in read.told


def test_lists_in_quoted_cells_are_no_rows_where_the_file_has_no_fault(tmp_path: Path) -> None:
    """Catches reviews that are lost, and their lists taken for reviews, in a file that any program wrote."""
    rows = [
        (f"review {number}\nbattery,5\nbye" if number % 3 else f"plain {number}", str(number % 5))
        for number in range(60)
    ]
    stream = io.StringIO()
    csv.writer(stream).writerows([("text", "stars"), *rows])
    read = load(tmp_path / "a.csv", stream.getvalue(), label="stars", near_equal=None)
    assert read.records.texts.tolist() == [text for text, _ in rows] and not read.invalid


def test_a_long_text_is_a_text(tmp_path: Path) -> None:
    """Catches a limit of the csv module's own, which other formats do not have."""
    long = "word " * 60_000
    assert load(tmp_path / "a.csv", f"text\n{long}\nshort\n").records.texts.tolist() == [long.strip(), "short"]


def test_documents_without_author_or_name_are_counted(tmp_path: Path) -> None:
    """Catches texts of one author on both sides, because a cell was empty, and two that have one name."""
    content = "text,who,name\na b,ann,x\nc d,,x\ne f,ann,\ng h,NA,y\n"
    read = load(tmp_path / "a.csv", content, group="who", id="name")
    assert read.records.ids.tolist() == ["x", "x", "line 4", "y"]
    assert {
        "1 of 4 documents have no who (dataset.group): each is by itself",
        "1 of 4 documents have no name (dataset.id) and are named by their line",
        "2 documents share their name (dataset.id) with others",
    } <= set(read.told)
    (bad,) = load(
        tmp_path / "a.jsonl", '{"text": "a", "who": {"x": 1}}\n{"text": "b", "who": null}\n', group="who"
    ).invalid
    assert bad.line == 1 and "who is no text" in bad.reason


def test_one_number_is_one_class_and_one_author_however_it_is_written(tmp_path: Path) -> None:
    """Catches an author on both sides, and a class of one text, as a program writes 1 where another writes 1.0."""
    lines = [
        '{"text": "a", "who": 1, "y": 2.0}',
        '{"text": "b", "who": 1.0, "y": 2}',
        '{"text": "c", "who": 1.5, "y": 3}',
    ]
    records = load(tmp_path / "a.jsonl", "\n".join(lines), group="who", label="y").records
    assert records.classes == ("2", "3") and records.labels is not None and records.labels.tolist() == [0, 0, 1]
    assert records.groups[0] == records.groups[1] != records.groups[2]


def test_authors_are_one_whatever_the_case_and_numbers_are_no_texts(tmp_path: Path) -> None:
    """Catches a person on both sides as Bob@x.org and bob@x.org, and NaN taken for a document."""
    lines = ['{"text": "a", "who": "Bob@x.org"}', '{"text": "b", "who": "bob@x.org "}', '{"text": "c", "who": "ann"}']
    lines += ['{"text": NaN, "who": "cy"}', '{"text": true, "who": "cy"}', '{"text": 5, "who": "cy"}']
    read = load(tmp_path / "a.jsonl", "\n".join(lines), group="who")
    assert read.records.groups[0] == read.records.groups[1] != read.records.groups[2]
    assert "spellings of who (dataset.group) that differ in case alone are one: 1 fewer" in read.told
    assert [(bad.line, bad.reason) for bad in read.invalid] == [(line, "text is no text") for line in (4, 5, 6)]


def test_a_public_part_of_all_or_nothing_is_named(tmp_path: Path) -> None:
    """Catches a vocabulary that is blamed, and a file that seems empty, where one author or form has all texts."""
    form = "\n".join(f"to whom it may concern we write to say that all is well with number {n}" for n in range(40))
    says = r"dataset\.public=0.99: 40 documents are of 1 group \(near-equal.*the largest of 40, and all were drawn"
    with pytest.raises(InputError, match=says):
        load(tmp_path / "a.txt", form, public=0.99, near_equal=0.8)
    table = "text,who\n" + "\n".join(f"{n} {n * 7} {n * 11},ann" for n in range(40))
    with pytest.raises(InputError, match=r"dataset\.public=0.01: .* 1 group \(of an author.* none was drawn"):
        load(tmp_path / "a.csv", table, public=0.01, vocabulary=400, group="who")


@pytest.mark.parametrize(
    ("name", "content", "options", "says"),
    [
        ("a.csv", "words\none\n", {}, "dataset.column=text: no such column in a.csv; there are words"),
        (
            "a.csv",
            "text,kind\none,x\n",
            {"label": "sort"},
            "dataset.label=sort: no such column in a.csv; there are text, kind",
        ),
        (
            "a.csv",
            "text,kind\none,x\ntwo,x\n",
            {"label": "kind"},
            "dataset.label=kind: all 2 records are of the class x; needs",
        ),
        ("a.csv", "text,kind\n ,x\n ,y\n", {}, "no document that could be a record: 2 documents are empty"),
        ("a.txt", "x\n", {"tokenizer": "nowhere.json"}, "dataset.tokenizer=nowhere.json: no such file or folder"),
        ("a.txt", "x\ny\nx\n", {"vocabulary": 400, "public": 0.9}, "of 3 documents 2 are neither empty nor equal"),
        ("a.csv", "text,kind\n1,a\n2,b\n3,c\n4,d\n", {"label": "kind"}, "a column of classes: 4 different words in 4"),
        ("a.txt", "", {}, r"dataset\.file=.*a\.txt: holds no document$"),
        ("a.jsonl", "1\n2\n", {}, "holds no document; the first: line 1 is no JSON object"),
        ("a.jsonl", "{}\n", {}, r"dataset\.file=.*a\.jsonl: holds no document$"),
        ("a.doc", "x", {}, "expected a .jsonl, .csv, .tsv or .txt file"),
        ("a.txt", "x\n", {"unit": "page"}, "dataset.unit=page: one of line, paragraph"),
        ("a.txt.gz", "no gzip", {}, "cannot be read"),
        ("a.csv", gzip.compress(b"text\na\n", mtime=0), {}, r"this is gzipped: name it a\.csv\.gz"),
        ("a.txt", b"one\rtwo\rthr\xf6e\r", {}, "line 3 is not UTF-8"),
        ("a.txt", "x\ny\n", {"near_equal": 0.1}, "dataset.near_equal=0.1: from 0.3, at most 1, or null"),
    ],
)
def test_what_will_not_do_is_refused_in_a_line(
    tmp_path: Path, name: str, content: str | bytes, options: dict[str, object], says: str
) -> None:
    """Catches tracebacks, and messages that do not say what there is instead."""
    with pytest.raises(InputError, match=says) as refused:
        load(tmp_path / name, content, **options)
    assert "\n" not in str(refused.value)


def test_no_file_is_asked_for() -> None:
    """Catches a traceback where dataset=text stands alone."""
    with pytest.raises(InputError, match=r"dataset\.file=null: expected a \.jsonl"):
        own_texts.load()
    with pytest.raises(InputError, match="no such file"):
        own_texts.load("nowhere.csv")
    with pytest.raises(InputError, match="a folder, no file; expected a"):
        own_texts.load(str(Path(__file__).parent))


def test_news_and_abstracts_are_read_without_a_heading(tmp_path: Path) -> None:
    """Catches the first row lost as a heading, classes counted from 0, and doubled quotation marks."""
    (tmp_path / "train.csv").write_text('"3","Oil, up","He said ""more"""\n"9","x","y"\n"1","War","ends"\n')
    read = topics.load("ag_news", str(tmp_path), **PLAIN)  # type: ignore[arg-type]
    assert read.records.texts.tolist() == ['Oil, up He said "more"', "War ends"]
    assert [read.records.classes[label] for label in read.records.labels] == ["Business", "World"]
    assert read.invalid[0].reason == "its class is 9, expected 1 to 4"
    assert "test.csv of AG News not there: 1 of 2 files were read" in read.told
    with pytest.raises(InputError, match=r"expected a folder with DBpedia's train\.csv"):
        topics.load("dbpedia", str(tmp_path / ".."))


def test_reviews_are_a_file_each_and_their_folder_is_the_class(tmp_path: Path) -> None:
    """Catches unlabelled reviews under a class, and marks of HTML read as words."""
    for name, text in (
        ("train/pos/1_9.txt", "Fine<br />film"),
        ("test/neg/2_1.txt", "Bad"),
        ("train/unsup/3_0.txt", "So"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    read = imdb.load(str(tmp_path), **PLAIN)  # type: ignore[arg-type]
    assert dict(zip(read.records.ids, read.records.texts, strict=True)) == {
        "train/pos/1_9.txt": "Fine film",
        "test/neg/2_1.txt": "Bad",
    }
    assert read.records.labels.tolist() == [0, 1] and read.told[0].startswith("1 text lies in neither pos nor neg")
    (tmp_path / "test/neg/2_1.txt").unlink()
    with pytest.raises(InputError, match="are of the class pos; needs two"):
        imdb.load(str(tmp_path), **PLAIN)  # type: ignore[arg-type]


def test_paragraphs_of_an_article_are_one_group(tmp_path: Path) -> None:
    """Catches headings read as texts, and an article in two pools."""
    (tmp_path / "wiki.train.tokens").write_text(
        " \n = Heron = \n \n A bird . \n \n = = Food = = \n \n Fish . \n \n = Stork = \n Another . \n"
    )
    records = wikitext.load(str(tmp_path), **PLAIN).records  # type: ignore[arg-type]
    assert records.texts.tolist() == ["A bird .", "Fish .", "Another ."] and records.groups.tolist() == [0, 0, 1]


def test_the_second_start_reads_the_cache_and_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches records that come back otherwise than they went, and a stale cache."""
    options = {
        "label": "kind",
        "column": "words",
        "shown": False,
        "cache": str(tmp_path / "cache"),
        "undecodable": "replace",
    }
    content = "words,kind,who\nö eins,a,x\nzwei,b,y\n,a,z\nbad\neins zwei drei,a,z\n".encode("cp1252")
    first = load(tmp_path / "a.csv", content, **options)
    monkeypatch.setattr(own_texts, "_documents", lambda *_: pytest.fail("read again"))
    again = own_texts.load(str(tmp_path / "a.csv"), **{**PLAIN, **options})  # type: ignore[arg-type]
    assert again.account() == first.account() and again.invalid == first.invalid and again.lines == first.lines == 5
    for name in ("tokens", "texts", "shown", "groups", "labels", "ids", "near", "near_equal"):
        np.testing.assert_array_equal(getattr(again.records, name), getattr(first.records, name))
    assert (again.records.tokenizer, again.records.classes) == (first.records.tokenizer, first.records.classes)
    assert again.records.tokens.dtype == np.int64 and again.records.codec == first.records.codec
    monkeypatch.undo()
    assert len(load(tmp_path / "a.csv", content + b"vier,b,x\n", **options).records) == len(first.records) + 1


def test_of_texts_that_are_not_shown_no_row_is_listed_with_its_words(tmp_path: Path) -> None:
    """Catches a diary in invalid_records.csv because its line lacks a bracket."""
    lines = ['{"text": "one"}', '{"text": "a secret"', '{"note": "another secret"}']
    read, hidden = (load(tmp_path / "a.jsonl", "\n".join(lines), shown=shown) for shown in (True, False))
    assert "secret" in read.invalid[0].text
    assert [(bad.line, bad.reason, bad.text) for bad in hidden.invalid] == [
        (bad.line, bad.reason, "") for bad in read.invalid
    ]
    hidden.write_invalid(tmp_path / "listed.csv")
    assert "secret" not in (tmp_path / "listed.csv").read_text()


@pytest.mark.parametrize(("vocabulary", "public"), [(BYTES, 0), (BYTES + 4, 0.9)])
def test_halves_of_letters_are_read_and_said(tmp_path: Path, vocabulary: int, public: float) -> None:
    """Catches an escape that JSON allows and no tokenizer takes, which ended in a traceback."""
    lines = [json.dumps({"text": f"tea number {number} \ud83d"}) for number in range(20)]
    lines.append('{"text": "a pair \\ud83c\\udf75"}')
    read = load(tmp_path / "a.jsonl", "\n".join(lines), vocabulary=vocabulary, public=public)
    assert all(text.endswith(("\ufffd", "a pair \U0001f375")) for text in read.records.texts)
    assert any(line.startswith("20 documents hold halves of letters") for line in read.told)


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    """Catches the texts of the last of them, taken without a word."""
    with pytest.raises(InputError, match="several are called so"):
        load(tmp_path / "a.csv", "text,text,label\nwords,1,a\nothers,1,b\n")
    assert len(load(tmp_path / "a.csv", "text,,\nwords,1,a\nothers,1,b\n").records) == 2
