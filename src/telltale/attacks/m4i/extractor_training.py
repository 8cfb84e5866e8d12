"""Train M^4I's feature extractor on pairs of picture and caption: the authors' squared distance, or a contrast.

    mse:     L = mean (f_image − f_text)²             one pass moves the image side, the next the text side
    infonce: L = −½ Σ_i [log softmax_j(s_ij / τ)_i + log softmax_j(s_ji / τ)_i],  s = cosine, both sides at once

Nothing in the first keeps two pictures apart but the two output BatchNorms (MFE_train.py); the second is ours
(van den Oord et al. 2018; Radford et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, normalize

from telltale.attacks.m4i.extractor import CHUNK, BagOfWords, Extractor, ImageSide, TextSide
from telltale.checks import choice, whole_number
from telltale.data.captions.records import CaptionedImages
from telltale.data.seeds import derive, generator
from telltale.errors import InputError
from telltale.models.picture_encoders import ENCODERS
from telltale.models.pretrained import FrozenTrunk
from telltale.objectives.augmentation import augment
from telltale.owner.frozen_features import with_features
from telltale.progress import track
from telltale.store.sources import source_digest
from telltale.store.store import Store
from telltale.training.batches import make_batch
from telltale.training.rehearsal import rounds
from telltale.training.seeding import seeded

LOSSES = ("mse", "infonce")
TEMPERATURE = 0.1  # τ
MOST_LAYERS = 4  # each halves a picture of 32 pixels
LEARNING_RATE = 1e-3  # Adam, as released


@dataclass(frozen=True)
class ExtractorOptions:
    """How an extractor is built and trained. Raises InputError out of range.

    loss         mse | infonce
    width        of the common space
    epochs       passes over the pairs
    batch_size   pairs in a step
    channels     of the convolutions that are trained on the image side
    marks        the released mismatch, see `BagOfWords`
    trunk        in the place of these convolutions, as the authors have it; its features are computed once, so that no
                 picture is changed at random in training, as the authors' are and ours without a trunk
    """

    loss: str = "mse"
    width: int = 256
    epochs: int = 20
    batch_size: int = 128
    channels: tuple[int, ...] = (16, 32, 64)
    marks: bool = False
    trunk: FrozenTrunk | None = None

    def __post_init__(self) -> None:
        choice("attack.loss", self.loss, LOSSES)
        if not 1 <= len(self.channels) <= MOST_LAYERS or min(self.channels) < 1:
            raise InputError("attack.channels", list(self.channels), f"1 to {MOST_LAYERS} whole numbers from 1")
        for field in ("width", "epochs", "batch_size"):
            whole_number(f"attack.{field}", getattr(self, field))
        whole_number("attack.batch_size", self.batch_size, 2, expected="at least 2: BatchNorm compares pairs")


@dataclass(frozen=True)
class Trained:
    """An extractor with the words it knows; as_input: what becomes of records before their pictures reach it."""

    extractor: Extractor
    bag: BagOfWords
    device: str
    as_input: Callable[[Any], Any]

    def distance(self, records: Any, captions: Sequence[str]) -> np.ndarray:
        """Compare pictures with captions, which need not be their own: (records, width)."""
        pictures = make_batch(self.as_input(records).arrays(), np.arange(len(records))).to(self.device)
        return self.extractor.distance(pictures, self.bag.counts(captions).to(self.device))


def extractor_of(pairs: CaptionedImages, options: ExtractorOptions, seed: int, store: Store, device: str) -> Trained:
    """Train an extractor on pairs, or find it in the store: it depends on no captioner."""
    trunk = options.trunk
    as_input = partial(with_features, trunk=trunk, store=store, device=device)
    bag = BagOfWords.of((text for texts in pairs.references for text in texts), options.marks)
    document = {
        "extractor": {**asdict(options), "channels": list(options.channels), "trunk": trunk and trunk.document()},
        "records": blake2b(pairs.fingerprints().tobytes() + pairs.concepts.tobytes(), digest_size=16).hexdigest(),
        "seed": seed,
        "device": device,
        "sources": source_digest([f"{__name__}.fit"]),
    }

    def make(entry: Any, _: Any) -> None:
        trained = fit(_initial(pairs, bag, options, seed), as_input(pairs), bag, options, seed, device)
        save_file(trained.state_dict(), entry / "weights.safetensors")

    folder = store.find_or_make("extractor", document, make)[0]
    extractor = _initial(pairs, bag, options, seed)
    extractor.load_state_dict(load_file(folder / "weights.safetensors"))
    return Trained(extractor.to(device), bag, device, as_input)


def fit(
    extractor: Extractor, pairs: CaptionedImages, bag: BagOfWords, options: ExtractorOptions, seed: int, device: str
) -> Extractor:
    """Go over all pictures `epochs` times, each time with one of its captions, drawn anew."""
    extractor.to(device).train()
    sides: dict[str, nn.Module] = {"image": extractor.image, "text": extractor.text}
    optimizers = {name: torch.optim.Adam(side.parameters(), LEARNING_RATE) for name, side in sides.items()}
    data, rng = _Pairs.of(pairs, bag, device), generator(seed, "extractor batches")
    passes: list[tuple[str, ...]] = [("image",), ("text",)] if options.loss == "mse" else [("image", "text")]
    for _ in track(rounds(options.epochs), f"feature extractor ({options.loss}): epochs", options.epochs):
        for moved in passes:
            for name, side in sides.items():
                side.requires_grad_(name in moved)
            for rows in _batches(len(pairs), options.batch_size, rng):
                pictures, counts, concepts = data.drawn(rows, rng)
                extractor.zero_grad()
                LOSS[options.loss](extractor.image(pictures), extractor.text(counts), concepts).backward()
                for name in moved:
                    optimizers[name].step()
    settle(extractor, data)
    return extractor.cpu()


@torch.no_grad()
def settle(extractor: Extractor, data: _Pairs) -> None:
    """Take mean and variance of both output norms anew, over all pairs, for an extractor that learns no more.

    The released momentum of 0.01 forgets too slowly for so few steps as here: what was kept would be of the start.
    """
    extractor.eval()
    for norm in (extractor.image.norm, extractor.text.norm):
        norm.reset_running_stats()
        norm.momentum = None  # the plain average over batches
        norm.train()
    for pictures in data.pictures.split(CHUNK):
        extractor.image(pictures)
    for counts in data.counts.split(CHUNK):
        extractor.text(counts)
    extractor.eval()


@dataclass(frozen=True)
class _Pairs:
    """All records on a device; the captions of a record are counts[first] … counts[first + number − 1]."""

    pictures: Tensor
    concepts: Tensor
    counts: Tensor
    first: np.ndarray
    number: np.ndarray
    changes: str

    @classmethod
    def of(cls, pairs: CaptionedImages, bag: BagOfWords, device: str) -> _Pairs:
        number = np.array([len(texts) for texts in pairs.references])
        counts = bag.counts([text for texts in pairs.references for text in texts], training=True)
        pictures = make_batch(pairs.arrays(), np.arange(len(pairs)))
        concepts = torch.from_numpy(pairs.concepts).to(device)
        changes = "shift_flip" if pictures.ndim == 4 else "none"  # features of a frozen trunk are no pictures
        return cls(pictures.to(device), concepts, counts.to(device), np.cumsum(number) - number, number, changes)

    def drawn(self, rows: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures, changed at random, a caption of each, and concepts."""
        chosen = self.first[rows] + rng.integers(self.number[rows])
        place, keys = torch.from_numpy(rows), torch.from_numpy(rng.integers(2**62, size=len(rows)))
        pictures = augment(self.pictures[place], keys.to(self.pictures.device), self.changes)
        return pictures, self.counts[torch.from_numpy(chosen)], self.concepts[place]


