"""Single records on the page: pictures as small PNGs, molecules as drawings, texts as may be shown, others by label."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telltale.evaluation.calibration import RecordRates
from telltale.evaluation.exposure import Exposure
from telltale.writing import write_table

SHOWN = 12
SHOWN_RATE = 0.01  # FPR at which the page says what is found of a record
BY_ALONE = (
    "By what each model says alone. Found at 1 %: the share of models trained on the record that its own threshold "
    "tells, at 1 % false alarms by a normal fit to the models without it; counted in exposure.csv where these resolve "
    "the rate."
)
BY_SCORES = (
    "By scores that have other models' answers in them too, for which chance is a little below 0.5 and nothing can be "
    "said at a rate of false alarms."
)


@dataclass(frozen=True)
class RecordCard:
    """One record and what is said of it.

    title   its place
    label   its class, "" where it has none
    facts   name -> text
    smiles  a molecule, to be drawn
    png     a picture
    """

    title: str
    label: str
    facts: Mapping[str, str]
    smiles: str | None = None
    png: bytes | None = None


@dataclass(frozen=True)
class Gallery:
    """A section of the page that shows single records."""

    title: str
    caption: str
    cards: Sequence[RecordCard]


def exposed_records(exposure: Exposure, challenge: Any, ids: np.ndarray | None = None) -> Gallery | None:
    """Show the points whose score best tells the models trained on them from the others; None if there is none.

    ids: what their owner calls them.
    """
    best = exposure.ranking()[:SHOWN]
    if not len(best):
        return None
    known, chance = int(np.isfinite(exposure.value).sum()), exposure.chance()
    equal = int((exposure.value == exposure.value[best[0]]).sum())
    shared = f" {equal:,} records share the highest exposure; the first of them are shown." if equal > SHOWN else ""
    reached = f"stay below {chance:.2f} in 95 % of runs" if chance < 0.995 else "often reach 1, there are so few models"
    how = BY_ALONE if exposure.alone else BY_SCORES
    return Gallery(
        "Most exposed records",
        "Exposure: how often the score is higher in a model trained on the record than in a model not trained on it, "
        "over all pairs of such models; 0.5 is chance. Picked as the highest of "
        f"{known:,}: where scores say nothing, the highest would {reached}.{shared} {how}",
        [
            _card(
                challenge,
                int(point),
                place,
                {
                    "exposure": f"{exposure.value[point]:.3f}",
                    "models in / out": f"{exposure.n_in[point]} / {exposure.n_out[point]}",
                    **_found(exposure.rates, int(point)),
                    **_called(ids, int(point)),
                },
            )
            for place, point in enumerate(best, 1)
        ],
    )


def exposed_members(
    scores: np.ndarray, members: np.ndarray, challenge: Any, ids: np.ndarray | None = None, by: str = ""
) -> Gallery | None:
    """Show one victim's members with the highest scores: (points,) each; None if it has no member. by: whose scores."""
    others, rows = np.sort(scores[~members]), np.flatnonzero(members)
    best = rows[np.argsort(-scores[rows], kind="stable")][:SHOWN]
    if not len(best):
        return None
    above = len(others) - np.searchsorted(others, scores[best], side="left")
    return Gallery(
        "Most exposed members",
        f"Members with the highest scores{f' by {by}' if by else ''}, and how many of the {len(others):,} non-members "
        "score as high or higher.",
        [
            _card(
                challenge,
                int(point),
                place,
                {"score": f"{scores[point]:.3f}", "non-members above": f"{count:,}", **_called(ids, int(point))},
            )
            for place, (point, count) in enumerate(zip(best, above, strict=True), 1)
        ],
    )


