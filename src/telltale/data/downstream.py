"""What a pre-trained model is fine-tuned on: a downstream task beside the data set it was pre-trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from telltale.data.images.records import ImageRecords
from telltale.data.images.resize import fitted
from telltale.data.pools import Pools, PoolSizes, deal, split
from telltale.data.records import found_in, require_labels, shared_inputs
from telltale.data.texts.alike import alike_to
from telltale.data.texts.documents import fitted_texts
from telltale.data.texts.records import TextRecords
from telltale.errors import InputError


@dataclass(frozen=True)
class TransferData:
    """The records of both parts of a transfer.

    pretraining: all pools but `finetune` and `finetune_test` are dealt out of these; downstream: those two are of
    these; same_records: row i of both is one record, under two labels; told: what the downstream part left out, in
    one line each; near_equal: share of their runs of words from which a text to fine-tune on is refused as a challenge
    point's twin, None = none is looked for, as they were left out before.
    """

    pretraining: Any
    downstream: Any
    same_records: bool
    told: tuple[str, ...] = ()
    near_equal: float | None = None

    def deal(self, sizes: PoolSizes, seed: int) -> Pools[Any]:
        """Deal out both parts. Raises InputError where a challenge record is among the fine-tuning records."""
        if self.same_records:
            pools, other = (deal(records, sizes, seed) for records in (self.pretraining, self.downstream))
            return replace(pools, finetune=other.finetune, finetune_test=other.finetune_test)
        pools = deal(self.pretraining, replace(sizes, finetune=0, finetune_test=0), seed)
        sizes_of_parts = {"finetune": sizes.finetune, "finetune_test": sizes.finetune_test}
        parts = split(self.downstream, sizes_of_parts, seed, "downstream", of_roles=sizes_of_parts)
        if count := shared_inputs(parts["finetune"], pools.challenge):
            expected = f"{count:,} of its fine-tuning records are challenge points too; choose another, or drop_shared"
            raise InputError("downstream", self.downstream.source, expected)
        if self.near_equal is not None and (count := int(_near(parts["finetune"], pools.challenge).sum())):
            expected = (
                f"{count:,} of its fine-tuning texts are near-equal to challenge points; choose another, or drop_shared"
            )
            raise InputError("downstream", self.downstream.source, expected)
        return replace(pools, **parts)


def _near(texts: TextRecords, others: TextRecords) -> np.ndarray:
    """Tell which texts are near-equal to one of the others, whole or as far as a model sees them: (texts,) bool."""
    assert others.near_equal is not None
    near = alike_to(texts.texts.tolist(), others.texts.tolist(), others.near_equal)
    if others.codec is None:
        return near
    seen, others_seen = (others.codec.decode(records.tokens) for records in (texts, others))
    return near | alike_to(seen, others_seen, others.near_equal)


class Downstream:
    """Base of downstream tasks; `transfer` says what is learned first and what afterwards."""

    def transfer(self, records: Any) -> TransferData:
        """Return both parts. Raises InputError where the records do not have what the task needs."""
        raise NotImplementedError


@dataclass(frozen=True)
class OtherRecords(Downstream):
    """The same classes on other records of the data set; coarse: its coarse classes instead."""

    coarse: bool = False

    def transfer(self, records: Any) -> TransferData:
        """Return the records twice, each time with the labels that are learned."""
        if not self.coarse:
            return TransferData(records, records, same_records=True)
        if not hasattr(records, "with_coarse_labels"):
            raise InputError("downstream", records.source, "has no coarse labels; choose pictures that have")
        coarse = records.with_coarse_labels()
        require_labels(coarse, "downstream")
        return TransferData(records, coarse, same_records=True)


@dataclass(frozen=True)
class OtherClasses(Downstream):
    """Pre-train on some classes, fine-tune on all others.

    pretraining: positions of the classes learned first, None = the first half.
    """

    pretraining: Sequence[int] | None = None

    def transfer(self, records: Any) -> TransferData:
        """Part the records by class."""
        count = len(getattr(records, "classes", ()))
        if count < 4 or not isinstance(records, ImageRecords | TextRecords):
            instead = (
                "downstream=same_classes, or a data set of more" if count > 1 else "one that has, as by dataset.label"
            )
            expected = f"needs pictures or texts of 4 classes or more to part; {records.source} has {count}"
            raise InputError("downstream", "other_classes", f"{expected}: choose {instead}")
        first = list(range(count // 2)) if self.pretraining is None else [int(label) for label in self.pretraining]
        if len(set(first)) != len(first) or len(first) < 2 or not set(first) <= set(range(count)):
            expected = f"expected two or more different classes of {records.source}, from 0 to {count - 1}"
            raise InputError("downstream.pretraining", first, expected)
        rest = [label for label in range(count) if label not in first]
        if len(rest) < 2:
            expected = f"leaves {len(rest)} of {count} classes to fine-tune on, 2 are needed"
            raise InputError("downstream.pretraining", first, expected)
        before, after = records.of_classes(first), records.of_classes(rest)
        if isinstance(before, TextRecords) and isinstance(after, TextRecords):
            shared = np.isin(after.groups, before.groups)
            if count := int(shared.sum()):
                shown = f"{count:,} of {len(after):,} records of {after.source}"
                told = f"{shown} are of authors, or near-equal to texts, of pre-training, and were left out"
                return TransferData(before, after.take(~shared), same_records=False, told=(told,))
        return TransferData(before, after, same_records=False)


@dataclass(frozen=True)
class OtherSource(Downstream):
    """Another data set, its pictures brought to the shape of the first, its texts to the tokens of the first.

    dataset: what its loader returned; drop_shared: leave out records that the pre-training data set holds too, and
    texts that are near-equal to one of its, instead of refusing challenge points among them.
    """

    dataset: Any
    drop_shared: bool = False

    def transfer(self, records: Any) -> TransferData:
        """Return both data sets."""
        other: Any = self.dataset.records
        told = [f"{other.source} (downstream): {line}" for line in self.dataset.account(listed=False)]
        if other.kind != records.kind:
            expected = f"holds {other.kind}, {records.source} holds {records.kind}; a model takes one kind"
            raise InputError("downstream", other.source, expected)
        require_labels(other, "downstream")
        if isinstance(other, ImageRecords):
            other = fitted(other, records.shape)
        elif isinstance(other, TextRecords):
            other, lines = fitted_texts(other, records)
            own = "a vocabulary and a public part of its own count for nothing"
            lines = [f"its texts are tokens of {records.source}'s tokenizer; {own}", *lines]
            told += [f"{other.source} (downstream): {line}" for line in lines]
        elif getattr(other, "shape", None) != getattr(records, "shape", None):
            raise InputError("downstream", other.source, f"records of shape {other.shape}, not {records.shape}")
        if self.drop_shared:
            shared = found_in(other, records)
            if count := int(shared.sum()):
                shown = f"{count:,} of {len(other):,} records of {other.source}"
                told.append(f"{shown} are in {records.source}, too, and were left out")
            other = other.take(~shared)
            if isinstance(other, TextRecords) and records.near_equal is not None:
                near = _near(other, records)
                if count := int(near.sum()):
                    shown = f"{count:,} of the other {len(other):,} records of {other.source}"
                    told.append(f"{shown} are near-equal to texts of {records.source}, and were left out")
                other = other.take(~near)
            if not len(other):
                raise InputError("downstream", other.source, "holds no record that pre-training could not draw too")
        near_equal = records.near_equal if isinstance(records, TextRecords) and not self.drop_shared else None
        return TransferData(records, other, same_records=False, told=tuple(told), near_equal=near_equal)
