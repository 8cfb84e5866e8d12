"""The mechanism that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from telltale import checks
from telltale.defenses.vae_metric_privacy.angular import Purkayastha, VonMisesFisher
from telltale.defenses.vae_metric_privacy.euclidean import Gaussian, LaplaceL1, LaplaceL2
from telltale.defenses.vae_metric_privacy.mechanism import ClipOnly, Mechanism, NoNoise
from telltale.defenses.vae_metric_privacy.norm import Norm
from telltale.errors import InputError

MECHANISMS: Mapping[str, type[Mechanism]] = MappingProxyType(
    {
        "laplace_l2": LaplaceL2,
        "laplace_l1": LaplaceL1,
        "gaussian": Gaussian,
        "vmf": VonMisesFisher,
        "purkayastha": Purkayastha,
        "clip": ClipOnly,
        "none": NoNoise,
    }
)


def mechanism_of(
    name: str,
    epsilon: float = 10.0,
    clip_radius: float | None = None,
    delta: float | None = None,
    norm: Norm | None = None,
) -> Mechanism:
    """Build a mechanism by its name; delta is the Gaussian's alone (None = 1e-5), norm the angular ones'.

    clip cuts codes to R and adds no noise, none does neither. Raises InputError for another name, values out of range,
    and a delta or a norm's rule that would do nothing.
    """
    checks.choice("defense.mechanism.name", name, MECHANISMS)
    kind, rule = MECHANISMS[name], norm or Norm()
    if delta is not None and kind is not Gaussian:
        raise InputError("defense.mechanism.delta", delta, f"null: {name} holds without one")
    if rule != Norm() and not kind.angular:
        raise InputError("defense.mechanism.norm.rule", rule.rule, f"drop: {name} perturbs codes, not directions")
    if issubclass(kind, NoNoise):
        if kind is NoNoise and clip_radius is not None:
            raise InputError("defense.mechanism.clip_radius", clip_radius, "null: without noise no code is clipped")
        checks.number(
            "defense.mechanism.epsilon", epsilon, above=0, infinite=True, expected="above 0; .inf for no noise"
        )
        return ClipOnly(clip_radius) if kind is ClipOnly else NoNoise()
    if issubclass(kind, VonMisesFisher | Purkayastha):
        return kind(epsilon, clip_radius, rule)
    if issubclass(kind, Gaussian):
        return kind(epsilon, clip_radius, **({} if delta is None else {"delta": delta}))
    return kind(epsilon, clip_radius)