def write_exposure(exposure: Exposure, challenge: Any, path: Path, ids: np.ndarray | None = None) -> None:
    """Write a line for each point: who it is, its exposure, and its TPR at each FPR of its own; empty where unknown.

    Columns `tpr_at_fpr_<rate>_counted` are by the scores of the models without the point, `…_fitted` by a normal law.
    """
    points, rates = len(exposure.value), exposure.rates
    prints = [""] * points if challenge is None else _hexadecimal(challenge.fingerprints())
    found = {
        f"tpr_at_fpr_{rate:g}_{kind}": values[at]
        for at, rate in enumerate(rates.rates)
        for kind, values in (("counted", rates.counted), ("fitted", rates.fitted))
    }
    called = ["id"] if ids is not None else []
    rows: list[list[object]] = [["point", *called, "fingerprint", "label", "exposure", "n_in", "n_out", *found]]
    for point, value in enumerate(exposure.value):
        shown, *tprs = (
            f"{one:.6f}" if np.isfinite(one) else "" for one in (value, *(of[point] for of in found.values()))
        )
        counts = exposure.n_in[point], exposure.n_out[point]
        who = [point, *([ids[point]] if ids is not None else []), prints[point]]
        rows.append([*who, label_of(challenge, point), shown, *counts, *tprs])
    write_table(path, rows)


def write_points(scores: np.ndarray, members: np.ndarray, ids: np.ndarray, challenge: Any, path: Path) -> None:
    """Write a line for each point of one model, highest score first: who it is, and how many non-members are above.

    non_members_above: share of the non-members that score as high or higher, itself not counted.
    """
    others = np.sort(scores[~members])
    above = len(others) - np.searchsorted(others, scores, side="left") - ~members
    share = above / np.maximum(len(others) - ~members, 1)
    rows: list[tuple[Any, ...]] = [("id", "label", "member", "score", "non_members_above")]
    for point in np.argsort(-scores, kind="stable").tolist():
        shown = f"{scores[point]:.6g}", f"{share[point]:.6f}"
        rows.append((ids[point], label_of(challenge, point), "yes" if members[point] else "no", *shown))
    write_table(path, rows)


def _called(ids: np.ndarray | None, point: int) -> dict[str, str]:
    """Say what the owner calls a record."""
    return {} if ids is None else {"record": str(ids[point])}


def _found(rates: RecordRates, point: int) -> dict[str, str]:
    """Say what share of the models trained on a point its own threshold finds, at the rate most often asked for."""
    at = rates.rates.index(SHOWN_RATE)
    share = rates.fitted[at, point]
    return {f"found at {100 * SHOWN_RATE:g} % (fit)": f"{share:.2f}"} if np.isfinite(share) else {}


def label_of(records: Any, row: int) -> str:
    """Return the name of a record's class, or its value, "" where it has none."""
    labels = getattr(records, "labels", None)
    if labels is None:
        properties = getattr(records, "properties", None) or {}
        return f"{next(iter(properties.values()))[row]:.6g}" if len(properties) == 1 else ""
    classes = getattr(records, "classes", ())
    return classes[labels[row]] if classes else f"{labels[row]:.6g}"


def picture(pixels: np.ndarray) -> bytes:
    """Return a picture as PNG, a pixel for a pixel: (channels, height, width) uint8, or float in [0, 1]."""
    from PIL import Image

    if pixels.dtype != np.uint8:
        pixels = np.round(255 * np.clip(np.nan_to_num(pixels), 0, 1)).astype(np.uint8)
    channels = pixels if len(pixels) in (3, 4) else np.repeat(pixels[:1], 3, axis=0)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(channels.transpose(1, 2, 0))).save(file, format="png")
    return file.getvalue()


def _card(challenge: Any, point: int, place: int, facts: Mapping[str, str]) -> RecordCard:
    kind = getattr(challenge, "kind", None)
    if kind == "text":
        facts = {"text": str(challenge.shown[point]), **facts}
    return RecordCard(
        f"#{place}",
        label_of(challenge, point),
        dict(facts) if "record" in facts else {**facts, "point": str(point)},
        smiles=str(challenge.smiles[point]) if kind == "molecules" else None,
        png=picture(_pixels(challenge)[point]) if kind in ("images", "captions") else None,
    )


def _pixels(pictures: Any) -> np.ndarray:
    pixels: np.ndarray = pictures.images if pictures.kind == "captions" else pictures.pixels
    return pixels


def _hexadecimal(fingerprints: np.ndarray) -> list[str]:
    # by way of bytes: numpy drops the zeros at the end of an S16
    return [row.tobytes().hex() for row in np.ascontiguousarray(fingerprints).view(np.uint8).reshape(-1, 16)]
