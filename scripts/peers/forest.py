"""One random forest on fingerprints, attacked by SACRO-ML and by Telltale: `python -m scripts.peers.forest`.

The records are embedded molecules that pass the blood-brain barrier or not (B3DB), the forest is scikit-learn's, and
who was in is known. Each tool is run as it comes. Their scores are then measured alike: on the records as they are, and
on those that occur once, which alone Telltale judges.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier

import telltale
from telltale.data.molecules.b3db import COLUMN, EMBEDDED
from telltale.data.molecules.views import morgan_bits
from telltale.papers.grid_view import markdown

RECORDS, MEMBERS, TREES, SHADOWS = 3000, 1500, 100, 16
HEADING = ["tool", "attack", "what it is given", "members / others judged", "AUC", "TPR at 1 %", "seconds"]


@dataclass(frozen=True)
class Table:
    """Bits (n, width), classes (n,), and who the forest was trained on (n,)."""

    bits: np.ndarray
    passes: np.ndarray
    member: np.ndarray

    @property
    def sides(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Members and the others, each (bits, classes)."""
        return tuple((self.bits[rows], self.passes[rows]) for rows in (self.member, ~self.member))  # type: ignore[return-value]

    def once(self) -> Table:
        """Return the records whose bits occur once."""
        packed = [row.tobytes() for row in np.packbits(self.bits, axis=1)]
        times = Counter(packed)
        kept = np.array([times[row] == 1 for row in packed])
        return Table(self.bits[kept], self.passes[kept], self.member[kept])


def molecules(seed: int) -> Table:
    """Draw records and who is a member."""
    import pandas as pd

    rows = pd.read_csv(EMBEDDED).sample(RECORDS, random_state=seed)
    member = np.isin(np.arange(RECORDS), np.random.default_rng(seed).permutation(RECORDS)[:MEMBERS])
    return Table(morgan_bits(rows["smiles"].tolist()).astype(np.uint8), rows[COLUMN].to_numpy(), member)


def fit(records: tuple[np.ndarray, np.ndarray], seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Train a forest as the one audited was trained."""
    return _forest(records, seed).predict_proba


def _forest(records: tuple[np.ndarray, np.ndarray], seed: int) -> RandomForestClassifier:
    return RandomForestClassifier(TREES, random_state=seed).fit(*records)


def by_telltale(forest: RandomForestClassifier, table: Table) -> Iterator[list[str]]:
    """Audit without shadow models, and beside some of the same recipe."""
    members, others = table.sides
    given = (("the model alone", None), (f"and {SHADOWS} forests trained alike", fit))
    for what, train in given:
        began = time.monotonic()
        found = telltale.audit(
            forest.predict_proba, members=members, others=others, random_split=True, train=train, shadows=SHADOWS
        )
        seconds, member = time.monotonic() - began, found.outcome.membership
        assert member is not None
        inside, outside = int(member.sum()), int((~member).sum())
        for name, metrics in found.outcome.titled(found.outcome.scored.metrics).items():
            if name in (found.strongest, "lira", "lira_offline", "quantile_regression"):
                low_rate = metrics["tpr_at_fpr_0.01"]
                rate = f"{low_rate.value:.3f}" if outside >= 1000 else "–"
                area = f"{metrics['auc'].value:.3f} [{metrics['auc'].low:.2f}, {metrics['auc'].high:.2f}]"
                shown = f"{name}, the strongest" if name == found.strongest else name
                yield ["Telltale", shown, what, f"{inside:,} / {outside:,}", area, rate, f"{seconds:.0f} for all"]


def by_sacro(forest: RandomForestClassifier, table: Table, more: Sequence[int] = ()) -> Iterator[list[str]]:
    """Run SACRO-ML's attacks on a model; more: numbers of shadow models beside ours. Raises ImportError without it."""
    from sacroml.attacks.likelihood_attack import LIRAAttack
    from sacroml.attacks.qmia_attack import QMIAAttack
    from sacroml.attacks.target import Target
    from sacroml.attacks.worst_case_attack import WorstCaseAttack

    logging.disable(logging.INFO)
    (x_in, y_in), (x_out, y_out) = table.sides
    target = Target(model=forest, dataset_name="b3db", X_train=x_in, y_train=y_in, X_test=x_out, y_test=y_out)
    alike, labels = "and {} forests trained alike", "the model, and who was in, of 80 % of the records"
    with tempfile.TemporaryDirectory() as folder:
        attacks: list[tuple[str, str, Callable[[], Any]]] = [
            ("worst case", labels, lambda: WorstCaseAttack(folder, write_report=False)),
            ("quantile regression", "the model, and held-out records", lambda: QMIAAttack(folder, write_report=False)),
        ]
        for shadows, mode in ((SHADOWS, "offline"), (SHADOWS, "online-carlini"), *((n, "offline") for n in more)):
            place = Path(folder) / str(shadows)

            def lira(shadows: int = shadows, mode: str = mode, place: Path = place) -> Any:
                return LIRAAttack(str(place), write_report=False, n_shadow_models=shadows, mode=mode)

            attacks.append((f"LiRA, {mode}", alike.format(shadows), lira))
        for name, what, make in attacks:
            began = time.monotonic()
            attack = make()
            attack.attack(target)
            rounds = attack.attack_metrics
            rounds = rounds if isinstance(rounds, list) else [rounds]
            area = np.mean([one["AUC"] for one in rounds])
            rate = np.mean([one["TPR@0.01%"] for one in rounds])
            yield [
                "SACRO-ML",
                name,
                what,
                f"{len(x_in):,} / {len(x_out):,}",
                f"{area:.3f}",
                f"{rate:.3f}",
                f"{time.monotonic() - began:.0f}",
            ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    table = molecules(options.seed)
    forest = _forest(table.sides[0], options.seed)
    print(markdown([HEADING]))
    try:
        for row in chain(by_telltale(forest, table), by_sacro(forest, table.once()), by_sacro(forest, table, (100,))):
            print(f"| {' | '.join(row)} |", flush=True)
        version = f"sacroml {importlib.metadata.version('sacroml')}"
    except ImportError as error:
        version = f"sacroml is not at hand ({error})"
    accuracies = " / ".join(f"{forest.score(*side):.3f}" for side in table.sides)
    print(f"\naccuracy on members / others {accuracies}; {version}, scikit-learn {sklearn.__version__}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
