"""What a recipe's defences prove about the models that it led to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from telltale.owner.defense import Trained
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.private.account import read_account


def guarantee_of(recipe: Recipe, store: Store, releases: Sequence[Release], kind: str) -> dict[str, Any] | None:
    """Return the weakest guarantee over the releases, by ε; None where nothing is proven.

    kind: of the records that are attacked. Nothing is proven for records from which added code makes others before
    training: ε is per record that is trained on.
    """
    if any(code.stage == "data" for code in recipe.added_code):
        return None
    proofs = []
    for release in releases:
        account = read_account(store.entry("release", release.entry)) or {}
        before = account.get("start") or {}
        parts = [(recipe, account)] if recipe.start is None else [(recipe.start, before), (recipe, account)]
        for part, account_of_part in parts:
            tuned = kind if part.finetune is None else part.finetune.kind
            made = tuple(read_account(store.entry("release", entry)) for entry in release.sources)
            classes = part.objective.get("classes") or 0
            count, ledger = account_of_part.get("records", 0), account_of_part.get("ledger")
            trained = Trained(tuned, count, ledger, recipe.start is not None, made, classes)
            proofs += [proof for defense in part.defenses if (proof := defense.guarantee(trained))]
    return max(proofs, key=lambda proof: proof.get("worst_case", proof.get("epsilon", float("inf"))), default=None)
