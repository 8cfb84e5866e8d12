"""Every attack that the access to a model allows, in one run; the answer is the strongest's, corrected."""

from __future__ import annotations

from telltale.attacks.base import Attack
from telltale.errors import InputError
from telltale.game.world import Knowledge


class Audit(Attack):
    """Stands for all attacks of `rivals` together: of an audit none is the one that was named."""

    access = frozenset({"probabilities"})
    accepts = frozenset({"images", "table", "molecules", "text"})

    def check(self, knowledge: Knowledge) -> None:
        """Refuse, by InputError, a model that is yet to be trained: there is nothing to audit."""
        raise InputError("target", "recipe", "a model that exists, e.g. target=function target.call=serve.py:predict")
