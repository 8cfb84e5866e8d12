"""E-mails: only the words of their writer, and of these none in a report."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.data.texts import spam_assassin
from telltale.data.texts.mails import own_words, parse
from telltale.data.texts.tokenizer import BYTES
from telltale.errors import InputError

HEAD = "From ann@example.org Thu Aug 22 12:36:23 2002\nFrom: {name} <{who}>\nDate: Thu, 22 Aug 2002 18:26:25 +0700\n"
QUOTING = """\
I agree with this.
On Friday Bob wrote:
> Shall we meet?
>> When, then?
JM> Soon.
From: bob@example.org
Subject: meeting
Regards
----- Original Message -----
Never to be read again
"""


def mail(who: str, body: str, more: str = "", name: str = "Ann") -> bytes:
    return (HEAD.format(who=who, name=name) + more + "\n" + body).encode()


def test_what_is_quoted_is_not_the_writers_own() -> None:
    """Catches a member's words in the mail of a non-member who quotes it."""
    assert parse(mail("ann@example.org", QUOTING)).text == "I agree with this.\nRegards"
    assert own_words("Subject: alone is no quoted head\ntext") == "Subject: alone is no quoted head\ntext"
    assert own_words("above\n____________________________\nlist footer") == "above"


def test_what_a_report_shows_names_nobody() -> None:
    """Catches an address, a name or a word of a mail on the page."""
    one = parse(mail("Ann@Example.org", "secret plan"))
    assert one.shown == parse(mail("ann@example.org", "other words")).shown  # of the same length, on the same day
    assert "2002-08-22, 11 characters" in one.shown and not {"ann", "example", "secret"} & set(
        one.shown.lower().split()
    )
    assert "sender unknown, no date" in parse(b"\n\nhello").shown


@pytest.mark.parametrize(
    ("more", "body", "text"),
    [
        ("Content-Type: text/html\n", "<p>Tea &amp; <b>milk</b></p><script>x()</script>", "Tea & milk"),
        ("Content-Type: text/plain; charset=unknown-8\n", "plain", "plain"),
        ("Content-Transfer-Encoding: base64\nContent-Type: text/plain; charset=utf-8\n", "w6Qgb25l", "ä one"),
        (
            "Content-Type: multipart/mixed; boundary=B\n",
            "--B\n\nfirst\n--B\nContent-Type: text/html\n\n<i>x</i>\n--B--",
            "first",
        ),
    ],
)
def test_the_plain_text_is_preferred_and_html_is_shown_as_text(more: str, body: str, text: str) -> None:
    """Catches marks of HTML, encoded text, and attachments read as words."""
    assert parse(mail("ann@example.org", body, more)).text == text


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_fail_the_reading(content: bytes) -> None:
    """Catches a broken header, of which spam has every kind, that ends a run."""
    read = parse(b"From: a@b\nDate: " + content[:20].replace(b"\n", b"") + b"\nContent-Type: " + content)
    assert read.text == read.text.strip() and "\0" not in read.text
    parse(content)


def folder_of_mails(root: Path) -> str:
    writers = [("easy-ham-1", "ann@example.org", "lunch at noon"), ("easy-ham-1", "bob@example.org", "lunch at one")]
    writers += [("spam-1", "ann@example.org", "buy this now"), ("spam-1", "cy@example.org", "lunch at noon")]
    writers += [("spam-1", "dee@example.org", "> only quoted")]
    for at, (folder, who, body) in enumerate(writers):
        (root / folder).mkdir(exist_ok=True)
        more = "List-Id: Talk <talk.example.org>\n" if folder == "easy-ham-1" else ""
        (root / folder / f"{at:05}.0a1b.txt").write_bytes(mail(who, body, more))
    return str(root)


def test_senders_are_groups_and_the_account_says_what_was_left_out(tmp_path: Path) -> None:
    """Catches a sender in two pools, equal mails kept twice, and a mail's words in the list of what was left out."""
    read = spam_assassin.load(root=folder_of_mails(tmp_path), vocabulary=BYTES, public=0, near_equal=None)
    records = read.records
    assert sorted(records.texts) == ["buy this now", "lunch at noon", "lunch at one"]
    assert dict(zip(records.texts, records.labels, strict=True)) == {
        "lunch at noon": 0,
        "lunch at one": 0,
        "buy this now": 1,
    }
    by_text = dict(zip(records.texts, records.groups, strict=True))
    assert by_text["lunch at noon"] == by_text["buy this now"] != by_text["lunch at one"]
    assert read.duplicates == read.conflicts == 1 and "1 document is empty and was left out" in read.told
    assert records.ids is None  # a file of the public corpus is the mail itself
    said = " ".join([*records.shown, *read.account()])
    assert not any(word in said for word in ("lunch", "noon", "buy", "example", "ann@"))


def test_other_labels_are_the_folder_and_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a list that has too few mails to be a class, and one that has enough left out."""
    root = folder_of_mails(tmp_path)
    assert spam_assassin.load("group", root, vocabulary=BYTES, public=0).records.classes == ("easy-ham-1", "spam-1")
    with pytest.raises(InputError, match="are of the class other"):
        spam_assassin.load("list", root, vocabulary=BYTES, public=0)
    monkeypatch.setattr(spam_assassin, "FEWEST", 2)
    assert spam_assassin.load("list", root, vocabulary=BYTES, public=0).records.classes == ("other", "talk")
    with pytest.raises(InputError, match=r"dataset\.label=words: one of spam, group, list"):
        spam_assassin.load("words", root)
    with pytest.raises(InputError, match="holds no mail"):
        spam_assassin.load(root=str(tmp_path / "spam-1"))
