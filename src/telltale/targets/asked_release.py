"""A model that exists behind the calls of a release: counted, limited, and asked about each molecule once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from telltale.data.records import Records
from telltale.errors import AccessDeniedError, InputError
from telltale.owner.defense import Defense
from telltale.owner.release import Query, Release
from telltale.targets.target import Target

EMBEDDINGS = "embeddings"


class AskedRelease(Release):
    """A target that embeds molecules, as an attack meets it; embeddings are kept by canonical SMILES.

    Every record that an attack asks for counts, one whose embedding is known too; `asked` counts the different ones,
    over all restricted copies. answers: defences of the answer stage; budget: records that may be asked for in all.
    """

    def __init__(self, target: Target, answers: Sequence[Defense] = (), budget: int | None = None) -> None:
        key = f"{EMBEDDINGS} of {target.name}"
        calls = frozenset({EMBEDDINGS})
        super().__init__(_no_network, key, answers=answers, access=calls, budget=budget, name=target.name)
        self._target = target
        self._known: dict[str, np.ndarray] = {}

    @property
    def asked(self) -> int:
        """Count the different molecules that the model itself was asked about."""
        return len(self._known)

    def _output(self, output: str, records: Records, digest: str, query: Query) -> np.ndarray:
        """Return embeddings of molecules, (molecules, width); InputError names one whose embedding is not finite."""
        smiles: list[str] = records.smiles.tolist()  # type: ignore[attr-defined]
        if new := [text for text in dict.fromkeys(smiles) if text not in self._known]:
            said = self._target.ask(new, ids=np.array(new, dtype=object)).astype(np.float32)
            width = len(next(iter(self._known.values()))) if self._known else said.shape[1]
            if said.shape[1] != width:
                shown = f"of {width} numbers for one molecule, {said.shape[1]} for another"
                raise InputError("target", EMBEDDINGS, shown)
            self._known |= dict(zip(new, said, strict=True))
        return np.stack([self._known[text] for text in smiles]) if smiles else np.zeros((0, 1), np.float32)


def _no_network() -> Any:
    raise AccessDeniedError("the model is asked for embeddings of molecules, and for nothing else")
