"""E-mails as documents: what their writer wrote, without what is quoted, and who that was as a hash."""

from __future__ import annotations

import email
import html
import re
from dataclasses import dataclass
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from hashlib import blake2b

QUOTED = re.compile(r"^\s*([>|:%}]|[A-Za-z]{1,3}>)")  # > their words, | or : of some programs, JM> by initials
SAID = re.compile(r"^.{0,120}\b(wrote|writes|said|schrieb|a écrit)\b.{0,60}:\s*$", re.IGNORECASE)
BEGINS_ANOTHER = re.compile(
    r"^\s*[-_*=]{2,}\s*(original message|forwarded( message)?( by)?|begin forwarded)\b", re.IGNORECASE
)
FOOTER = re.compile(r"^\s*_{20,}\s*$")  # of a mailing list: the same below all its mails
HEADER = re.compile(r"^\s*(from|to|cc|bcc|sent|date|subject|reply-to|message-id|received|return-path):", re.IGNORECASE)
NOT_SHOWN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
BREAKS = re.compile(r"<\s*(br|/p|/div|/tr|/h\d|/li)\b[^>]*>", re.IGNORECASE)
TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class Mail:
    """One mail.

    text     what its writer wrote, "" where nothing is left
    sender   the address, in lower case; "" where none is given
    date     of sending, as YYYY-MM-DD; "" where none can be read
    mailing  the name of its mailing list; "" where it was sent to none
    """

    text: str
    sender: str
    date: str
    mailing: str

    @property
    def shown(self) -> str:
        """Return what a report may print of it: a hash of the sender, the date, the length."""
        who = blake2b(self.sender.encode("utf-8", "replace"), digest_size=4).hexdigest() if self.sender else "unknown"
        return f"mail of sender {who}, {self.date or 'no date'}, {len(self.text):,} characters"


def parse(content: bytes) -> Mail:
    """Read a mail as it was sent, headers and all; nothing in it can fail the reading."""
    message = email.message_from_bytes(content)
    return Mail(own_words(_body(message)), _sender(message), _date(message), _mailing(message))


def own_words(body: str) -> str:
    """Return a mail's text without quoted lines, the headers of quoted mails, and what lies below a footer.

    A mail that is quoted as a whole, below "Original Message" or the like, is left out to its end; blanks become one.

    >>> own_words("I agree.\\n\\nA. Smith wrote:\\n> Shall we?\\n>> When?\\nOn Monday.")
    'I agree.\\nOn Monday.'
    """
    kept: list[str] = []
    lines = body.replace("\r\n", "\n").split("\n")
    for at, line in enumerate(lines):
        if BEGINS_ANOTHER.match(line) or FOOTER.match(line):
            break
        if QUOTED.match(line) or SAID.match(line):
            continue
        if HEADER.match(line) and any(HEADER.match(lines[near]) for near in (at - 1, at + 1) if 0 <= near < len(lines)):
            continue
        if words := " ".join(line.replace("\0", " ").split()):
            kept.append(words)
    return "\n".join(kept)


def _body(message: Message) -> str:
    """Return the plain text of a mail, else that of its HTML."""
    parts = [part for part in message.walk() if not part.is_multipart() and not part.get_filename()]
    for kind in ("text/plain", "text/html"):
        texts = [_decoded(part) for part in parts if part.get_content_type() == kind]
        if any(text.strip() for text in texts):
            joined = "\n".join(texts)
            return plain(joined) if kind == "text/html" or joined.lstrip()[:6].lower() == "<html>" else joined
    return ""


def _decoded(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        return content.decode(part.get_content_charset() or "utf-8")
    except (LookupError, ValueError):
        return content.decode("cp1252", "replace")


def plain(text: str) -> str:
    """Return what HTML shows, without its marks.

    >>> plain("<style>p {}</style><p>Tea &amp;<br>milk</p>")
    'Tea &\\nmilk\\n'
    """
    return html.unescape(TAG.sub(" ", BREAKS.sub("\n", NOT_SHOWN.sub(" ", text))).replace(" \n", "\n")).lstrip(" ")


def _sender(message: Message) -> str:
    return parseaddr(str(message.get("From", "")).replace("\n", " "))[1].strip().lower()


def _date(message: Message) -> str:
    try:
        return parsedate_to_datetime(str(message.get("Date", ""))).date().isoformat()
    except (TypeError, ValueError, IndexError, OverflowError):
        return ""


def _mailing(message: Message) -> str:
    """Return the name of the list by its header: `List-Id: Some talk <name.example.org>`."""
    found = re.search(r"<([^<>@\s.]+)[^<>]*>", str(message.get("List-Id", "")))
    return found[1].lower() if found else ""
