"""Captioned pictures as an attacker sees them whose threat model grants the pictures alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from telltale.data.captions.records import CaptionedImages

REFERENCES = "references"  # in an attack's `access`: it holds the true captions of the points it judges


def granted(records: Any, access: frozenset[str]) -> Any:
    """Return points to be judged as a threat model grants them: without captions unless it names the references.

    Concepts, sources and names, which would tell of a caption, go with them; what is known to be shown goes always.
    """
    if isinstance(records, CaptionedImages) and REFERENCES not in access:
        return records.without_captions().unmarked()
    if isinstance(records, CaptionedImages) and records.shown is not None:
        return replace(records, shown=None)
    return records
