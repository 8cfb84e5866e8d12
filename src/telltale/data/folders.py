"""Find the files of a data set in a folder the user already has."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from telltale.errors import InputError
from telltale.writing import counted

PACKED = "__MACOSX"  # what macOS puts beside the files of an archive
ALLOW = "dataset.follow_links=true reads it all the same"


def require_root(root: str | Path | None, expected: str) -> Path:
    """Return `root` as a path. Raises InputError, naming what is `expected`, where it is missing."""
    if root is None:
        raise InputError("dataset.root", "null", f"expected {expected}")
    path = Path(root).expanduser()
    if not path.exists():
        raise InputError("dataset.root", root, f"no such file or folder; expected {expected}")
    return path


def why_no_file(path: Path) -> str | None:
    """Say why there is no file at `path`, None where there is one; a name may be one that no file can have."""
    try:
        mode = path.stat().st_mode
        return None if stat.S_ISREG(mode) else "a folder, no file" if stat.S_ISDIR(mode) else "no such file"
    except (FileNotFoundError, NotADirectoryError):
        return "no such file"
    except OSError as error:  # e.g. a name that is too long
        return f"no such file ({error.strerror})"
    except ValueError as error:  # a NUL, or half of a surrogate pair
        return f"no such file ({str(error).split(':')[0]})"


def is_hidden(name: str) -> bool:
    """Tell the names that programs leave behind, e.g. .DS_Store and .ipynb_checkpoints: what is there is no data."""
    return name.startswith(".") or name == PACKED


def leads_outside(path: Path, root: Path) -> bool:
    """Tell whether `path`, followed through all links, lies outside `root`."""
    return not path.resolve().is_relative_to(root.resolve())


def require_inside(path: Path, root: Path, follow_links: bool) -> None:
    """Raise InputError where `path` is a link to what lies outside `root`, unless such links are to be followed."""
    if not follow_links and leads_outside(path, root):
        where = f"{path.relative_to(root)} is a link to {path.resolve()}, outside of it"
        raise InputError("dataset.root", root, f"{where}; {ALLOW}")


def require_all_inside(files: Iterable[Path], root: Path) -> None:
    """Raise InputError where one of a data set's own files is a link out of `root`: these readers follow none."""
    for path in files:
        if leads_outside(path, root):
            where = f"{path.relative_to(root)} is a link to {path.resolve()}, outside of it"
            raise InputError("dataset.root", root, f"{where}; put the file itself there, or give the folder it lies in")


def missing(names: Sequence[str], found: Collection[str], source: str) -> tuple[str, ...]:
    """Say which files of a data set are not there, where some are."""
    gone = [name for name in names if name not in found]
    there = len(names) - len(gone)
    return (f"{', '.join(gone)} of {source} not there: {there} of {len(names)} files were read",) if gone else ()


def why_unusable(path: Path, root: Path, follow_links: bool) -> str | None:
    """Say why the file `path`, listed as one below `root`, cannot be read, None where it can."""
    if (reason := why_no_file(path)) is not None:
        return reason
    if not follow_links and leads_outside(path, root):
        return f"is a link that leads outside dataset.root; {ALLOW}"
    return None


def first_found(folders: Iterable[Path], patterns: Iterable[str]) -> list[Path]:
    """Return the files of the first pattern that any folder has, patterns before folders, sorted by name."""
    folders = list(folders)
    for pattern in patterns:
        for folder in folders:
            if files := sorted(file for file in folder.glob(pattern) if file.is_file() and not is_hidden(file.name)):
                return files
    return []


@dataclass
class Below:
    """What lies below a folder.

    files   those of the endings asked for, sorted by path
    others  how many there are of each other ending
    empty   the folders that hold files, but none of the endings asked for
    hidden  what was passed over with all in it, by name
    broken  links that lead nowhere, or back to a folder that they are in
    """

    files: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    empty: list[Path] = field(default_factory=list)
    hidden: Counter[str] = field(default_factory=Counter)
    broken: list[Path] = field(default_factory=list)

    def account(self) -> list[str]:
        """Say in a sentence each what was passed over."""
        said = []
        if self.hidden:
            hidden = counted(self.hidden.total(), "hidden file or folder was", "hidden files or folders were")
            said.append(f"{hidden} left out ({_counts(self.hidden)})")
        if self.others:
            others = counted(self.others.total(), "file of another ending was", "files of other endings were")
            said.append(f"{others} left out ({_counts(self.others)})")
        if self.broken:
            names = ", ".join(path.name for path in self.broken[:3]) + (", …" if len(self.broken) > 3 else "")
            said.append(f"{len(self.broken):,} links that lead nowhere, or in a circle, were left out ({names})")
        return said


def files_below(root: Path, endings: Collection[str], follow_links: bool = False) -> Below:
    """Find the files below `root` of the `endings`, in lower case, e.g. ".png".

    Hidden names are no data. A link is followed to what lies below `root`, too; follow_links: wherever it leads.
    Raises InputError at a link that may not be followed.
    """
    below, endings = Below(), tuple(endings)
    _look_into(root, root, endings, follow_links, (root.resolve(),), below)
    below.files.sort()
    return below


def _look_into(
    folder: Path, root: Path, endings: tuple[str, ...], follow_links: bool, above: Sequence[Path], below: Below
) -> None:
    """Add what `folder` holds; above: the folders on the way here, themselves and what they link to."""
    held = others = 0
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if is_hidden(entry.name):
            below.hidden[entry.name] += 1
            continue
        if entry.is_symlink():
            if not path.exists() or path.resolve() in above:
                below.broken.append(path)
                continue
            require_inside(path, root, follow_links)
        if entry.is_dir():
            _look_into(path, root, endings, follow_links, (*above, path.resolve()), below)
        elif entry.is_file():
            if entry.name.lower().endswith(endings):
                below.files.append(path)
                held += 1
            else:
                below.others[path.suffix.lower() or "none"] += 1
                others += 1
    if others and not held:
        below.empty.append(folder)


def _counts(counts: Counter[str], most: int = 5) -> str:
    """Name the most common, with how often each is there."""
    named = [name if count == 1 else f"{name} {count:,}" for name, count in counts.most_common(most)]
    return ", ".join(named) + (", …" if len(counts) > most else "")
