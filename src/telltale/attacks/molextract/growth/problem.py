"""What a search is given: an environment, an oracle under a budget, and a scorer of steps. No truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.oracle import Oracle
from telltale.attacks.molextract.growth.rewards import returns
from telltale.attacks.molextract.growth.state import State
from telltale.attacks.molextract.scorers import Judge
from telltale.attacks.molextract.scoring import Parts

TOGETHER = 2048  # steps that are scored in one go
Contained = Callable[[Sequence[str]], np.ndarray]  # canonical SMILES -> (molecules,) bool, in an auxiliary molecule


@dataclass(frozen=True)
class Verdicts:
    """What some roll-outs are worth; each array begins with (roll-outs).

    smiles   (…, 1 + steps) the ring and what each step made, None after the last
    scores   (…, steps) Score(Ĝ_{i-1}, M_{i-1}, Ĝ_i), NaN where no step was taken or no molecule came of it
    valid    (…, steps) bool, the step was taken and obeys the valency rule
    rewards  (…) what the molecule is worth
    """

    smiles: np.ndarray
    scores: np.ndarray
    valid: np.ndarray
    rewards: np.ndarray

    def __len__(self) -> int:
        """Count the roll-outs that were judged."""
        return len(self.rewards)


@dataclass(frozen=True, eq=False)
class Problem:
    """One release to be searched.

    environment  in which molecules grow
    oracle       of whose embeddings all scores are made, under the attacker's budget
    scorer       of a step, learned in the warm-up; `relearn` goes on
    contained    the label of Eq. (3): known to the attacker, costs no query
    rings        places of the rings to grow from, in the vocabulary
    seed         of all that a search draws
    options      of searches, by name
    pool         what enumeration proposes: all molecules, or a random sample; None = none was made
    """

    environment: Environment
    oracle: Oracle
    scorer: Judge
    contained: Contained
    rings: np.ndarray
    seed: int
    options: Mapping[str, int | float | str] = field(default_factory=dict)
    pool: State | None = None

    def judge(self, state: State) -> Verdicts:
        """Ask about roll-outs and score their steps; fewer than were given come back where the budget ends.

        Roll-outs are judged from the first on, whole ones only: each molecule on its way is a query, once.
        """
        spelled = self.environment.steps_of(state)
        count = self.oracle.affordable([text for text in row if text is not None] for row in spelled)
        return self._verdicts(state.take(np.arange(count)), spelled[:count])

    def relearn(self, state: State, steps: int | None = None) -> None:
        """Go on learning the scorer by Eq. (3) on the steps of judged roll-outs, by their auxiliary labels."""
        spelled = self.environment.steps_of(state)
        rows, taken = _steps_in(spelled)
        if len(rows):
            wholes = spelled[rows, taken + 1].tolist()
            self.scorer.learn(self._parts(state, spelled, rows, taken), self.contained(wholes), steps)

    def _verdicts(self, state: State, spelled: np.ndarray) -> Verdicts:
        steps = self.environment.steps
        scores, valid = np.full((len(state), steps), np.nan), np.zeros((len(state), steps), bool)
        rows, taken = _steps_in(spelled)
        self.oracle.embeddings(list(dict.fromkeys(text for text in spelled.ravel() if text is not None)))
        for start in range(0, len(rows), TOGETHER):
            part = slice(start, start + TOGETHER)
            parts = self._parts(state, spelled, rows[part], taken[part])
            scores[rows[part], taken[part]] = self.scorer.scores(parts).scores
        valid[rows, taken] = True
        return Verdicts(spelled, scores, valid, returns(scores, valid))

    def _parts(self, state: State, spelled: np.ndarray, rows: np.ndarray, taken: np.ndarray) -> Parts:
        """Return f(Ĝ_{i-1}), f(M_{i-1}), f(Ĝ_i) and sizes of the steps `taken` of the molecules `rows`."""
        motif = state.actions[rows, taken, 1]
        names = [block.smiles for block in self.environment.vocabulary.motifs]
        before, after = spelled[rows, taken].tolist(), spelled[rows, taken + 1].tolist()
        of_motifs = self.oracle.embeddings(names)[motif]
        sizes = np.stack([state.after(joins).sizes() for joins in range(self.environment.steps)], 1)[rows, taken]
        motif_sizes = self.environment.motifs.sizes[motif]
        return Parts(self.oracle.embeddings(before), of_motifs, self.oracle.embeddings(after), sizes, motif_sizes)


def _steps_in(spelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return molecule and step (from 0) of every step that made a molecule."""
    made = np.array([[text is not None for text in row] for row in spelled], bool).reshape(spelled.shape)
    rows, taken = np.nonzero(made[:, 1:])
    return rows, taken
