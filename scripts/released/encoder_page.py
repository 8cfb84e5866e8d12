"""The part of docs/released_models.md that is about encoders."""

from __future__ import annotations

from scripts.released.encoders import MOLECULES, REFERENCE, TOP, FoundOfEncoder, FoundOfEncoders
from scripts.released.template import ENCODERS
from telltale.attacks.embedding_membership.signals import FAMILIES
from telltale.papers.grid_view import markdown
from telltale.reporting.sentences import interval

MET = 0.5  # correlation of log variances from which a layer counts as met


def section(found: FoundOfEncoders) -> str:
    """Write the section."""
    k = TOP[-1]
    means = [
        sum(one.lists[k].value for one in group) / len(group)
        for group in (trained_of(found, True), trained_of(found, False))
    ]
    return ENCODERS.format(
        molecules=MOLECULES,
        reference=REFERENCE,
        layers=markdown(layer_table(found)),
        attacks=markdown(attack_table(found)),
        candidates=found.candidates,
        base=f"{found.base_rate:.2f}",
        detector=f"{found.detector:.3f}",
        blind=", ".join(f"{of.value:.2f} of the top {top}" for top, of in found.blind.items()),
        trained=f"{means[0]:.2f}",
        untrained=f"{means[1]:.2f}",
        k=k,
        blind_k=f"{found.blind[k].value:.2f}",
        exceptions=exceptions(found),
        farthest=f"{farthest(trained_of(found, True)):.3f}",
        farthest_untrained=f"{farthest(trained_of(found, False)):.3f}",
    )


def farthest(encoders: list[FoundOfEncoder]) -> float:
    """Return the AUC that is farthest from one half."""
    values = [auc.value for one in encoders for auc in one.membership.values()]
    return max(values, key=lambda value: abs(value - 0.5))


def exceptions(found: FoundOfEncoders) -> str:
    """Name the encoders whose last layer kept another spread than these molecules have."""
    named = [one.name.replace("_", " ") for one in trained_of(found, True) if one.layers[-1].spreads < MET]
    if not named:
        return "Every layer meets its BatchNorm."
    return f"Not met: the variances that the last layer of {' and '.join(named)} kept; why is not known. Its means are."


def trained_of(found: FoundOfEncoders, trained: bool) -> list[FoundOfEncoder]:
    """Return the encoders that were trained, or those that were not."""
    return [one for one in found.encoders if one.trained == trained]


def layer_table(found: FoundOfEncoders) -> list[list[str]]:
    """Return how each encoder's layers meet their BatchNorm."""
    rows = [["encoder", "means", "log variances", "last layer's log variances", "means of the next layer, at most"]]
    for one in trained_of(found, True):
        *body, last = one.layers
        rows.append(
            [
                one.name.replace("_", " "),
                f"{min(layer.means for layer in one.layers):.2f}",
                f"{min(layer.spreads for layer in body):.2f}",
                f"{last.spreads:.2f}",
                f"{max(layer.shuffled for layer in one.layers):.2f}",
            ]
        )
    return rows


def attack_table(found: FoundOfEncoders) -> list[list[str]]:
    """Return what the attacks find, encoder by encoder."""
    signals = [f"{signal.replace('_', ' ')}: AUC" for signal in FAMILIES]
    rows = [["encoder", *signals, *(f"molextract, top {k}" for k in TOP)]]
    for one in found.encoders:
        cells = [interval(one.membership[signal]) for signal in FAMILIES]
        rows.append([one.name.replace("_", " "), *cells, *(interval(one.lists[k]) for k in TOP)])
    return rows
