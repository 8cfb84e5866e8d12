"""What the world gets: a trained model behind calls that are counted and limited by the threat model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from src.data.records import Records
from src.data.seeds import derive
from src.errors import AccessDeniedError
from src.training.batches import make_batch
from src.training.counter_random import record_keys
from src.training.defense import Defense
from src.training.store import key_of

ANSWER_CALLS = ("embeddings", "probabilities", "labels", "predictions", "captions", "token_log_probs")
CALLS = frozenset((*ANSWER_CALLS, "weights"))


class Release:
    """A released model. Only the calls in `access` work; each record asked for counts, a cached answer too.

    queries: call -> records asked for; budget: at most so many in all, None = unlimited.
    """

    def __init__(
        self,
        model: nn.Module,
        key: str,
        *,
        device: str = "cpu",
        batch_size: int = 512,
        answers: Sequence[Defense] = (),
        access: frozenset[str] = CALLS,
        budget: int | None = None,
        memory: dict[str, np.ndarray] | None = None,
    ) -> None:
        self.key, self.access, self.budget, self.queries = key, access, budget, Counter[str]()
        self._model = model.eval().to(device)
        self._device, self._batch_size, self._answers = device, batch_size, tuple(answers)
        self._memory: dict[str, np.ndarray] = {} if memory is None else memory

    def restricted(self, access: frozenset[str], budget: int | None = None) -> Release:
        """Return the same model with its own counters under a threat model that is narrower or the same."""
        budgets = [limit for limit in (self.budget, budget) if limit is not None]
        return Release(
            self._model,
            self.key,
            device=self._device,
            batch_size=self._batch_size,
            answers=self._answers,
            access=access & self.access,
            budget=min(budgets, default=None),
            memory=self._memory,
        )

    def embeddings(self, records: Records) -> np.ndarray:
        """Embed records: (records, width) float32."""
        return self._answer("embeddings", records, self._model)

    def weights(self) -> dict[str, np.ndarray]:
        """Hand over all parameters and buffers by name."""
        self._count("weights", 1)
        return {name: tensor.cpu().numpy().copy() for name, tensor in self._model.state_dict().items()}

    def _answer(self, call: str, records: Records, forward: Any) -> np.ndarray:
        self._count(call, len(records))
        fingerprints = records.fingerprints()
        remembered = f"{call}/{key_of({'records': fingerprints.tobytes().hex()})}"
        if remembered not in self._memory:
            values = self._forward(records, forward)
            keys = record_keys(fingerprints, derive(0, f"answers of {self.key} to {call}"), epoch=0)
            for defense in self._answers:
                values = defense.answer(call, values, keys)
            self._memory[remembered] = values
        return self._memory[remembered].copy()  # what a caller writes into its answer changes nobody else's

    @torch.no_grad()
    def _forward(self, records: Records, forward: Any) -> np.ndarray:
        arrays, parts = records.arrays(), []
        for start in range(0, len(records), self._batch_size):
            rows = np.arange(start, min(start + self._batch_size, len(records)))
            parts.append(forward(make_batch(arrays, rows).to(self._device)).float().cpu().numpy())
        return np.concatenate(parts)

    def _count(self, call: str, number: int) -> None:
        if call not in self.access:
            allowed = ", ".join(sorted(self.access)) or "no call"
            raise AccessDeniedError(f"{call}: this threat model grants {allowed}")
        if self.budget is not None and self.queries.total() + number > self.budget:
            raise AccessDeniedError(f"{call}: {number} more queries would pass the budget of {self.budget}")
        self.queries[call] += number
