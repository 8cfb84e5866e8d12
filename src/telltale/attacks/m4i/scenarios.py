"""What an attacker knows of the owner's data and encoder: the scenarios of M^4I (36 runs of the authors' first script).

             shadow data     shadow encoder
unrestricted the owner's     the owner's
data_only    the owner's     another
model_only   another set     the owner's
constrained  another set     another
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from telltale.attacks.m4i.lent import Lent
from telltale.checks import choice, share, whole_number
from telltale.data.captions.pools import require_second_source
from telltale.data.captions.records import NONMEMBER_SOURCES, CaptionedImages
from telltale.data.captions.shown import joined
from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.game.world import Given, Knowledge
from telltale.models.picture_encoders import ENCODERS
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
    """What the attacker knows, and how it deals its own records out. Raises InputError out of range.

    name               unrestricted | data_only | model_only | constrained, see above
    nonmember_source   same | other_dataset, as in the released code: where shadows' non-members are from
    shadows            how many models the attacker trains
    shadow_share       share of the attacker's concepts that shadows and decision learn from; the feature extractor
                       learns from the others, or, with 1, everything from all, as in the released code
    lent               what the released script lends of the target itself, see `Lent`

    Why a share: an extractor trained on pairs that a shadow learned too knows these by heart, and has never met the
    target's. What its distances tell of the shadow then need not hold for the target: where it knew half of the words
    that shadows say, the decision learned from it was wrong more often than right (docs/m4i.md).
    """

    name: str = "unrestricted"
    nonmember_source: str = "same"
    shadows: int = 1
    shadow_share: float = 0.5
    lent: Lent = field(default_factory=Lent)

    def __post_init__(self) -> None:
        choice("attack.scenario", self.name, SCENARIOS)
        sources = " or ".join(NONMEMBER_SOURCES)
        choice("attack.nonmember_source", self.nonmember_source, NONMEMBER_SOURCES, expected=sources)
        whole_number("attack.shadows", self.shadows, 1, 1000)
        share("attack.shadow_share", self.shadow_share)
        self.lent.check(self.name, self.shadows)

    @property
    def options(self) -> dict[str, Any]:
        """Return what an attack of the same knowledge is made with."""
        lent = {"shadow_members": self.lent.members, "shadow_nonmembers": self.lent.non_members}
        own = {name: getattr(self, name) for name in ("nonmember_source", "shadows", "shadow_share")}
        return {"scenario": self.name, **own, **lent}

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
            expected = f"leaves {dealt} of pools.auxiliary={number}; shadows need {FEWEST}, half to learn"
            raise InputError("attack.shadow_share", self.shadow_share, expected)
        try:
            owners, shadows = trunk_of(knowledge.recipe.model), trunk_of(self.recipe(knowledge.recipe).model)
        except InputError as error:
            expected = f"{error.expected} (attack.scenario={self.name} trains shadows with it)"
            raise InputError(error.field, error.value, expected) from None
        if SCENARIOS[self.name][1] and owners is not None and owners == shadows:
            expected = f"another trunk than the target's: attack.scenario={self.name} is of another encoder"
            raise InputError(shadows.option.replace("weights", "trunk"), owners.name, expected)

    def recipe(self, owner: Recipe) -> Recipe:
        """Return what the attacker's shadows are trained by: the owner's recipe, defence included, or its encoder's
        counterpart.
        """
        if not SCENARIOS[self.name][1]:
            return owner
        known = owner.model.get("encoder")
        others = [encoder for encoder in ENCODERS if encoder != known]
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

        Shadows 2i and 2i + 1 are complements. With what is lent of the target in the place of some.
        """
        return with_lent(self._own(knowledge), self.lent, knowledge.given)

    def _own(self, knowledge: Knowledge) -> ShadowData:
        dealt = self.for_shadows(knowledge)
        sources = (knowledge.auxiliary, knowledge.population)
        home, away = (records.take(dealt[: len(records)]) for records in sources)
        if self.other_data:
            home, away = away, home
        number, rng = len(home), generator(knowledge.seed, "shadow members")
        draws = [rng.permutation(number) < number // 2 for _ in range(-(-self.shadows // 2))]
        learned = np.stack([half for draw in draws for half in (draw, ~draw)][: self.shadows])
        places = np.tile(np.arange(number), (self.shadows, 1))
        if self.nonmember_source == "same":
            return ShadowData(home, learned, places)
        members = np.concatenate([learned, np.zeros_like(learned)], 1)
        return ShadowData(together(home, away), members, np.where(learned, places, number + places))

    def differences(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say in words what a shadow has that the owner's models have not."""
        lines = differences(knowledge.recipe, self.recipe(knowledge.recipe))
        if self.other_data:
            target, shadow = (_source_of(records) for records in (knowledge.auxiliary, knowledge.population))
            lines += (f"shadow data: {shadow} instead of the target's {target}",)
        else:
            lines += (f"shadow data: other concepts of the target's source, {_source_of(knowledge.auxiliary)}",)
        if self.nonmember_source != "same":
            lines += ("non-members: of another source than members, as in the released code; this confounds both",)
            if _same_captions(knowledge.auxiliary, knowledge.population):
                lines += ("both sources have the same captions: it is pictures alone that differ",)
        if self.nonmember_source != "same" and self.other_data:
            lines += ("zero_query below 0.5 is no fault: the shadow's members are of the target's non-members' source",)
        return (f"scenario {self.name}", *lines, *self.lent.told())


@dataclass(frozen=True)
class ShadowData:
    """The attacker's own records, dealt out to its shadows.

    records   all of them
    members   (shadows, records) bool, which shadow learns from which record
    points    (shadows, points) positions in records: the pictures whose membership in that shadow the attacker
              learns from
    """

    records: CaptionedImages
    members: np.ndarray
    points: np.ndarray

    @property
    def membership(self) -> np.ndarray:
        """Say which points are in their shadow: (shadows, points) bool."""
        return np.take_along_axis(self.members, self.points, 1)


def with_lent(data: ShadowData, lent: Lent, given: Given) -> ShadowData:
    """Put points of the target's in the place of the attacker's own, as many as there are of both.

    Of overlapping members those that the first shadow learns are those that the others do; a shadow learns as many as
    before. Where the target is the shadow, there is one row, and its members are those given.
    """
    if not lent.access:
        return data
    own, parts = len(data.records), [part for part in (given.members, given.non_members) if part is not None]
    records = data.records
    for part in parts:
        records = together(records, part)
    known = own + np.arange(0 if given.members is None else len(given.members))
    strange = own + len(known) + np.arange(0 if given.non_members is None else len(given.non_members))
    rows = []
    for points, membership in zip(data.points, data.membership, strict=True):
        inside, outside = points[membership], points[~membership]
        if lent.members == "overlapping":
            shared = known[: len(inside) // 2]
            inside = np.concatenate([shared, inside[len(shared) :]])
        rows.append((known if lent.is_target else inside, strange if lent.non_members == "target" else outside))
    members = np.zeros((len(rows), len(records)), bool)
    for row, (inside, _) in zip(members, rows, strict=True):
        row[inside] = True
    each = min(len(side) for row in rows for side in row)
    return ShadowData(records, members, np.stack([np.concatenate([side[:each] for side in row]) for row in rows]))


def _same_captions(first: CaptionedImages, second: CaptionedImages) -> bool:
    """Say whether whatever one source tells of a thing, the other does as well."""
    told = set(first.references)
    return all(texts in told for texts in second.references)


def together(first: CaptionedImages, second: CaptionedImages) -> CaptionedImages:
    """Return the records of both, in that order."""
    return replace(
        first,
        images=np.concatenate([first.images, second.images]),
        references=first.references + second.references,
        concepts=np.concatenate([first.concepts, second.concepts]),
        sources=np.concatenate([first.sources, second.sources]),
        names=first.names + second.names,
        shown=joined(first.shown, second.shown),
    )


def differences(owner: Recipe, shadow: Recipe) -> tuple[str, ...]:
    """List what differs between two recipes, field by field."""
    lines = []
    for part in ("model", "objective"):
        owners, shadows = dict(_flat(getattr(owner, part))), dict(_flat(getattr(shadow, part)))
        for name in sorted(owners.keys() | shadows.keys()):
            value, target = shadows.get(name), owners.get(name)
            if value != target:
                lines.append(f"shadow {part}.{name}: {value} instead of the target's {target}")
    trunk, other = (trunk_of(recipe.model) for recipe in (owner, shadow))
    if trunk and other and trunk != other:
        kind = "other weights of " if trunk.name == other.name else ""
        lines.append(f"shadow trunk: {kind}{other.name}, frozen, instead of the target's {trunk.name}")
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
