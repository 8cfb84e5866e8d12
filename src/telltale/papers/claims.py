"""What a paper claims, and how each claim is tested: the fields of `claims:` in conf/paper/*.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from telltale.checks import number
from telltale.errors import InputError
from telltale.papers.entries import read
from telltale.papers.quantity import Quantity

LISTS = ("controls", "rows", "requires", "of_use", "either", "first_of")


class Verdict(StrEnum):
    """What a claim comes to here."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNKNOWN = "cannot tell at this scale"


@dataclass(frozen=True)
class Power:
    """A ceiling: what the attack would reach where everything was remembered.

    quantity  the ceiling, `of` alone or with `metrics` and `experiments`, which else are those of the claim's quantity
    margin    by how much its whole interval must exceed whatever the claim compares with; below 0 where less is more,
              as with a distance: by how much it must lie below
    """

    quantity: Quantity
    margin: float = 0.05

    @classmethod
    def read(cls, entry: Mapping[str, Any], of: Mapping[str, Any]) -> Power:
        """Read a ceiling from its YAML entry, for a claim with this quantity. InputError for a margin of 0."""
        own = dict(entry)
        margin = number("claims.power.margin", own.pop("margin", cls.margin), expected="a number that is not 0")
        if margin == 0:
            raise InputError("claims.power.margin", margin, "a number that is not 0")
        known = ("of", "metrics", "experiments")
        if unknown := [name for name in own if name not in known]:
            raise InputError("claims.power", unknown[0], f"one of {', '.join(known)}, margin")
        where = {name: of[name] for name in known if name in of}
        return cls(read(Quantity, "claims.power", {**where, **own}), margin)


@dataclass(frozen=True)
class Elsewhere:
    """A claim of another paper's file, by the name of the file and the claim's own."""

    paper: str
    claim: str

    @classmethod
    def read(cls, entry: Any) -> Elsewhere:
        """Read it from its YAML entry. Raises InputError where it is anything but these two names."""
        if not isinstance(entry, Mapping) or set(entry) != {"paper", "claim"}:
            raise InputError("claims.elsewhere", entry, "{paper: a file of conf/paper, claim: the name of a claim}")
        return cls(str(entry["paper"]), str(entry["claim"]))


@dataclass(frozen=True)
class Claim:
    """One claim: what the paper says and where, its figure or None, and how we test it.

    text, source    what the paper says, and where

    paper           its figure; None: not available

    quantity        what we measure, a `Quantity`

    above, below    the bound that the whole interval must pass for the claim to hold. Where the whole interval lies on
                    its other side the claim fails, else it is undecided

    within          the smallest effect of interest. Alone: the claim is "no difference", and holds where the whole
                    interval lies within ± `within` of 0. Beside one of `above` and `below`: the claim fails as well
                    where the whole interval lies within ± `within` of that bound, since an effect worth the name is
                    excluded

    either          readings of a statement that does not say how it is meant, each with `reading`, its name, and what
                    it has of its own: bounds, and fields of the quantity that differ. The claim holds where it holds in
                    each reading and fails only where it fails in each; where they differ it cannot be told

    controls        names that the quantity must exceed as well, each by a paired difference above 0: these can refute
                    the claim

    rows            names that are compared with and shown alike, and refute nothing: a blind guess may be cleverer than
                    an attack that sees memory all the same

    first_of        other experiments, each of which the quantity must exceed, by a paired difference: the claim is
                    "first of all of them", and what is shown is the rank, 1 = first

    power           a ceiling that must exceed, by its margin, each bound, each control and what the quantity
                    subtracts. Where it is not shown to, a verdict that says that little was found is held back: the
                    claim could not have come out otherwise

    cannot_tell     why no verdict is possible here, if so

    elsewhere       the claim of another paper's file that decides this one, with figures and all; alone

    name            by which other claims require this one

    requires        names of claims that must hold, or this one cannot be told

    of_use          names of claims that say that what is asked is of use: where one does not hold, a verdict that says
                    that little was found is held back, as by `power`, beside which it stands
    """

    text: str
    source: str
    paper: str | None = None
    quantity: Quantity | None = None
    above: float | None = None
    below: float | None = None
    within: float | None = None
    either: Sequence[Claim] = ()
    controls: Sequence[str] = ()
    rows: Sequence[str] = ()
    first_of: Sequence[str] = ()
    power: Power | None = None
    cannot_tell: str | None = None
    elsewhere: Elsewhere | None = None
    name: str | None = None
    requires: Sequence[str] = ()
    of_use: Sequence[str] = ()
    reading: str = field(default="", repr=False)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Claim:
        """Read a claim from its YAML entry. Raises InputError where fields are missing, unknown or at odds."""
        for name in LISTS:
            if isinstance(entry.get(name, ()), str | Mapping):
                raise InputError(f"claims.{name}", entry[name], "a list")
        fields = dict(entry)
        try:
            fields["quantity"] = Quantity.read(entry["quantity"]) if entry.get("quantity") else None
        except TypeError as error:
            raise InputError("claims", entry.get("text", "?"), str(error)) from error
        if "elsewhere" in entry:
            fields["elsewhere"] = Elsewhere.read(entry["elsewhere"])
        if entry.get("power"):
            fields["power"] = Power.read(entry["power"], entry.get("quantity") or {})
        if entry.get("either"):
            fields["either"] = tuple(_reading(reading, entry) for reading in entry["either"])
        claim = read(cls, "claims", fields)
        _check(claim)
        return claim

    @property
    def bounds(self) -> tuple[float | None, float | None, float | None]:
        """Above, below and within."""
        return self.above, self.below, self.within


