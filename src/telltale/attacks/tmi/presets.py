"""Named sets of TMI's options; a single option may be overridden by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from telltale.attacks.membership.queries import check_draws
from telltale.attacks.tmi.features import FEATURES
from telltale.attacks.tmi.metaclassifiers import Training
from telltale.checks import choice, whole_number


@dataclass(frozen=True)
class Settings(Training):
    """All that a preset decides; the defaults are the authors' released code.

    Those of the networks are `Training`'s. Raises InputError out of range.

    queries    how often each point is asked
    drawn      how it is changed for each query, see `drawn_answers`
    features   clipped | standardised, see `features`
    top_k      see only the k largest probabilities; None = all
    """

    queries: int = 8
    drawn: str = "per_model"
    features: str = "clipped"
    top_k: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_draws(self.queries, self.drawn)
        choice("attack.features", self.features, FEATURES)
        if self.top_k is not None:
            whole_number("attack.top_k", self.top_k)


# standardised: asked as a recipe without augmentation saw the records; chosen on one seed, see docs/transfer.md
PRESETS = {
    "released_code": Settings(),
    "standardised": Settings(features="standardised", epochs=40, queries=1, drawn="once"),
}


def settings_of(preset: str, **options: Any) -> Settings:
    """Return a preset with the options that are not None in place of its own. Raises InputError on a bad one."""
    choice("attack.preset", preset, PRESETS)
    return replace(PRESETS[preset], **{name: value for name, value in options.items() if value is not None})