def squared_distance(images: Tensor, texts: Tensor, concepts: Tensor) -> Tensor:
    """Mean of (f_image − f_text)² over pairs and coordinates."""
    return mse_loss(images, texts)


def contrast(images: Tensor, texts: Tensor, concepts: Tensor) -> Tensor:
    """InfoNCE over a batch: (pairs, width) each; pairs of one concept are no negatives of each other."""
    similar = normalize(images) @ normalize(texts).T / TEMPERATURE
    same = (concepts[:, None] == concepts) & ~torch.eye(len(images), dtype=torch.bool, device=images.device)
    similar = similar.masked_fill(same, -torch.inf)
    own = torch.arange(len(images), device=images.device)
    return (cross_entropy(similar, own) + cross_entropy(similar.T, own)) / 2


LOSS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"mse": squared_distance, "infonce": contrast}


def _initial(pairs: CaptionedImages, bag: BagOfWords, options: ExtractorOptions, seed: int) -> Extractor:
    with seeded(derive(seed, "extractor weights")):
        trained = ENCODERS["residual"](list(options.channels), "batch", pairs.shape)
        if options.trunk is None:
            image = ImageSide(trained, trained.output_width, options.width)
        else:  # it stays outside: pictures come in as its features
            image = ImageSide(nn.Identity(), options.trunk.width, options.width)
        return Extractor(image, TextSide(bag.width, options.width), options.loss == "infonce")


def _batches(records: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    return np.array_split(rng.permutation(records), max(1, round(records / size)))
