"""What a run's attacks could have missed is said before any of them is believed to have found nothing."""

import pytest

from telltale.attacks.base import Attack
from telltale.attacks.membership.label_only import LabelOnly
from telltale.attacks.membership.lira import LiRA
from telltale.attacks.membership.threshold import Threshold
from telltale.configuration.contest import hindrances


@pytest.mark.parametrize("attack", [LabelOnly(), Threshold("loss")])
def test_attacks_that_ask_nothing_of_each_record_cannot_clear_a_model(attack: Attack) -> None:
    """Catches a clean bill by attacks that never look at models without the record."""
    assert hindrances([attack], models=64)
    assert not hindrances([attack, LiRA()], models=64)


def test_rivals_are_advised_only_where_probabilities_are_to_be_had() -> None:
    """Catches advice to add attacks that ask for more than the release answers."""
    (of_labels,), (of_probabilities,) = hindrances([LabelOnly()], 64), hindrances([Threshold("loss")], 64)
    assert "rivals=membership" in of_probabilities and "rivals=membership" not in of_labels