def _reading(entry: Mapping[str, Any], claim: Mapping[str, Any]) -> Claim:
    if not entry.get("reading"):
        raise InputError("claims.either", claim.get("text", "?"), "a name, `reading`, in each of its readings")
    known = ("reading", "quantity", "above", "below", "within")
    if unknown := [name for name in entry if name not in known]:
        raise InputError("claims.either", unknown[0], f"one of {', '.join(known)}")
    common = ("text", "source", "controls", "rows", "power", "cannot_tell")
    shared = {name: claim[name] for name in common if name in claim}
    quantity = {**(claim.get("quantity") or {}), **(entry.get("quantity") or {})}
    return Claim.of({**shared, **entry, "quantity": quantity})


def _check(claim: Claim) -> None:
    bounded = claim.bounds != (None, None, None)
    beside = (claim.quantity, claim.cannot_tell, bounded, claim.either, claim.controls, claim.power, claim.rows)
    if claim.elsewhere and any((*beside, claim.first_of)):
        raise InputError("claims.elsewhere", claim.text, "alone: figures and bounds are those of the other claim")
    if claim.quantity is None and not (claim.cannot_tell or claim.elsewhere):
        raise InputError("claims", claim.text, "needs a quantity, elsewhere, or cannot_tell with the reason")
    for name, bound in (("above", claim.above), ("below", claim.below)):
        number(f"claims.{name}", bound, or_null=True, expected="a number")
    number("claims.within", claim.within, above=0, or_null=True, expected="a number above 0")
    if claim.within is not None and None not in (claim.above, claim.below):
        raise InputError("claims.within", claim.within, "beside one of above and below, or alone")
    if claim.either and bounded:
        raise InputError("claims.either", claim.text, "the bounds in its readings, none beside them")
    if claim.of_use and claim.power is None:
        raise InputError("claims.of_use", claim.text, "beside power, which says what of more is meant by finding")
    if claim.first_of and (bounded or claim.either or claim.controls or claim.power):
        raise InputError("claims.first_of", claim.text, "alone: a rank has no bounds, readings, controls or ceiling")
    if not (bounded or claim.either or claim.controls or claim.first_of or claim.cannot_tell or claim.elsewhere):
        raise InputError("claims", claim.text, "needs above, below, within, either, first_of or controls")
