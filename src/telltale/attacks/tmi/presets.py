"""Named sets of TMI's options; a single option may be overridden by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from telltale.attacks.membership.queries import check_draws
from telltale.attacks.tmi.features import FEATURES
from telltale.attacks.tmi.metaclassifiers import Training
from telltale.checks import whole_number
from telltale.errors import InputError


@dataclass(frozen=True)
class Settings(Training):
    """All that a preset decides; the defaults are the authors' released code.

    queries, drawn: how each point is asked, see `drawn_answers`; features: clipped | standardised, see `features`;
    top_k: see only the k largest probabilities, None = all. Raises InputError out of range.
    """

    queries: int = 8
    drawn: str = "per_model"
    features: str = "clipped"
    top_k: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_draws(self.queries, self.drawn)
        if self.features not in FEATURES:
            raise InputError("attack.features", self.features, f"one of {', '.join(FEATURES)}")
        if self.top_k is not None:
            whole_number("attack.top_k", self.top_k)


# standardised: asked as a recipe without augmentation saw the records; chosen on one seed, see docs/transfer.md
PRESETS = {
    "released_code": Settings(),
    "standardised": Settings(features="standardised", epochs=40, queries=1, drawn="once"),
}


def settings_of(preset: str, **options: Any) -> Settings:
    """Return a preset with the options that are not None in place of its own. Raises InputError on a bad one."""
    if preset not in PRESETS:
        raise InputError("attack.preset", preset, f"one of {', '.join(PRESETS)}")
    return replace(PRESETS[preset], **{name: value for name, value in options.items() if value is not None})
