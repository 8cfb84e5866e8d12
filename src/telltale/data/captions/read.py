"""What a loader of captioned pictures returns: the records, and a list of what could not be used."""

from __future__ import annotations

from dataclasses import dataclass

from telltale.data.captions.records import CaptionedImages
from telltale.data.loaded import Loaded


@dataclass(frozen=True, eq=False, kw_only=True)
class ReadCaptions(Loaded[CaptionedImages]):
    """What was read: distinct pictures with captions, and what became of the rest."""

    differing = "with other captions"
