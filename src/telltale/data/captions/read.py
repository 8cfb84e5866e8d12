"""What a loader of captioned pictures returns: the records, and a list of what could not be used."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from telltale.data.captions.records import CaptionedImages
from telltale.data.images.records import InvalidImage


@dataclass(frozen=True, eq=False)
class ReadCaptions:
    """What was read: pictures with captions, duplicates dropped, pictures seen, and what is no record and why."""

    records: CaptionedImages
    duplicates: int
    lines: int
    invalid: tuple[InvalidImage, ...] = ()

    def write_invalid(self, path: Path) -> None:
        """Write what could not be used to a CSV file with the columns file, reason."""
        with Path(path).open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream:
            writer = csv.writer(stream)
            writer.writerow(["file", "reason"])
            writer.writerows((bad.file, bad.reason) for bad in self.invalid)
