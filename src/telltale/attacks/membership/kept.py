"""What shadow attacks make of answers, kept in the store: equal answers, judged by equal code, are judged once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from telltale.data.kept import Kept, content_digest
from telltale.game.world import Knowledge

KIND = "judgements"
Judged = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Signals:
    """What an attack has read off all releases.

    victims     (points, …) of each victim
    of_shadows  the same of each shadow, by key
    shadows     of each victim the keys of its shadows, and who is in them: (shadows, points) bool
    """

    victims: list[np.ndarray]
    of_shadows: Mapping[str, np.ndarray]
    shadows: list[tuple[tuple[str, ...], np.ndarray]]

    def alike(self) -> list[list[int]]:
        """Group the victims that have the same shadows, of which they believe the same: complements of each other."""
        groups: dict[tuple[tuple[str, ...], bytes], list[int]] = {}
        for victim, (keys, members) in enumerate(self.shadows):
            groups.setdefault((keys, members.tobytes()), []).append(victim)
        return list(groups.values())

    def digest(self) -> str:
        """Name all that is judged: the signals, and what the attacker believes of its shadows."""
        made = {id(signal): content_digest(signal) for signal in (*self.of_shadows.values(), *self.victims)}
        parts: list[np.ndarray | list[str]] = []
        for victim, (keys, members) in zip(self.victims, self.shadows, strict=True):
            parts += [[made[id(signal)] for signal in (victim, *(self.of_shadows[key] for key in keys))], members]
        return content_digest(*parts)


def judged_once(attack: Any, knowledge: Knowledge, signals: Signals, judge: Callable[[], Judged]) -> Judged:
    """Return scores (victims, points) and thresholds (victims,): of the store, or as `judge` makes them.

    They follow from the signals, the attack with its options and code, the points and the attacker's seed. Made each
    time where nobody trains, so that there is no store, where an option is no plain value, and for attacks from
    elsewhere: their private attributes may be options, and what their files import is not hashed.
    """
    options = {name: _plain(value) for name, value in vars(attack).items() if not name.startswith("_")}
    # an attack of recorded answers has no owner to play
    if (owner := getattr(knowledge, "owner", None)) is None or _Unknown in map(type, options.values()):
        return judge()
    name = f"{type(attack).__module__}.{type(attack).__qualname__}"
    if not name.startswith("telltale."):
        return judge()
    document = {
        "attack": name,
        "options": options,
        "signals": signals.digest(),
        "points": content_digest(knowledge.challenge.fingerprints()),
        "classes": len(getattr(knowledge.challenge, "classes", ())),
        "seed": knowledge.seed,
        "device": knowledge.recipe.trainer.device_type,
        "packages": {package: version(package) for package in ("numpy", "scipy", "torch")},
    }
    made = Kept(owner.store).arrays(
        KIND, document, lambda: dict(zip(("scores", "thresholds"), judge(), strict=True)), type(attack).__module__
    )
    return made["scores"], made["thresholds"]


class _Unknown:
    """An option that is no plain value."""


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        value = [[name, _plain(item)] for name, item in value.items()]
    if isinstance(value, frozenset | set):
        value = sorted(value, key=repr)
    if isinstance(value, list | tuple):
        parts = [_plain(item) for item in value]
        return _Unknown() if any(isinstance(part, _Unknown) for part in parts) else parts
    return value if value is None or isinstance(value, str | bool | int | float) else _Unknown()
