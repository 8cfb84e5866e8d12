"""Evidence of a few victims, which stands for that of many in a plan."""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.evidence import CaptionMembership, ExtractedMolecules, MembershipScores, ReconstructedRecords
from telltale.planning.findings import FEW, MORE, for_all


def extracted(victims: int) -> ExtractedMolecules:
    smiles, sizes = np.array(["C", "CC", "CCC"]), (10, 20)
    turned = MembershipScores(np.zeros((victims, 5)), 0.5)
    lists: dict[str, Any] = {"k": sizes, "k_within_ring": sizes, "membership": turned}
    return ExtractedMolecules(smiles, smiles, np.zeros((victims, 3)), np.ones(3, bool), **lists)


def decoded(victims: int) -> ReconstructedRecords:
    pictures = np.zeros((victims, 7, 1, 4, 4))
    of_layers: dict[str, Any] = {"groups": np.zeros((7, 1, 4, 4)), "group_names": ("first", "second")}
    return ReconstructedRecords(pictures, {"scaled": pictures}, pictures, weights=np.zeros((victims, 3)), **of_layers)


def test_molecules_keep_their_lists_and_all_victims_get_scores_of_both_kinds() -> None:
    """Catches two sizes of lists that are taken for two victims, and scores of challenge molecules left at two."""
    whole = for_all(extracted(FEW), extracted(MORE), 10)
    assert whole.scores.shape == (10, 3) and whole.mixing is None and len(whole.smiles) == 3
    assert whole.k == whole.k_within_ring == (10, 20)
    assert whole.membership.scores.shape == (10, 5) and whole.membership.threshold == 0.5


def test_all_victims_get_every_decoding_and_layers_keep_their_names() -> None:
    """Catches a plan that ends in a traceback where pictures are compared with some of two victims."""
    whole = for_all(decoded(FEW), decoded(MORE), 10)
    assert whole.records.shape == whole.decodings["scaled"].shape == (10, 7, 1, 4, 4)
    assert whole.weights.shape == (10, 3) and whole.groups.shape == (7, 1, 4, 4)
    assert whole.group_names == ("first", "second")


def test_captions_go_with_their_victims() -> None:
    """Catches captions of two victims beside scores of ten."""

    def written(victims: int) -> CaptionMembership:
        captions = tuple((f"by {victim}", "a dog") for victim in range(victims))
        return CaptionMembership(np.arange(2 * victims).reshape(victims, 2), np.zeros(victims), captions=captions)

    whole = for_all(written(FEW), written(MORE), 5)
    assert [by[0] for by in whole.captions] == ["by 0", "by 1", "by 0", "by 1", "by 0"]
    assert whole.scores.shape == (5, 2) and whole.threshold.shape == (5,)
