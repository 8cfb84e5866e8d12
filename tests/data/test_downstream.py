"""Downstream tasks: other records, other classes, other sources; never a challenge point among them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from telltale.data.downstream import OtherClasses, OtherRecords, OtherSource
from telltale.data.images import digits, fashion_mnist
from telltale.data.images.records import ReadImages
from telltale.data.pools import PoolSizes
from telltale.data.records import input_digests
from telltale.errors import InputError

FASHION = fashion_mnist.load().records.take(np.arange(1500))
SIZES = PoolSizes(members=100, non_members=100, auxiliary=100, test=50, finetune=200, finetune_test=80)


def read(records: Any) -> ReadImages:
    return ReadImages(records=records, lines=len(records))


@pytest.mark.parametrize(
    "task", [OtherRecords(), OtherRecords(coarse=True), OtherClasses(), OtherSource(digits.load())]
)
def test_no_fine_tuning_record_is_in_another_pool(task: Any) -> None:
    """Catches what would measure membership in the fine-tuning set instead."""
    pools = task.transfer(FASHION).deal(SIZES, seed=0)
    names = ("challenge", "auxiliary", "test", "finetune", "finetune_test")
    digests = np.concatenate([input_digests(getattr(pools, name)) for name in names])
    assert len(np.unique(digests)) == len(digests) == 200 + 100 + 50 + 200 + 80


def test_coarse_labels_are_those_of_the_same_pictures() -> None:
    """Catches labels of other rows than the pictures'."""
    pools = OtherRecords(coarse=True).transfer(FASHION).deal(SIZES, seed=3)
    fine = dict(zip(input_digests(FASHION).tolist(), FASHION.labels.tolist(), strict=True))
    group = [fashion_mnist.GROUP_OF[fine[digest]] for digest in input_digests(pools.finetune).tolist()]
    assert pools.finetune.labels.tolist() == group and pools.challenge.classes == fashion_mnist.FINE


def test_other_classes_are_parted() -> None:
    """Catches a class that is learned twice."""
    transfer = OtherClasses([0, 9]).transfer(FASHION)
    assert transfer.pretraining.classes == ("T-shirt/top", "ankle boot")
    assert set(transfer.downstream.classes) == set(fashion_mnist.FINE) - set(transfer.pretraining.classes)
    assert len(transfer.pretraining) + len(transfer.downstream) == len(FASHION)


def test_another_source_is_brought_to_the_shape_of_the_first() -> None:
    """Catches pictures that the pre-trained network cannot take."""
    transfer = OtherSource(digits.load()).transfer(FASHION)
    assert transfer.downstream.shape == (1, 28, 28) and transfer.downstream.classes == digits.CLASSES


def test_a_challenge_point_among_the_fine_tuning_records_is_refused() -> None:
    """Catches a second data set that holds the first under other labels."""
    shifted = replace(FASHION, labels=(FASHION.labels + 1) % 10)
    with pytest.raises(InputError, match="of its fine-tuning records are challenge points too"):
        OtherSource(read(shifted)).transfer(FASHION).deal(SIZES, seed=0)
    half = replace(
        shifted, pixels=np.where(np.arange(1500)[:, None, None, None] % 2, 255 - FASHION.pixels, FASHION.pixels)
    )
    kept = OtherSource(read(half), drop_shared=True).transfer(FASHION).downstream
    assert len(kept) == 750


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (OtherRecords(coarse=True), "has no coarse labels"),
        (OtherClasses(list(range(9))), "leaves 1 of 10 classes"),
        (OtherSource(read(FASHION.take(FASHION.labels == 3))), "are of the class dress"),
    ],
)
def test_a_task_that_is_none_is_refused(task: Any, told: str) -> None:
    """Catches a downstream task without coarse labels, or of one class."""
    with pytest.raises(InputError, match=told):
        task.transfer(replace(FASHION, coarse=None))


def test_records_of_another_kind_are_refused() -> None:
    """Catches molecules fed to a network of pictures."""
    from telltale.data.molecules import b3db

    with pytest.raises(InputError, match=r"holds molecules, .* holds images"):
        OtherSource(b3db.load()).transfer(FASHION)
