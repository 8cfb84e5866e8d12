"""What an attacker knows of the owner's data and encoder: the scenarios of M^4I (36 runs of the authors' first script).

             shadow data     shadow encoder
unrestricted the owner's     the owner's
data_only    the owner's     another
model_only   another set     the owner's
constrained  another set     another
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from telltale.checks import whole_number
from telltale.data.captions.pools import require_second_source
from telltale.data.captions.records import NONMEMBER_SOURCES, CaptionedImages
from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.game.world import Knowledge
from telltale.models.captioner import ENCODERS
from telltale.models.trunk_options import trunk_of
from telltale.owner.recipe import Recipe

SCENARIOS = {  # name: (data of another source, another encoder)
    "unrestricted": (False, False),
    "data_only": (False, True),
    "model_only": (True, False),
    "constrained": (True, True),
}
FEWEST = 4  # concepts of shadows: two members and two others


@dataclass(frozen=True)
class Scenario:
    """name: see above; nonmember_source: where shadows' non-members are from: same, or other_dataset as in the
    released code; shadows: how many models the attacker trains; shadow_share: of its concepts, those that shadows
    and decision learn from; what else it trains learns from the rest, or, with 1, from all, as in the released code.
    Raises InputError out of range.

    An extractor that knows the shadow's pairs by heart would meet the target's for the first time; and one that knows
    half of what shadows say, and nothing of what the target says, taught a decision that erred more often than not.
    """

    name: str = "unrestricted"
    nonmember_source: str = "same"
    shadows: int = 1
    shadow_share: float = 0.5

    def __post_init__(self) -> None:
        if self.name not in SCENARIOS:
            raise InputError("attack.scenario", self.name, f"one of {', '.join(SCENARIOS)}")
        if self.nonmember_source not in NONMEMBER_SOURCES:
            raise InputError("attack.nonmember_source", self.nonmember_source, " or ".join(NONMEMBER_SOURCES))
        whole_number("attack.shadows", self.shadows)
        if isinstance(self.shadow_share, bool) or not 0 < self.shadow_share <= 1:
            raise InputError("attack.shadow_share", self.shadow_share, "above 0, at most 1")

    @property
    def other_data(self) -> bool:
        """Say whether shadows learn from another source than the owner's models."""
        return SCENARIOS[self.name][0]

    def check(self, knowledge: Knowledge) -> None:
        """Refuse, by InputError, data without a second source where one is needed, and a model with one encoder."""
        if self.other_data:
            _require_second(knowledge, "attack.scenario", self.name)
        if self.nonmember_source != "same":
            _require_second(knowledge, "attack.nonmember_source", self.nonmember_source)
        dealt = int(self.for_shadows(knowledge).sum())
        if dealt < FEWEST:
            number = len(knowledge.auxiliary)
            if number < 2 * FEWEST:
                raise InputError(
                    "pools.auxiliary", number, f"at least {2 * FEWEST}: a share is for shadows (attack.shadow_share)"
                )
            told = f"leaves {dealt} of pools.auxiliary={number}; shadows need {FEWEST}, half to learn"
            raise InputError("attack.shadow_share", self.shadow_share, told)
        try:
            own, other = trunk_of(knowledge.recipe.model), trunk_of(self.recipe(knowledge.recipe).model)
        except InputError as error:
            expected = f"{error.expected} (attack.scenario={self.name} trains shadows with it)"
            raise InputError(error.field, error.value, expected) from None
        if SCENARIOS[self.name][1] and own is not None and own == other:
            told = f"another trunk than the target's: attack.scenario={self.name} is of another encoder"
            raise InputError(other.option.replace("weights", "trunk"), own.name, told)

    def recipe(self, owner: Recipe) -> Recipe:
        """Return what the attacker's shadows are trained by: the owner's recipe, defence included, or its encoder's
        counterpart.
        """
        if not SCENARIOS[self.name][1]:
            return owner
        known = owner.model.get("encoder")
        others = [one for one in ENCODERS if one != known]
        if known not in ENCODERS or not others:
            raise InputError("attack.scenario", self.name, "needs a model with another encoder; use model=captioner")
        return owner.replace(model={**owner.model, "encoder": others[0]})

    def for_shadows(self, knowledge: Knowledge) -> np.ndarray:
        """Say of which places in the attacker's records its shadows are dealt: (places,) bool.

        Both sources have the same concept at the same place, or no concept in common.
        """
        places = len(knowledge.auxiliary)
        chosen = np.zeros(places, bool)
        order = generator(knowledge.seed, "shadow places").permutation(places)
        chosen[order[: round(self.shadow_share * places)]] = True
        return chosen

    def data(self, knowledge: Knowledge) -> ShadowData:
        """Deal the attacker's own records out to its shadows: half of the concepts in each, the others not.

        Shadows 2i and 2i + 1 are complements.
        """
        dealt = self.for_shadows(knowledge)
        home, away = (one.take(dealt[: len(one)]) for one in (knowledge.auxiliary, knowledge.population))
        if self.other_data:
            home, away = away, home
        number, rng = len(home), generator(knowledge.seed, "shadow members")
        draws = [rng.permutation(number) < number // 2 for _ in range(-(-self.shadows // 2))]
        learned = np.stack([half for draw in draws for half in (draw, ~draw)][: self.shadows])
        places = np.tile(np.arange(number), (self.shadows, 1))
        if self.nonmember_source == "same":
            return ShadowData(home, learned, places)
        rows = np.concatenate([learned, np.zeros_like(learned)], 1)
        return ShadowData(together(home, away), rows, np.where(learned, places, number + places))

    def differences(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say in words what a shadow has that the owner's models have not."""
        lines = differences(knowledge.recipe, self.recipe(knowledge.recipe))
        if self.other_data:
            owner, own = (_source_of(records) for records in (knowledge.auxiliary, knowledge.population))
            lines += (f"shadow data: {own} instead of the target's {owner}",)
        else:
            lines += (f"shadow data: other concepts of the target's source, {_source_of(knowledge.auxiliary)}",)
        if self.nonmember_source != "same":
            lines += ("non-members: of another source than members, as in the released code; this confounds both",)
        if self.nonmember_source != "same" and self.other_data:
            lines += ("zero_query below 0.5 is no fault: the shadow's members are of the target's non-members' source",)
        return (f"scenario {self.name}", *lines)


@dataclass(frozen=True)
class ShadowData:
    """rows: (shadows, records) bool, which have which record; points: (shadows, points) positions in records, the
    pictures whose membership in that shadow the attacker learns from.
    """

    records: CaptionedImages
    rows: np.ndarray
    points: np.ndarray

    @property
    def members(self) -> np.ndarray:
        """Say which points are in their shadow: (shadows, points) bool."""
        return np.take_along_axis(self.rows, self.points, 1)


def together(first: CaptionedImages, second: CaptionedImages) -> CaptionedImages:
    """Return the records of both, in that order."""
    return replace(
        first,
        images=np.concatenate([first.images, second.images]),
        references=first.references + second.references,
        concepts=np.concatenate([first.concepts, second.concepts]),
        sources=np.concatenate([first.sources, second.sources]),
        names=first.names + second.names,
    )


def differences(owner: Recipe, shadow: Recipe) -> tuple[str, ...]:
    """List what differs between two recipes, field by field."""
    lines = []
    for part in ("model", "objective"):
        one, other = dict(_flat(getattr(owner, part))), dict(_flat(getattr(shadow, part)))
        names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        lines += [f"shadow {part}.{name}: {other.get(name)} instead of the target's {one.get(name)}" for name in names]
    own, others = (trunk_of(recipe.model) for recipe in (owner, shadow))
    if own and others and own != others:
        kind = "other weights of " if own.name == others.name else ""
        lines.append(f"shadow trunk: {kind}{others.name}, frozen, instead of the target's {own.name}")
    return tuple(lines)


def _flat(options: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in options.items():
        flat += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", value)]
    return flat


def _source_of(records: CaptionedImages) -> str:
    return " + ".join(records.source_names[place] for place in np.unique(records.sources))


def _require_second(knowledge: Knowledge, field: str, value: str) -> None:
    """Raise InputError unless the second source's pictures of all auxiliary concepts are at hand."""
    require_second_source(knowledge.auxiliary, field, value)
    if len(knowledge.population) != len(knowledge.auxiliary):
        expected = f"pools.auxiliary={len(knowledge.auxiliary)}: attack {field}={value} needs both sources of each"
        raise InputError("pools.population", len(knowledge.population), expected)
