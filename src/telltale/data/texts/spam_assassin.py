"""SpamAssassin's public corpus (2002-2003): real e-mails, wanted and not; of a report no word of them is part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from telltale.checks import choice
from telltale.data.fetch import fetch
from telltale.data.folders import files_below, require_root
from telltale.data.loaded import Loaded
from telltale.data.texts.documents import Documents, Preparation, as_objects
from telltale.data.texts.mails import Mail, parse
from telltale.data.texts.prepared import prepared
from telltale.data.texts.records import TextRecords
from telltale.errors import InputError

EXPECTED = "a folder with the mails of each group in a folder of its own, as spam-1/*.txt and easy-ham-1/*.txt"
LABELS = ("spam", "group", "list")
FEWEST = 20  # mails of a list that is a class by itself
SOURCE = "SpamAssassin"


def load(
    label: str = "spam",
    root: str | None = None,
    downloads: str | None = None,
    vocabulary: int = 1024,
    context: int | None = 128,
    near_equal: float | None = 0.8,
    public: float = 0.2,
    tokenizer: str | None = None,
    cache: str | None = None,
    most_per_group: int | None = None,
) -> Loaded[TextRecords]:
    """Return the mails, fetched into `downloads` or read from `root`; those of one sender are one group.

    label: spam = ham or spam, group = the folder, list = the mailing list. vocabulary … most_per_group: see
    `Preparation`. What a report shows of a mail is a hash of its sender, its date and its length. Raises InputError
    where the mails are not to be had.
    """
    how = Preparation(vocabulary, context, near_equal, public, tokenizer, cache, most_per_group)
    choice("dataset.label", label, LABELS)
    if root is None and downloads is None:
        raise InputError("dataset.downloads", "null", "expected a folder for what is fetched")
    folder = require_root(root, EXPECTED) if root is not None else fetch("spam_assassin", Path(str(downloads))) / "data"
    files = [file for file in files_below(folder, ("",)).files if file.parent != folder and _is_mail(file)]
    if not files:
        raise InputError("dataset.root", root, f"holds no mail; expected {EXPECTED}")
    contents = [file.read_bytes() for file in files]
    names = [file.relative_to(folder).as_posix() for file in files]
    digest = blake2b(digest_size=16)
    for name, content in zip(names, contents, strict=True):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    of = f"{SOURCE} {label} {digest.hexdigest()}"
    return prepared(of, lambda: _documents(names, contents, label), how, one_class="dataset.label")


def _is_mail(file: Path) -> bool:
    return file.suffix not in (".json", ".js", ".md") and file.name not in ("cmds", "README", "LICENSE")


def _documents(names: Sequence[str], contents: Sequence[bytes], label: str) -> Documents:
    mails = [parse(content) for content in contents]
    words, classes = _labels(names, mails, label)
    position = {name: at for at, name in enumerate(classes)}
    senders = [mail.sender or f"nobody {at}" for at, mail in enumerate(mails)]
    return Documents(
        source=SOURCE,
        texts=as_objects([mail.text for mail in mails]),
        labels=np.array([position[word] for word in words], np.int64),
        classes=classes,
        groups=np.unique(np.array(senders, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64),
        shown=as_objects([mail.shown for mail in mails]),
        told=(
            f"mails of {SOURCE} are of {len(set(senders)):,} senders, and no sender is in two pools",
            "of each mail only the words of its writer are read: no quoted lines, no quoted mails, no headers",
        ),
    )


def _labels(names: Sequence[str], mails: Sequence[Mail], label: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the class of each mail, in words, and all classes."""
    folders = [name.split("/")[-2] for name in names]
    if label == "spam":
        return ["spam" if folder.startswith("spam") else "ham" for folder in folders], ("ham", "spam")
    if label == "group":
        return folders, tuple(sorted(set(folders)))
    counts = Counter(mail.mailing for mail in mails)
    words = [mail.mailing if mail.mailing and counts[mail.mailing] >= FEWEST else "other" for mail in mails]
    return words, tuple(sorted(set(words)))
