"""Which models took their steps together, kept in the store: such a fleet rounds by how many models it has.

A model that was lost comes back bit for bit where its fleet is trained again whole, and only there.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from telltale.store.store import Store
from telltale.writing import counted

KIND = "company"  # of the store; an entry's document is all there is to it
log = logging.getLogger("telltale")


def note_company(store: Store, keys: Sequence[str]) -> None:
    """Write down that the models with these keys are trained together."""
    store.find_or_make(KIND, {"models": list(keys)}, lambda entry, partial: None)


def companies_of(store: Store, lacking: Collection[str], orderable: Collection[str]) -> list[list[str]]:
    """Return the keys of each fleet in which lacking models were trained before, of those that can be ordered again."""
    left, companies = set(lacking), []
    for folder, document in store.entries(KIND):
        models = document.get("models", [])
        if left.isdisjoint(models) or store.sound(folder) is None:
            continue
        if set(models) <= set(orderable):
            companies.append(models)
            left -= set(models)
        else:
            strangers = len(set(models) - set(orderable))
            log.warning(
                f"store: {counted(len(left & set(models)), 'model is', 'models are')} trained again without "
                f"{strangers} first trained beside; last digits may differ"
            )
    return companies
